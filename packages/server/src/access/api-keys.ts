import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce, fingerprintOf, type Actor } from "#evidence";
import { newUuid } from "#ids";
import { makePrincipal, type Principal } from "./principal.ts";
import { rightsOfKey } from "./read-rights.ts";
import { digestOf, isSecret, newSecret, secretForm } from "./secret.ts";

export interface ApiKey {
  readonly apiKeyId: string;
  readonly name: string;
  /** `Admin`, or the name of the access profile whose rights it has. */
  readonly profile: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface ApiKeys {
  /** The key itself is answered once and kept nowhere. */
  create(tenantId: string, wanted: { name: string; profile: string }, by: Actor): Promise<{ apiKeyId: string; key: string }>;
  /** Null for anything that is not a key in force. Where it came from is told where somebody tries it, not where it is looked at again. */
  verify(key: string, tried?: { readonly remoteAddress: string }): Promise<Principal | null>;
  /** Whoever is told "revoked" can rely on it: the next request with the key is refused. */
  revoke(tenantId: string, apiKeyId: string, by: Actor): Promise<void>;
  list(tenantId: string, by: Actor): Promise<ApiKey[]>;
}

/** `ew_<tenant>_<key>_<secret>`: the tenant is in the key, so that it is looked up where its tenant's rows are. */
const form = new RegExp(`^ew_([0-9a-f]{32})_([0-9a-f]{32})_(${secretForm})$`);

const bare = (uuid: string): string => uuid.replaceAll("-", "");
const uuid = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** When a key was last used is known to the minute; a row written for every request would be a high price for more. */
const usedStepMs = 60_000;

export function createApiKeys({ db, clock, nodeId }: { db: Db; clock: Clock; nodeId: string }): ApiKeys {
  return {
    async create(tenantId, { name, profile }, by) {
      const apiKeyId = newUuid();
      const secret = newSecret();
      const secretSha256 = digestOf(secret);
      await withTenant(db, tenantId, async (tx) => {
        const given = await rightsNamed(tx, profile);
        await tx.insertInto("api_keys").values({ tenant_id: tenantId, api_key_id: apiKeyId, name, ...given, secret_sha256: secretSha256 }).execute();
        await append(tx, { actor: by, action: "Add", item: "API Key", subject: apiKeyId, occurredAt: clock.now(), nodeId, detail: { name, change: { name: { from: null, to: name }, role: { from: null, to: given.role }, access_profile_id: { from: null, to: given.access_profile_id } }, fingerprint: fingerprintOf(secretSha256) } });
      });
      return { apiKeyId, key: `ew_${bare(tenantId)}_${bare(apiKeyId)}_${secret}` };
    },

    async verify(key, tried) {
      const [, tenant, id, secret] = form.exec(key) ?? [];
      if (tenant === undefined || id === undefined || secret === undefined) return null;
      const [tenantId, apiKeyId] = [uuid(tenant), uuid(id)];
      const now = clock.now();
      return await withTenant(db, tenantId, async (tx) => {
        const row = await tx.selectFrom("api_keys").selectAll().where("api_key_id", "=", apiKeyId).executeTakeFirst();
        if (row === undefined) return null;
        const why = !isSecret(secret, row.secret_sha256) ? "wrong secret" : row.revoked_at !== null ? "revoked" : null;
        if (why !== null) {
          if (tried !== undefined) await appendOnce(tx, { actor: { kind: "api_key", id: apiKeyId, name: row.name }, action: "Login Failed", item: "API Key", subject: apiKeyId, occurredAt: now, nodeId, ...tried, detail: { name: row.name, why } });
          return null;
        }
        if (row.last_used_at === null || now.getTime() - row.last_used_at.getTime() >= usedStepMs) {
          await tx.updateTable("api_keys").set({ last_used_at: now }).where("api_key_id", "=", apiKeyId).execute();
        }
        return makePrincipal({ kind: "api_key", id: apiKeyId, name: row.name, tenantId, personId: null }, await rightsOfKey(tx, row));
      });
    },

    async revoke(tenantId, apiKeyId, by) {
      const now = clock.now();
      await withTenant(db, tenantId, async (tx) => {
        const row = await tx
          .updateTable("api_keys")
          .set({ revoked_at: now })
          .where("api_key_id", "=", apiKeyId)
          .where("revoked_at", "is", null)
          .returning("name")
          .executeTakeFirst();
        if (row === undefined) throw new Refusal("API_KEY_NOT_FOUND", 404, "There is no such key in force.");
        await append(tx, { actor: by, action: "Disabled", item: "API Key", subject: apiKeyId, occurredAt: now, nodeId, detail: { name: row.name } });
      });
    },

    async list(tenantId, by) {
      const rows = await withTenant(db, tenantId, async (tx) => {
        await appendOnce(tx, { actor: by, action: "Access", item: "API Key", occurredAt: clock.now(), nodeId });
        return await tx
          .selectFrom("api_keys as k")
          .leftJoin("access_profiles as p", (join) => join.onRef("p.tenant_id", "=", "k.tenant_id").onRef("p.access_profile_id", "=", "k.access_profile_id"))
          .selectAll("k")
          .select("p.name as profile_name")
          .orderBy("k.created_at")
          .orderBy("k.api_key_id")
          .execute();
      });
      return rows.map((row) => ({
        apiKeyId: row.api_key_id,
        name: row.name,
        profile: row.access_profile_id === null ? row.role : (row.profile_name ?? "(removed)"),
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at,
        revokedAt: row.revoked_at,
      }));
    },
  };
}

/** `Admin`, or the name of one of the tenant's access profiles. `API User` alone is a key that may do nothing yet. */
async function rightsNamed(tx: TenantTransaction, profile: string): Promise<{ readonly role: "Admin" | "API User"; readonly access_profile_id: string | null }> {
  if (profile === "Admin" || profile === "API User") return { role: profile, access_profile_id: null };
  const profiles = await tx.selectFrom("access_profiles").select(["access_profile_id", "name"]).orderBy((eb) => eb.fn("lower", ["name"])).execute();
  const found = profiles.find(({ name }) => name.toLowerCase() === profile.trim().toLowerCase());
  if (found !== undefined) return { role: "API User", access_profile_id: found.access_profile_id };
  throw new Refusal("UNKNOWN_PROFILE", 400, `There is no access profile “${profile}”; there are ${["Admin", ...profiles.map(({ name }) => name)].join(", ")}.`);
}
