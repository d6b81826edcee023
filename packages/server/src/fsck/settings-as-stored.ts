/** People, groups, trunks, keys, sessions and the tenant itself as the database has them, under the names that rows of evidence have for their columns. */
import { sql } from "kysely";
import type { TenantTransaction } from "#db";
import { fingerprintOf } from "#evidence";
import { publicKeyIdOf } from "#vault";
import { momentText } from "./stored-value.ts";
import { isWhole } from "./whole-moments.ts";

/** Items of the audit trail, in the order in which they are checked. */
export const settingItems = ["Tenant", "User", "Group", "Access Profile", "Access", "Trunk", "API Key", "Session"] as const;
export type SettingItem = (typeof settingItems)[number];

export interface StoredSetting {
  readonly id: string;
  /** False where other tables name it and its own does not. */
  readonly hasRow: boolean;
  readonly deletedAt: unknown;
  readonly createdAt: unknown;
  readonly fields: Readonly<Record<string, unknown>>;
  /** False where a moment that a row tells to the millisecond is finer here. */
  readonly timesWhole: boolean;
}

interface Table {
  /** In words, before an id. */
  readonly what: string;
  /** Every table that names it by this id; its own comes first. */
  readonly tables: readonly string[];
  readonly id: string;
  /** What is deleted keeps its row. */
  readonly isKept: boolean;
  read(tx: TenantTransaction, ids: readonly string[]): Promise<StoredSetting[]>;
}

const plain = { hasRow: true, deletedAt: null, timesWhole: true };

const trunkColumns = ["trunk_id", "name", "source_networks", "person_domains", "unknown", "enabled", "created_at", "transport", "media", "certificates", "numbers", "matching", "recording_user", "digest_username", "digest_realm", "digest_ha1_md5", "digest_ha1_sha256", "digest_set_at"] as const;

/** As access tells them in rows. */
const localFingerprint = (row: { readonly password_hash: string; readonly code_sealed: string; readonly since: Date } | undefined): string | null => (row === undefined ? null : fingerprintOf(row.password_hash, row.code_sealed, momentText(row.since)));
const fingerprintOfEnrollment = (row: { readonly enrollment_id: string; readonly secret_sha256: Uint8Array; readonly expires_at: Date; readonly by_operator: boolean } | undefined): string | null =>
  row === undefined ? null : fingerprintOf(row.enrollment_id, row.secret_sha256, momentText(row.expires_at), String(row.by_operator));

export const settingTables: Readonly<Record<SettingItem, Table>> = {
  Tenant: {
    what: "tenant",
    tables: ["tenants"],
    id: "tenant_id",
    isKept: true,
    async read(tx, ids) {
      const rows = await tx.selectFrom("tenants").selectAll().where("tenant_id", "in", ids).execute();
      return rows.map(({ tenant_id, created_at, public_key, ...fields }) => ({ ...plain, id: tenant_id, createdAt: created_at, fields: { ...fields, public_key: publicKeyIdOf(public_key) } }));
    },
  },
  User: {
    what: "person",
    tables: ["people", "person_addresses", "person_extensions", "group_members", "managed_groups", "person_identities", "local_accounts", "local_enrollments"],
    id: "person_id",
    isKept: true,
    async read(tx, ids) {
      const rows = await tx.selectFrom("people").select(["person_id", "upn", "display_name", "given_name", "family_name", "role", "recorded", "created_at", "deleted_at", "portal_access", "valid_till"]).where("person_id", "in", ids).execute();
      const addresses = Map.groupBy(await tx.selectFrom("person_addresses").select(["person_id", "address"]).where("person_id", "in", ids).execute(), ({ person_id }) => person_id);
      const extensions = Map.groupBy(await tx.selectFrom("person_extensions").select(["person_id", "extension"]).where("person_id", "in", ids).execute(), ({ person_id }) => person_id);
      const groups = Map.groupBy(await tx.selectFrom("group_members").select(["person_id", "group_id"]).where("person_id", "in", ids).execute(), ({ person_id }) => person_id);
      const managed = Map.groupBy(await tx.selectFrom("managed_groups").select(["person_id", "group_id"]).where("person_id", "in", ids).execute(), ({ person_id }) => person_id);
      const accounts = Map.groupBy(await tx.selectFrom("person_identities").select(["person_id", "issuer", "subject"]).where("person_id", "in", ids).execute(), ({ person_id }) => person_id);
      const locals = new Map((await tx.selectFrom("local_accounts").selectAll().where("person_id", "in", ids).execute()).map((row) => [row.person_id, row]));
      const enrollments = new Map((await tx.selectFrom("local_enrollments").selectAll().where("person_id", "in", ids).execute()).map((row) => [row.person_id, row]));
      const own = new Map(rows.map(({ person_id, ...row }) => [person_id, row]));
      return ids.map((id) => {
        const { created_at: createdAt = null, deleted_at: deletedAt = null, ...columns } = own.get(id) ?? {};
        const fields = {
          ...columns,
          addresses: (addresses.get(id) ?? []).map(({ address }) => address).toSorted(),
          extensions: (extensions.get(id) ?? []).map(({ extension }) => extension).toSorted(),
          group_ids: (groups.get(id) ?? []).map(({ group_id }) => group_id).toSorted(),
          managed_group_ids: (managed.get(id) ?? []).map(({ group_id }) => group_id).toSorted(),
          sign_in_accounts: (accounts.get(id) ?? []).map(({ issuer, subject }) => `${issuer} ${subject}`).toSorted(),
          local_sign_in: localFingerprint(locals.get(id)),
          enrollment: fingerprintOfEnrollment(enrollments.get(id)),
        };
        return { ...plain, id, hasRow: own.has(id), createdAt, deletedAt, fields };
      });
    },
  },
  Group: {
    what: "group",
    tables: ["people_groups"],
    id: "group_id",
    isKept: false,
    async read(tx, ids) {
      const rows = await tx.selectFrom("people_groups").select(["group_id", "name", "created_at"]).where("group_id", "in", ids).execute();
      return rows.map(({ group_id, created_at, ...fields }) => ({ ...plain, id: group_id, createdAt: created_at, fields }));
    },
  },
  "Access Profile": {
    what: "access profile",
    tables: ["access_profiles", "access_profile_groups", "access_profile_reach"],
    id: "access_profile_id",
    isKept: false,
    async read(tx, ids) {
      const rows = await tx.selectFrom("access_profiles").select(["access_profile_id", "name", "description", "level", "permissions", "created_at"]).where("access_profile_id", "in", ids).execute();
      const mapped = Map.groupBy(await tx.selectFrom("access_profile_groups").selectAll().where("access_profile_id", "in", ids).execute(), (row) => row.access_profile_id);
      const reached = Map.groupBy(await tx.selectFrom("access_profile_reach").selectAll().where("access_profile_id", "in", ids).execute(), (row) => row.access_profile_id);
      return rows.map(({ access_profile_id: id, created_at, ...fields }) => ({
        ...plain,
        id,
        createdAt: created_at,
        fields: { ...fields, of_group_ids: (reached.get(id) ?? []).map(({ group_id }) => group_id).toSorted(), group_ids: (mapped.get(id) ?? []).map(({ group_id }) => group_id).toSorted() },
      }));
    },
  },
  Access: {
    what: "grant",
    tables: ["access_grants"],
    id: "access_grant_id",
    isKept: true,
    async read(tx, ids) {
      const rows = await tx.selectFrom("access_grants").select(["access_grant_id", "person_id", "access_profile_id", "reason", "created_at", "valid_until", "ended_at"]).select(isWhole("valid_until", "ended_at").as("times_whole")).where("access_grant_id", "in", ids).execute();
      return rows.map(({ access_grant_id, created_at, times_whole, ...fields }) => ({ ...plain, id: access_grant_id, createdAt: created_at, timesWhole: times_whole, fields }));
    },
  },
  Trunk: {
    what: "trunk",
    tables: ["trunks"],
    id: "trunk_id",
    isKept: false,
    async read(tx, ids) {
      const rows = await tx.selectFrom("trunks").select(trunkColumns).select(isWhole("digest_set_at").as("times_whole")).where("trunk_id", "in", ids).execute();
      return rows.map(({ trunk_id, created_at, times_whole, digest_username: username, digest_realm, digest_ha1_md5: md5, digest_ha1_sha256: ha1, digest_set_at: setAt, ...fields }) => {
        const hasPassword = [username, digest_realm, md5, ha1, setAt].some((column) => column !== null);
        return {
          ...plain,
          id: trunk_id,
          createdAt: created_at,
          timesWhole: times_whole,
          fields: { ...fields, digest: hasPassword ? { username, realm: digest_realm, setAt: momentText(setAt) } : null, fingerprint: hasPassword ? fingerprintOf(md5 ?? "", ha1 ?? "") : null },
        };
      });
    },
  },
  "API Key": {
    what: "API key",
    tables: ["api_keys"],
    id: "api_key_id",
    isKept: true,
    async read(tx, ids) {
      const rows = await tx.selectFrom("api_keys").selectAll().select(isWhole("revoked_at").as("times_whole")).where("api_key_id", "in", ids).execute();
      return rows.map(({ api_key_id, name, role, access_profile_id, secret_sha256, created_at, revoked_at, times_whole }) => ({ ...plain, id: api_key_id, createdAt: created_at, timesWhole: times_whole, fields: { name, role, access_profile_id, revoked_at, fingerprint: fingerprintOf(secret_sha256) } }));
    },
  },
  Session: {
    what: "session",
    tables: ["portal_sessions"],
    id: "session_id",
    isKept: true,
    async read(tx, ids) {
      const rows = await tx.selectFrom("portal_sessions").selectAll().select(isWhole("expires_at", "ended_at").as("times_whole")).where("session_id", "in", ids).execute();
      return rows.map(({ session_id, person_id, secret_sha256, begun_by, created_at, expires_at, ended_at, remote_address, user_agent, times_whole }) => {
        const fingerprint = fingerprintOf(secret_sha256, ...(begun_by === null ? [] : [begun_by]));
        return { ...plain, id: session_id, createdAt: created_at, timesWhole: times_whole, fields: { person_id, expires_at, ended_at, remote_address, user_agent, fingerprint } };
      });
    },
  },
};

/** So many ids behind this one (from the first where it is empty), in their order: of everything that any table names. */
export async function settingIds(tx: TenantTransaction, item: SettingItem, after: string, limit: number): Promise<string[]> {
  const { tables, id } = settingTables[item];
  const behind = after === "" ? sql`true` : sql`${sql.ref(id)} > ${after}::uuid`;
  const each = tables.map((table) => sql`(select distinct ${sql.ref(id)} as id from ${sql.table(table)} where tenant_id = ${tx.tenantId} and ${behind} order by 1 limit ${limit})`);
  const { rows } = await sql<{ id: string }>`select id from (${sql.join(each, sql` union `)}) as named order by id limit ${limit}`.execute(tx);
  return rows.map((row) => row.id);
}

export async function countSettings(tx: TenantTransaction): Promise<Readonly<Record<SettingItem, number>>> {
  const each = settingItems.map((item) => sql`select ${item}::text as item, count(*) as count from ${sql.table(settingTables[item].tables[0]!)} where tenant_id = ${tx.tenantId}`);
  const { rows } = await sql<{ item: SettingItem; count: number }>`${sql.join(each, sql` union all `)}`.execute(tx);
  return Object.fromEntries(rows.map(({ item, count }) => [item, count])) as Record<SettingItem, number>;
}
