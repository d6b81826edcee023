import type { Clock } from "#clock";
import { withSystem, withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce, type Actor } from "#evidence";
import { newUuid } from "#ids";

export interface Tenant {
  readonly tenantId: string;
  readonly slug: string;
  readonly displayName: string;
  readonly m365TenantId: string | null;
  readonly sandbox: boolean;
  readonly keepOriginal: boolean;
}

export interface NewTenant {
  readonly tenantId?: string;
  readonly slug: string;
  readonly displayName: string;
  readonly m365TenantId?: string | null;
  readonly sandbox?: boolean;
  readonly keepOriginal?: boolean;
}

/** Makes a tenant's key pair if there is none and answers its public half; the keyring's `ensure`. */
export type EnsureKey = (tenantId: string) => Promise<{ publicKeyId: string; publicKey: Uint8Array }>;

export interface TenantsContext {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly ensureKey: EnsureKey;
}

/** The key comes first: a tenant that stands in the table can be recorded for. A key without a tenant harms nobody. */
export async function createTenant({ db, clock, nodeId, ensureKey }: TenantsContext, wanted: NewTenant, by: Actor): Promise<Tenant> {
  const tenant: Tenant = {
    tenantId: wanted.tenantId ?? newUuid(),
    slug: wanted.slug,
    displayName: wanted.displayName,
    m365TenantId: wanted.m365TenantId ?? null,
    sandbox: wanted.sandbox ?? false,
    keepOriginal: wanted.keepOriginal ?? true,
  };
  const { publicKey, publicKeyId } = await ensureKey(tenant.tenantId);
  try {
    await withTenant(db, tenant.tenantId, async (tx) => {
      await tx
        .insertInto("tenants")
        .values({
          tenant_id: tenant.tenantId,
          slug: tenant.slug,
          display_name: tenant.displayName,
          m365_tenant_id: tenant.m365TenantId,
          sandbox: tenant.sandbox,
          keep_original: tenant.keepOriginal,
          public_key: publicKey,
          public_key_id: publicKeyId,
        })
        .execute();
      const { tenantId, ...settings } = tenant;
      const change = Object.fromEntries(Object.entries({ ...settings, publicKeyId }).map(([field, to]) => [field, { from: null, to }]));
      await append(tx, { actor: by, action: "Add", item: "Tenant", subject: tenantId, occurredAt: clock.now(), nodeId, detail: { name: tenant.displayName, change } });
    });
  } catch (error) {
    throw taken(error, tenant) ?? error;
  }
  return tenant;
}

/** What is unique over all tenants is not visible to one: the constraint tells. */
function taken(error: unknown, { slug, m365TenantId }: Tenant): Refusal | null {
  const { code, constraint } = error as { code?: string; constraint?: string };
  if (code !== "23505") return null;
  if (constraint === "tenants_slug_unique") return new Refusal("TENANT_SLUG_TAKEN", 409, `There is a tenant “${slug}” already.`);
  if (constraint === "tenants_m365_tenant_id_unique") return new Refusal("M365_TENANT_TAKEN", 409, `The Microsoft 365 tenant ${m365TenantId} belongs to another tenant already.`);
  return new Refusal("TENANT_EXISTS", 409, "There is a tenant with this id already.");
}

export async function listTenants(db: Db): Promise<Tenant[]> {
  const rows = await withSystem(db, (tx) => tx.selectFrom("tenants").selectAll().orderBy("slug").execute());
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    slug: row.slug,
    displayName: row.display_name,
    m365TenantId: row.m365_tenant_id,
    sandbox: row.sandbox,
    keepOriginal: row.keep_original,
  }));
}

/** The same, where somebody looks: each tenant can read in its own log that it was looked at (MON-28). */
export async function viewTenants(context: Pick<TenantsContext, "db" | "clock" | "nodeId">, by: Actor): Promise<Tenant[]> {
  const tenants = await listTenants(context.db);
  for (const { tenantId, displayName } of tenants) {
    await withTenant(context.db, tenantId, (tx) => appendOnce(tx, { actor: by, action: "View", item: "Tenant", subject: tenantId, occurredAt: context.clock.now(), nodeId: context.nodeId, detail: { name: displayName } }));
  }
  return tenants;
}
