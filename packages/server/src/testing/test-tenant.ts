import { randomBytes, randomUUID } from "node:crypto";
import type { AccessProfileSettings } from "@earwitness/contract";
import { withTenant, type Db } from "#db";
import { createLog } from "#log";

export const quietLog = createLog("silent");

/** A tenant to hang things on; its key is random bytes, which nothing can be opened with. */
export async function addTenant(db: Db, slug = `tenant-${randomBytes(4).toString("hex")}`): Promise<string> {
  const tenantId = randomUUID();
  await withTenant(db, tenantId, (tx) =>
    tx
      .insertInto("tenants")
      .values({ tenant_id: tenantId, slug, display_name: slug, public_key: randomBytes(32), public_key_id: randomUUID() })
      .execute(),
  );
  return tenantId;
}

/** An access profile of the tenant's, by default one for own calls; answers its name, as keys are given it. */
export async function addProfile(db: Db, tenantId: string, name = "Own Calls", wanted: Partial<AccessProfileSettings> = {}): Promise<string> {
  const { level, permissions, groupIds, ofGroupIds } = { level: "own" as const, permissions: ["interaction.note" as const, "recording.listen" as const], groupIds: [], ofGroupIds: [], ...wanted };
  const access_profile_id = randomUUID();
  await withTenant(db, tenantId, async (tx) => {
    await tx.insertInto("access_profiles").values({ tenant_id: tenantId, access_profile_id, name, description: "", level, permissions }).execute();
    for (const group_id of groupIds) await tx.insertInto("access_profile_groups").values({ tenant_id: tenantId, access_profile_id, group_id }).execute();
    for (const group_id of ofGroupIds) await tx.insertInto("access_profile_reach").values({ tenant_id: tenantId, access_profile_id, group_id }).execute();
  });
  return name;
}
