import { randomBytes, randomUUID } from "node:crypto";
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
