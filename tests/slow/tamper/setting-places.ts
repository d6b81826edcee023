/** What a superuser of the database can do to people, groups, trunks, keys, sessions and the tenant: every column that a row of evidence tells. */
import { sql, type RawBuilder } from "kysely";
import type { Finding } from "../../../packages/server/src/fsck/index.ts";
import { flipped, otherJson, otherText, otherwhileMicroseconds } from "./changed-values.ts";
import type { Change, Changes } from "./stage.ts";
import type { Random } from "./tally.ts";

/** `moment`: told to the millisecond; `day`: the database's own time, which a row tells nearly; `date`: a day of the calendar. */
type Kind = "text" | "id" | "flag" | "bytes" | "json" | "networks" | "texts" | "moment" | "day" | "date" | "minutes";

interface Table {
  readonly name: string;
  /** By which findings name it; the first that a row has. */
  readonly id: string;
  readonly columns: Readonly<Record<string, Kind>>;
}

const tables = {
  tenants: { name: "tenants", id: "tenant_id", columns: { slug: "text", display_name: "text", m365_tenant_id: "id", sandbox: "flag", keep_original: "flag", session_idle_minutes: "minutes", session_whole_minutes: "minutes", public_key: "bytes", public_key_id: "text", created_at: "day" } },
  people: { name: "people", id: "person_id", columns: { person_id: "id", upn: "text", display_name: "text", given_name: "text", family_name: "text", role: "text", recorded: "flag", portal_access: "flag", valid_till: "date", created_at: "day", deleted_at: "day" } },
  person_addresses: { name: "person_addresses", id: "person_id", columns: { address: "text", person_id: "id" } },
  person_extensions: { name: "person_extensions", id: "person_id", columns: { extension: "text", person_id: "id" } },
  people_groups: { name: "people_groups", id: "group_id", columns: { group_id: "id", name: "text", created_at: "day" } },
  group_members: { name: "group_members", id: "person_id", columns: { group_id: "id", person_id: "id" } },
  trunks: {
    name: "trunks",
    id: "trunk_id",
    columns: { trunk_id: "id", name: "text", source_networks: "networks", person_domains: "texts", unknown: "text", enabled: "flag", created_at: "day", transport: "text", media: "text", certificates: "texts", numbers: "json", matching: "json", recording_user: "text", digest_username: "text", digest_realm: "text", digest_ha1_md5: "text", digest_ha1_sha256: "text", digest_set_at: "moment" },
  },
  api_keys: { name: "api_keys", id: "api_key_id", columns: { api_key_id: "id", name: "text", role: "text", secret_sha256: "bytes", created_at: "day", revoked_at: "moment" } },
  portal_sessions: { name: "portal_sessions", id: "session_id", columns: { session_id: "id", secret_sha256: "bytes", person_id: "id", created_at: "day", expires_at: "moment", ended_at: "moment", remote_address: "text", user_agent: "text" } },
} as const satisfies Record<string, Table>;

/** What is one of a closed set becomes another of it: its table refuses the rest. */
const others: Readonly<Record<string, readonly string[]>> = { unknown: ["ignore", "record"], transport: ["any", "tls"], media: ["any", "srtp"] };

const otherId = (random: Random): string => random.bytes(16).toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

function otherValue(random: Random, column: string, kind: Kind, was: unknown): RawBuilder<unknown> {
  const set = others[column];
  if (set !== undefined) return sql`${random.pick(set.filter((one) => one !== was))}`;
  switch (kind) {
    case "text":
      return sql`${was === null ? random.pick(["", "null"]) : otherText(random, String(was))}`;
    case "id":
      return sql`${otherId(random)}::uuid`;
    case "flag":
      return sql`${was !== true}`;
    case "bytes":
      return sql`${flipped(random, was as Buffer)}`;
    case "json":
      return sql`${JSON.stringify(otherJson(random, was))}::jsonb`;
    case "networks":
      return sql`${sql.ref(column)} || ${`10.${random.below(250)}.0.0/16`}::cidr`;
    case "texts":
      return sql`${random.pick([[], [...(was as string[]), ""], [otherText(random, (was as string[])[0] ?? "")]].filter((one) => JSON.stringify(one) !== JSON.stringify(was)))}::text[]`;
    case "minutes":
      // Of both, the table takes what is a little less.
      return sql`${sql.ref(column)} - ${1 + random.below(60)}::integer`;
    case "date":
      return sql`coalesce(${sql.ref(column)}, current_date) + ${1 + random.below(400)}::integer`;
    case "moment":
      return sql`coalesce(${sql.ref(column)} + ${otherwhileMicroseconds(random)}::interval, now())`;
    case "day":
      return was === null ? sql`now()` : random.below(3) === 0 && column === "deleted_at" ? sql`null` : sql`${sql.ref(column)} + ${`${random.pick([-1, 1]) * (2 + random.below(1_000))} hours`}::interval`;
  }
}

/** The person, the group or whatever it is of, as what differs. */
const namesOneOf = (ids: readonly unknown[]) => (findings: readonly Finding[]): boolean => findings.some(({ code, where }) => code.startsWith("SETTING_") && ids.some((id) => where.endsWith(` ${String(id)}`)));

async function rowOf({ name }: Table, tx: Parameters<Change>[0], tenantId: string, random: Random): Promise<Record<string, unknown>> {
  // Ids are other ones each time, and so is their order: places are counted by where a row lies.
  const { rows } = await sql<Record<string, unknown>>`select *, ctid::text as at from ${sql.table(name)} where tenant_id = ${tenantId} order by ctid`.execute(tx);
  return random.pick(rows);
}

function valueChanged(table: Table): Change {
  return async (tx, { tenantId, random }) => {
    const row = await rowOf(table, tx, tenantId, random);
    // A password is there with all of its columns, or none of them.
    const column = random.pick(Object.keys(table.columns).filter((one) => !(one.startsWith("digest_") && row[one] === null)));
    const { rows: changed } = await sql<Record<string, unknown>>`update ${sql.table(table.name)} set ${sql.ref(column)} = ${otherValue(random, column, table.columns[column]!, row[column])} where tenant_id = ${tenantId} and ctid = ${row["at"]}::tid returning *`.execute(tx);
    return { what: `${column} of a row of ${table.name} (${String(row[table.id])}), which was ${JSON.stringify(row[column])} and is ${JSON.stringify(changed[0]?.[column])}`, names: namesOneOf([row[table.id], changed[0]?.[table.id]]) };
  };
}

function rowDeleted(table: Table): Change {
  return async (tx, { tenantId, random }) => {
    const row = await rowOf(table, tx, tenantId, random);
    await sql`delete from ${sql.table(table.name)} where tenant_id = ${tenantId} and ctid = ${row["at"]}::tid`.execute(tx);
    return { what: `a row of ${table.name} (${String(row[table.id])})`, names: namesOneOf([row[table.id]]) };
  };
}

/** A copy under another id, as somebody would let themselves in. */
function rowMadeUp(table: Table, more: Readonly<Record<string, string | null>> = {}): Change {
  return async (tx, { tenantId, random }) => {
    const row = await rowOf(table, tx, tenantId, random);
    const id = otherId(random);
    await sql`insert into ${sql.table(table.name)} select (jsonb_populate_record(t, ${JSON.stringify({ [table.id]: id, ...more })}::jsonb)).* from ${sql.table(table.name)} t where tenant_id = ${tenantId} and ctid = ${row["at"]}::tid`.execute(tx);
    return { what: `${table.id} ${id} in ${table.name}`, names: namesOneOf([id]) };
  };
}

const all: readonly Table[] = Object.values(tables);
const oneOf = (changes: readonly Change[]): Change => async (tx, stage) => await stage.random.pick(changes)(tx, stage);

export const settingChanges: Changes<Change> = [
  ["a value of a trunk", 8, valueChanged(tables.trunks)],
  ["a value of a person", 8, oneOf([tables.people, tables.people, tables.person_addresses, tables.person_extensions, tables.group_members].map(valueChanged))],
  ["a value of a group", 2, valueChanged(tables.people_groups)],
  ["a value of an API key", 4, valueChanged(tables.api_keys)],
  ["a value of a session", 4, valueChanged(tables.portal_sessions)],
  ["a value of the tenant", 3, valueChanged(tables.tenants)],
  ["what was set up deleted", 5, oneOf(all.map(rowDeleted))],
  ["what is set up made up", 4, oneOf([rowMadeUp(tables.people, { upn: "made-up@contoso.example" }), rowMadeUp(tables.people_groups, { name: "Made up" }), rowMadeUp(tables.trunks, { name: "Made up", recording_user: "madeup" }), rowMadeUp(tables.api_keys), rowMadeUp(tables.portal_sessions, { begun_by: null }), rowMadeUp(tables.group_members)])],
];
