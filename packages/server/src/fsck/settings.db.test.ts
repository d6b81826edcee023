import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { PersonSettings, TrunkSettings } from "@earwitness/contract";
import { createApiKeys, createSessions } from "#access";
import { createGrantStore } from "../access/grant-store.ts";
import { createProfileStore } from "../access/profile-store.ts";
import { systemClock } from "#clock";
import { withTenant } from "#db";
import type { GraphClient, GroupChange, UserChange } from "#directory";
import { commandLine, erase, type Sequencer } from "#evidence";
import { createTenant, parseProvision, provision } from "#tenants";
import { createTrunkStore } from "#trunks";
import { enroll } from "../access/enrollments.ts";
import { createLocalAccounts } from "../access/local-accounts.ts";
import { codeOf, stepAt } from "../access/one-time-code.ts";
import { byName } from "../access/sign-in.ts";
import { createGroupStore } from "../people/group-store.ts";
import { createImport } from "../people/import-people.ts";
import { createPersonStore } from "../people/person-store.ts";
import { chooseGroups } from "../people/chosen-groups.ts";
import { replicateGroups } from "../people/replicate-groups.ts";
import { replicateUsers } from "../people/replicate-users.ts";
import { sealCall, type SealedCallOptions } from "../recorder/test-sealed-call.ts";
import { createTestInstallation, progressInMemory, told, type TestInstallation } from "../testing/test-installation.ts";
import type { CheckedTenant } from "./checking.ts";
import { lastWords } from "./last-word.ts";
import type { CheckReport } from "./index.ts";
import { createSecondLook } from "./second-look.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

/* What people set up, against the rows of evidence that say so. */

const nodeId = "node-1";
let stage: TestInstallation<SealedCallOptions>;
let [slugs, addresses] = [0, 0];

beforeAll(async () => {
  stage = await createTestInstallation(sealCall);
});
afterAll(() => stage.close());

const context = () => ({ db: stage.db, clock: systemClock, nodeId, ensureKey: (tenantId: string) => stage.vault.keyring.ensure(tenantId) });
const stores = () => {
  const options = { db: stage.db, clock: systemClock, nodeId, announce: () => undefined };
  return { people: createPersonStore(options), groups: createGroupStore(options), importCsv: createImport(options), trunks: createTrunkStore({ ...options, addressesOf: () => [] }), apiKeys: createApiKeys(options), sessions: createSessions(options) };
};

async function newTenant(): Promise<CheckedTenant> {
  const slug = `settled-${(slugs += 1)}`;
  const { tenantId } = await createTenant(context(), { slug, displayName: "Contoso", m365TenantId: crypto.randomUUID() }, commandLine);
  return { tenantId, slug };
}

const actOf = ({ tenantId }: CheckedTenant) => ({ tenantId, by: commandLine, mayGiveAccess: true });
const person = (name: string, more: Partial<PersonSettings> = {}): PersonSettings => ({ displayName: name, upn: `${name}@contoso.example`, givenName: null, familyName: "Vance", role: "User Self View", recorded: true, addresses: [`sip:${name}@contoso.example`], extensions: [], groupIds: [], managedGroupIds: [], ...more });
const nextNetwork = (): string => `10.${1 + ((addresses += 1) >> 8)}.${addresses & 0xff}`;
const trunk = (name: string): TrunkSettings => ({
  name,
  enabled: true,
  sourceNetworks: [`${nextNetwork()}.0/24`, `${nextNetwork()}.7/32`],
  transport: "any",
  media: "any",
  certificates: [],
  personDomains: ["contoso.example", "a.example"],
  numbers: { countryCode: "49", internationalPrefix: "00", nationalPrefix: "0", rewrites: [{ match: "^9(.*)$", replace: "$1" }] },
  matching: [{ by: "address" }, { by: "extension", digits: 4 }],
  unknown: "ignore",
});

/** A tenant with something of everything: of people and groups what was deleted too, of keys and sessions what is over. */
async function settled() {
  const tenant = await newTenant();
  const act = actOf(tenant);
  const { people, groups, trunks, apiKeys, sessions } = stores();
  const traders = (await groups.create(act, { name: "Traders" })).id;
  const gone = (await groups.create(act, { name: "Gone" })).id;
  const adele = (await people.create(act, person("adele", { extensions: ["4711"], groupIds: [traders, gone] }))).id;
  const megan = (await people.create(act, person("megan", { groupIds: [gone] }))).id;
  await groups.remove(act, gone);
  await people.change(act, adele, person("adele", { givenName: "Adele", extensions: ["4711", "123"], addresses: ["+4930123", "sip:adele@contoso.example"], groupIds: [traders] }));
  await people.remove(act, megan);
  const boss = (await people.create(act, person("boss", { role: "Supervisor", managedGroupIds: [traders] }))).id;
  const by = { actor: commandLine, occurredAt: new Date(), nodeId, remoteAddress: "192.0.2.1" };
  const profiles = createProfileStore({ db: stage.db, clock: systemClock });
  const profile = await profiles.create(tenant.tenantId, { name: "Sales", description: "", level: "groups", ofGroupIds: [traders], permissions: ["recording.listen"], groupIds: [traders] }, by);
  await profiles.change(tenant.tenantId, profile.id, { ...profile.settings, description: "Sales EU" }, by);
  await profiles.remove(tenant.tenantId, (await profiles.create(tenant.tenantId, { ...profile.settings, name: "Over" }, by)).id, by);
  const grants = createGrantStore({ db: stage.db, clock: systemClock });
  const until = new Date(Date.now() + 3_600_000).toISOString();
  await grants.end(tenant.tenantId, (await grants.create(tenant.tenantId, { personId: boss, profileId: profile.id, until, reason: "Audit" }, by)).id, by);
  const berlin = (await trunks.create(act, trunk("Berlin"))).id;
  await trunks.setDigest(act, berlin);
  await trunks.remove(act, (await trunks.create(act, trunk("Paris"))).id);
  const inForce = await apiKeys.create(tenant.tenantId, { name: "bot", profile: "Admin" }, commandLine);
  const revoked = await apiKeys.create(tenant.tenantId, { name: "old", profile: "API User" }, commandLine);
  await apiKeys.revoke(tenant.tenantId, revoked.apiKeyId, commandLine);
  const from = { remoteAddress: "192.0.2.1" };
  await withTenant(stage.db, tenant.tenantId, (tx) => byName(tx, { issuer: "https://id.example", subject: `adele of ${tenant.slug}`, tenant: { kind: "named", slug: tenant.slug }, name: "adele@contoso.example" }, { occurredAt: new Date(), nodeId, ...from }));
  const accounts = createLocalAccounts({ db: stage.db, clock: systemClock, nodeId, secret: Buffer.alloc(32) });
  const enrolled = () => withTenant(stage.db, tenant.tenantId, (tx) => enroll(tx, adele, { actor: commandLine, occurredAt: new Date(), nodeId }, true));
  const enrollment = (await enrolled()).text;
  const look = await accounts.look(enrollment);
  await accounts.accept({ enrollment, setup: look.setup, password: "Correct-Horse-7", code: codeOf(look.code.secret, stepAt(new Date())) }, from);
  await enrolled();
  await sessions.end((await sessions.create(tenant.tenantId, adele, from))!.cookie, from);
  await sessions.create(tenant.tenantId, adele, { ...from, userAgent: "Browser", begunBy: crypto.randomUUID() });
  await stage.act(tenant, 1);
  return { tenant, act, adele, megan, traders, berlin, inForce, revoked };
}

const check = (tenant: CheckedTenant, options: Parameters<typeof stage.check>[1] = {}): Promise<CheckReport> => stage.check([tenant], { parts: ["settings"], ...options });
const words = ({ findings }: CheckReport): string[] => findings.map(({ code, where, says }) => `${code} ${where}: ${says}`);

/** Past every rule of the database; afterwards everything is as it was. */
async function changed(tenant: CheckedTenant, table: string, statement: string, values: readonly unknown[] = []): Promise<string[]> {
  const { superuser } = stage;
  await superuser.query(`create temp table kept as select * from ${table}`);
  await superuser.query("set session_replication_role = replica");
  try {
    const { rowCount } = await superuser.query(statement, [...values]);
    expect([statement, rowCount]).not.toEqual([statement, 0]);
    return words(await check(tenant, { twice: (look) => look() }));
  } finally {
    await superuser.query(`delete from ${table}; insert into ${table} select * from kept; drop table kept; set session_replication_role = origin`);
  }
}

const tables = ["tenants", "people", "person_addresses", "person_extensions", "people_groups", "group_members", "managed_groups", "access_profiles", "access_profile_groups", "access_profile_reach", "access_grants", "trunks", "api_keys", "portal_sessions", "person_identities", "local_accounts", "local_enrollments"];
/** docs/operate/fsck.md says so. */
const unseen = new Set(["api_keys.last_used_at", "portal_sessions.seen_at", "local_accounts.code_step"]);
/** Where the table refuses what its type allows. */
const allowed: Readonly<Record<string, string>> = { "tenants.slug": "'x'", "trunks.transport": "'tls'", "trunks.media": "'srtp'", "trunks.unknown": "'record'", "trunks.recording_user": "'abcdefgh'", "person_extensions.extension": "'9' || extension", "people.role": "case role when 'Admin' then 'User' else 'Admin' end", "api_keys.role": "case role when 'Admin' then 'API User' else 'Admin' end", "access_profiles.level": "'all'" };

function otherwise(type: string, column: string): string {
  if (type === "uuid") return "gen_random_uuid()";
  if (type === "text") return `coalesce(${column}, '') || 'x'`;
  if (type === "date") return `coalesce(${column} + 1, current_date)`;
  if (type === "integer") return `${column} - 1`;
  if (type === "boolean") return `not ${column}`;
  if (type === "bytea") return `set_byte(coalesce(${column}, '\\x00'), 0, get_byte(coalesce(${column}, '\\x00'), 0) # 1)`;
  if (type === "jsonb") return `jsonb_insert(jsonb_build_array(${column}), '{0}', '1')`;
  if (type === "timestamp with time zone") return `coalesce(${column} + interval '2 hours', now())`;
  if (type === "cidr[]") return `${column} || '192.0.2.0/24'::cidr`;
  if (type === "text[]") return `${column} || 'x'::text`;
  throw new Error(`nobody knows how to change a ${type}`);
}

describe("PLT-14 what people set up", () => {
  test("agrees after all that the API, a file of people, a provision file and the command line do, and says how much it was", async () => {
    const { tenant, act, adele, megan, traders, berlin } = await settled();
    const { people, groups, importCsv, trunks } = stores();
    await groups.rename(act, traders, { name: "Sales" });
    await importCsv(act, Buffer.from("upn;displayName;recorded;addresses;extensions;groups\nadele@contoso.example;Adele;no;+4930123;;Sales|New\nbill@x.example;Bill;yes;;77777;New\n"), true);
    await trunks.change(act, berlin, { ...trunk("Berlin"), enabled: false, unknown: "record" });
    await trunks.allow(act, berlin, "10.9.9.9");
    await trunks.removeDigest(act, berlin);
    const other = (await trunks.create(act, trunk("Rome"))).id;
    await trunks.setDigest(act, other);
    await trunks.setDigest(act, other);
    const last = (await people.create(act, person("chris", { givenName: "null" }))).id;
    const file = { tenants: [{ tenantId: tenant.tenantId, slug: tenant.slug, displayName: "Contoso Ltd", keepOriginal: false, people: [{ personId: megan, upn: "megan@contoso.example", displayName: "Megan", addresses: ["sip:chris@contoso.example", "sip:a@b.example"] }, { personId: crypto.randomUUID(), upn: "new@contoso.example", displayName: "New", addresses: ["sip:b@b.example"], extensions: ["77777"] }], trunks: [{ trunkId: crypto.randomUUID(), name: "Provisioned", sourceNetworks: ["192.0.2.9", "10.200.0.0/16"] }, { trunkId: berlin, name: "Bonn", sourceNetworks: ["192.0.2.10"] }] }] };
    await provision(context(), parseProvision(JSON.stringify(file)));
    await people.change(act, last, person("chris", { addresses: [] }));
    expect(words(await check(tenant))).toEqual([]);
    await stage.act(tenant, 1);
    const report = await check(tenant);
    expect([words(report), report.tenants[0]!.counted.settings]).toEqual([[], 1 + 6 + 2 + 1 + 1 + 3 + 2 + 2]);
    const written = await withTenant(stage.db, tenant.tenantId, (tx) => tx.selectFrom("evidence").select("detail").where("action", "=", "Verify").where("item", "=", "Log").orderBy("recorded_at", "desc").executeTakeFirstOrThrow());
    expect(written.detail).toMatchObject({ parts: ["settings"], settings: 18, differs: 0 });
    expect(adele).not.toBe(last);
  });

  test("agrees after a directory was read: people who are new, taken over, renamed, removed and back again, and groups that are chosen, filled, emptied and let go of", async () => {
    const tenant = await newTenant();
    const act = actOf(tenant);
    const { people } = stores();
    await people.create(act, person("adele"));
    const id = (last: number): string => `0b0b0b0b-0000-4000-8000-00000000000${last}`;
    const options = { db: stage.db, clock: systemClock, nodeId, announce: () => undefined };
    const graphOf = (...pages: (UserChange | GroupChange)[][]) => ({ usage: () => ({ requests: 0, repeated: 0, waitedMs: 0 }), delta: async function* () { for (const [at, items] of pages.entries()) yield { items, startsOver: false, nextLink: null, deltaLink: `link ${at}` }; } }) as unknown as GraphClient;
    const readPages = async (...pages: UserChange[][]) => await replicateUsers(options, act, graphOf(...pages), { recordsNew: true });
    await readPages([{ id: id(1), userPrincipalName: "ADELE@contoso.example" }, { id: id(2), userPrincipalName: "a@x.example", displayName: "A" }, { id: id(3), userPrincipalName: "b@x.example" }]);
    await readPages([{ id: id(2), displayName: "Renamed" }, { id: id(3), "@removed": { reason: "changed" } }, { id: id(1), "@removed": { reason: "deleted" } }]);
    const sales = "0c0c0c0c-0000-4000-8000-000000000001";
    const readGroup = async (...members: (readonly [last: number, gone?: boolean])[]) => await replicateGroups(options, act, graphOf([{ id: sales, displayName: "Sales", "members@delta": members.map(([last, gone]) => ({ id: id(last), "@odata.type": "#microsoft.graph.user", ...(gone ? { "@removed": { reason: "deleted" } } : {}) })) }]));
    await chooseGroups(options, act, [{ objectId: sales, name: "Sales EU" }]);
    expect(await readGroup([2], [3])).toMatchObject({ came: 1 });
    await readPages([{ id: id(3), userPrincipalName: "b@x.example", displayName: "Back" }]);
    expect(await readGroup([2, true])).toMatchObject({ came: 1, went: 1 });
    expect(words(await check(tenant))).toEqual([]);
    await chooseGroups(options, act, []);
    await readPages([{ id: id(3), "@removed": { reason: "changed" } }]);
    expect(words(await check(tenant))).toEqual([]);
  });

  test("every column of its tables that a superuser changes is found, and what it is of named", async () => {
    const { tenant } = await settled();
    const { rows: columns } = await stage.superuser.query<{ table: string; column: string; type: string }>(
      `select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relname = any($1) and a.attnum > 0 and not a.attisdropped order by 1, 2`,
      [tables],
    );
    expect(columns.length).toBeGreaterThan(55);
    for (const { table, column, type } of columns) {
      if (unseen.has(`${table}.${column}`)) continue;
      const { rows } = await stage.superuser.query<{ at: string; row: Record<string, unknown> }>(`select to_jsonb(t)::text as at, to_jsonb(t) as row from ${table} t where tenant_id = $1`, [tenant.tenantId]);
      for (const { at, row } of rows) {
        // Whole rows of nothing are refused by their table, and a tenant under another id is another tenant.
        if ((column.startsWith("digest_") && row[column] === null) || (column === "access_profile_id" && row["role"] === "Admin") || (table === "tenants" && column === "tenant_id")) continue;
        const found = await changed(tenant, table, `update ${table} set ${column} = ${allowed[`${table}.${column}`] ?? otherwise(type, column)} where to_jsonb(${table}) = $1::jsonb`, [at]);
        const ids = ["access_grant_id", "access_profile_id", "person_id", "session_id", "group_id", "trunk_id", "api_key_id", "tenant_id"].flatMap((name) => (typeof row[name] === "string" && (name !== "tenant_id" || table === "tenants") ? [row[name]] : []));
        expect([table, column, row, found]).toEqual([table, column, row, expect.arrayContaining([expect.stringMatching(new RegExp(`^SETTING_\\w+ [\\w ]+ (${ids.join("|")}): `))])]);
        expect(found.filter((line) => !line.startsWith("SETTING_"))).toEqual([]);
      }
    }
    expect(words(await check(tenant))).toEqual([]);
  });

  test("what was changed stands in the words: what the database says, and which row says otherwise", async () => {
    const { tenant, adele, megan, traders, berlin, inForce, revoked } = await settled();
    const as = (table: string, statement: string, ...values: unknown[]) => changed(tenant, table, statement, values);
    expect(await as("people", "update people set role = 'Admin' where person_id = $1", adele)).toEqual([expect.stringMatching(new RegExp(`^SETTING_DIFFERS person ${adele}: role: the database says Admin, row \\d+ User Self View\\.$`))]);
    expect(await as("people", "update people set given_name = 'null' where person_id = $1", megan)).toEqual([expect.stringContaining(`given_name: the database says "null", row `)]);
    expect(await as("people", "update people set deleted_at = null where person_id = $1", megan)).toEqual([expect.stringContaining(`person ${megan}: the database has it, and row `)]);
    expect(await as("people", "update people set deleted_at = now() where person_id = $1", adele)).toEqual([expect.stringContaining(`person ${adele}: deleted_at: the database says that it was deleted, `)]);
    expect(await as("group_members", "delete from group_members where group_id = $1", traders)).toEqual([expect.stringContaining(`person ${adele}: group_ids: the database says [], row `)]);
    expect(await as("group_members", "insert into group_members select tenant_id, $1, person_id from people where person_id = $2", traders, megan)).toEqual([expect.stringContaining(`person ${megan}: group_ids: `)]);
    expect(await as("trunks", "update trunks set digest_ha1_md5 = md5('mine') where trunk_id = $1", berlin)).toEqual([expect.stringContaining(`trunk ${berlin}: fingerprint of the secret: `)]);
    expect(await as("trunks", "update trunks set digest_set_at = digest_set_at + interval '1 microsecond' where trunk_id = $1", berlin)).toEqual([expect.stringContaining(`trunk ${berlin}: times: `)]);
    expect(await as("trunks", "update trunks set numbers = jsonb_set(numbers, '{rewrites}', '[]') where trunk_id = $1", berlin)).toEqual([expect.stringContaining(`trunk ${berlin}: numbers: `)]);
    expect(await as("api_keys", "update api_keys set secret_sha256 = sha256('mine') where api_key_id = $1", inForce.apiKeyId)).toEqual([expect.stringContaining(`API key ${inForce.apiKeyId}: fingerprint of the secret: `)]);
    expect(await as("api_keys", "update api_keys set revoked_at = null where api_key_id = $1", revoked.apiKeyId)).toEqual([expect.stringContaining("revoked_at: the database says null, row ")]);
    expect(await as("tenants", "update tenants set public_key = sha256('mine') where tenant_id = $1", tenant.tenantId)).toEqual([expect.stringContaining(`tenant ${tenant.tenantId}: id of the public key: `)]);
  });

  test("what was made up or deleted without a row is told", async () => {
    const { tenant, adele, traders, berlin, inForce } = await settled();
    const made = crypto.randomUUID();
    const madeUp = async (table: string, id: string, columns: Record<string, string | null> = {}) => await changed(tenant, table, `insert into ${table} select (jsonb_populate_record(t, jsonb_build_object('${id}', $2::text) || $3)).* from ${table} t where tenant_id = $1 limit 1`, [tenant.tenantId, made, JSON.stringify(columns)]);
    for (const [table, id, what, columns] of [["people", "person_id", "person", { upn: "x@x" }], ["people_groups", "group_id", "group", { name: "x" }], ["trunks", "trunk_id", "trunk", { name: "x", recording_user: "abcdefgh" }], ["api_keys", "api_key_id", "API key", {}], ["portal_sessions", "session_id", "session", { begun_by: null }]] as const) {
      expect(await madeUp(table, id, columns)).toEqual([`SETTING_ADDED ${what} ${made}: No row of evidence says that it was added.`]);
    }
    expect(await changed(tenant, "person_addresses", "insert into person_addresses values ($1, '+49', $2)", [tenant.tenantId, made])).toEqual([`SETTING_ADDED person ${made}: Other tables name it, its own does not, and no row of evidence says that it was added.`]);
    for (const [table, id, what, which] of [["people", "person_id", "person", adele], ["people_groups", "group_id", "group", traders], ["trunks", "trunk_id", "trunk", berlin], ["api_keys", "api_key_id", "API key", inForce.apiKeyId], ["tenants", "tenant_id", "tenant", tenant.tenantId]] as const) {
      expect(await changed(tenant, table, `delete from ${table} where ${id} = $1`, [which])).toEqual([expect.stringMatching(new RegExp(`^SETTING_MISSING ${what} ${which}: Row \\d+ says that it is there, and the database does not have it\\.$`))]);
    }
    expect(await changed(tenant, "portal_sessions", "delete from portal_sessions where tenant_id = $1", [tenant.tenantId])).toEqual([expect.stringContaining("SETTING_MISSING session "), expect.stringContaining("SETTING_MISSING session ")]);
  });

  test("where rows were erased that may say more, nobody can say any more; what is newer than they are still differs", async () => {
    const { tenant, act, adele, traders } = await settled();
    const erasing = (subject: string) => withTenant(stage.db, tenant.tenantId, (tx) => erase(tx, { actor: commandLine, occurredAt: new Date(), nodeId, which: { subject }, reason: "Article 17" }));
    await erasing(adele);
    expect(told(await check(tenant))).toEqual([`SETTING_MAYBE_ERASED person ${adele}`]);
    expect(await changed(tenant, "portal_sessions", "update portal_sessions set expires_at = expires_at + interval '1 day' where tenant_id = $1 and ended_at is null", [tenant.tenantId]), "of no session was anything erased").toEqual(expect.arrayContaining([expect.stringMatching("^SETTING_DIFFERS session .*: expires_at: ")]));
    expect(await changed(tenant, "people_groups", "update people_groups set name = 'x' where group_id = $1", [traders])).toEqual(expect.arrayContaining([expect.stringMatching(`^SETTING_DIFFERS group ${traders}`)]));
    const chris = (await stores().people.create(act, person("chris"))).id;
    await stage.act(tenant, 1);
    expect(await changed(tenant, "people", "update people set recorded = false where person_id = $1", [chris])).toEqual(expect.arrayContaining([expect.stringMatching(`^SETTING_DIFFERS person ${chris}: recorded: `)]));
  });

  test("a row that was changed with what it tells of vouches for nothing", async () => {
    const { tenant, adele } = await settled();
    await stage.superuser.query("update people set role = 'Admin' where person_id = $1", [adele]);
    const rows = "update evidence set detail = replace(detail::text, 'User Self View', 'Admin')::jsonb where subject = $1";
    expect(await changed(tenant, "evidence", rows, [adele])).toEqual([expect.stringContaining(`person ${adele}: `)]);
  });

  test("a trunk that was deleted and brought back by the provision file is of then", async () => {
    const { tenant } = await settled();
    const trunkId = crypto.randomUUID();
    const file = JSON.stringify({ tenants: [{ tenantId: tenant.tenantId, slug: tenant.slug, displayName: "Contoso", people: [], trunks: [{ trunkId, name: "Oslo", sourceNetworks: ["192.0.2.77"] }] }] });
    const bring = () => provision(context(), parseProvision(file));
    await bring();
    await stores().trunks.remove(actOf(tenant), trunkId);
    await bring();
    const [word] = (await withTenant(stage.db, tenant.tenantId, (tx) => lastWords(tx, "Trunk", [trunkId]))).values();
    expect([word!.began, word!.ended]).toEqual([word!.latest, null]);
    expect(words(await check(tenant))).toEqual([]);
  });

  test("values of any shape end no check", async () => {
    const { tenant, adele, berlin, traders } = await settled();
    const deep = `(repeat('[', 2000) || repeat(']', 2000))::jsonb`;
    const plants: [table: string, statement: string, of: string][] = [
      ["trunks", `update trunks set numbers = 'null', matching = ${deep}, source_networks = '[5:6]={10.0.0.0/8,10.0.0.0/8}', person_domains = '{{a,null},{b,c}}' where trunk_id = $1`, berlin],
      ["trunks", `update trunks set numbers = '{"rewrites": 1e400}', created_at = 'infinity', digest_set_at = '-infinity' where trunk_id = $1`, berlin],
      ["people", "update people set created_at = '294276-01-01', deleted_at = 'infinity', upn = repeat('x', 100000), display_name = E'\\n\\x1b' where person_id = $1", adele],
      ["people_groups", "update people_groups set name = '', created_at = '-infinity' where group_id = $1", traders],
      ["evidence", `update evidence set detail = ${deep} where subject = $1`, adele],
      ["evidence", `update evidence set detail = '{"change": {"group_ids": {"to": [1, null, {}]}, "__proto__": {"to": 1}, "digest": {"to": {}}}, "was": [], "fingerprint": 1}' where subject = $1`, adele],
      ["evidence", "update evidence set recorded_at = recorded_at + interval '1 microsecond', occurred_at = 'infinity' where subject = $1", adele],
      ["evidence", "update evidence set subject = E'\\x7f' || repeat('x', 1000) where subject = $1", adele],
    ];
    for (const [table, statement, of] of plants) {
      const found = await changed(tenant, table, statement, [of]);
      const reaches = await changed(tenant, "portal_sessions", "update portal_sessions set expires_at = expires_at + interval '1 year' where tenant_id = $1 and ended_at is null", [tenant.tenantId]);
      expect([statement, found.filter((line) => !line.startsWith("SETTING_")), reaches]).toEqual([statement, [], [expect.stringContaining("expires_at: ")]]);
      if (!statement.includes("microsecond")) expect([statement, found]).toEqual([statement, expect.arrayContaining([expect.stringContaining(of)])]);
    }
  });

  test("thousands of people are gone through page by page, while others change them, without an alarm; killed anywhere it goes on", async () => {
    const { tenant, act } = await settled();
    const { people, groups, importCsv, trunks } = stores();
    await importCsv(act, Buffer.from(`upn;displayName;addresses;groups\n${Array.from({ length: 2_500 }, (_, n) => `p${n}@x.example;P ${n};sip:p${n}@x.example;Traders`).join("\n")}\n`), true);
    await stage.act(tenant, 1);
    const over = new AbortController();
    const sequencer: Sequencer = stage.sequencer;
    const until = async (work: (n: number) => Promise<unknown>): Promise<void> => {
      for (let n = 0; !over.signal.aborted; n += 1) await work(n);
    };
    let made = 0;
    const busy = [
      until(async (n) => {
        const { id } = await people.create(act, person(`w${n}`));
        await people.change(act, id, person(`w${n}`, { recorded: false }));
        if (n % 2 === 0) await people.remove(act, id);
        made += 1;
      }),
      until(async (n) => {
        const { id } = await groups.create(act, { name: `G${n}` });
        const member = (await people.create(act, person(`m${n}`, { groupIds: [id] }))).id;
        await groups.remove(act, id);
        await people.change(act, member, person(`m${n}`, { extensions: [] , addresses: [] }));
      }),
      until(async (n) => {
        const { id } = await trunks.create(act, trunk(`T${n}`));
        await trunks.setDigest(act, id);
        await trunks.remove(act, id);
      }),
      until(async () => {
        await sequencer.keep(tenant.tenantId);
        await sleep(30);
      }),
    ];
    const alarms: string[] = [];
    for (let round = 0; round < 4; round += 1) alarms.push(...words(await check(tenant, { twice: createSecondLook({ pauseMs: 300, looks: 3 }) })));
    over.abort();
    await Promise.all(busy);
    expect(alarms).toEqual([]);
    expect(made).toBeGreaterThan(3);
    await stage.keep(tenant);

    await stage.superuser.query("update people set recorded = not recorded where tenant_id = $1 and upn in ('p3@x.example', 'p900@x.example', 'p2400@x.example')", [tenant.tenantId]);
    const whole = told(await check(tenant));
    expect(whole).toHaveLength(3);
    const progress = progressInMemory();
    for (let deaths = 0; ; deaths += 1) {
      let seen = 0;
      try {
        const report = await check(tenant, { progressFile: progress, goesOn: true, howFar: () => { if ((seen += 1) > 2) throw new Error("killed"); } });
        expect([told(report), deaths > 5]).toEqual([whole, true]);
        break;
      } catch (error) {
        if (!(error instanceof Error) || error.message !== "killed") throw error;
      }
    }
  });
});
