import { afterAll, beforeAll, expect, test } from "vitest";
import { withTenant } from "#db";
import { mintedAt } from "#ids";
import { addInteraction, addPerson, addRecording, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";

/*
 * Rule 8 of the house: a change and its evidence commit together, and listening to a recording is an event too. This walks
 * every route that changes or plays something. A new route fails the first test until it is written down here.
 */

let stage: TestPortal;
let tenantId: string;
let cookie: string;

beforeAll(async () => {
  stage = await createTestPortal({
    openReader: async () => ({ durationMs: 1_000, sampleRate: 8_000, tracks: [1], readPcm: async (_track, _from, count) => new Int16Array(count), close: async () => undefined }),
  });
  tenantId = await addSealingTenant(stage, "contoso");
});
afterAll(() => stage.close());

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly payload?: object | string;
  readonly type?: string;
}
/** What a step may be done to, each made anew for it. */
interface Subjects {
  readonly call: string;
  readonly trunk: string;
  readonly person: string;
  readonly group: string;
}
/** `evidence`: the row that it leaves; `more`: what else it changed on the way, each with its own. */
type Step = { readonly status: number; readonly evidence: { action: string; item: string }; readonly more?: readonly { action: string; item: string }[]; readonly call: (on: Subjects) => Call };

const trunkSettings = (name: string) => ({ name, enabled: true, sourceNetworks: [], transport: "any", media: "any", certificates: [], personDomains: [], numbers: { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] }, matching: [{ by: "number" }], unknown: "ignore" });
const personSettings = (upn: string) => ({ displayName: upn, upn, givenName: null, familyName: null, accessProfile: null, recorded: true, addresses: [], extensions: [], groupIds: [] });
const unique = () => crypto.randomUUID();

/** Every one on a fresh call with a fresh session. */
const walk: Readonly<Record<string, Step>> = {
  "POST /api/v1/interactions/{id}/plays": { status: 201, evidence: { action: "Play", item: "Call" }, call: ({ call }) => ({ method: "POST", url: `/api/v1/interactions/${call}/plays`, payload: { track: 1 } }) },
  "GET /api/v1/interactions/{id}/media": { status: 200, evidence: { action: "Play", item: "Call" }, call: ({ call }) => ({ method: "GET", url: `/api/v1/interactions/${call}/media` }) },
  "GET /api/v1/interactions/{id}/media/{track}": { status: 200, evidence: { action: "Play", item: "Call" }, call: ({ call }) => ({ method: "GET", url: `/api/v1/interactions/${call}/media/1` }) },
  "POST /api/v1/sign-out": { status: 204, evidence: { action: "Logout", item: "Session" }, call: () => ({ method: "POST", url: "/api/v1/sign-out" }) },
  "POST /api/v1/trunks": { status: 201, evidence: { action: "Create", item: "Trunk" }, call: () => ({ method: "POST", url: "/api/v1/trunks", payload: trunkSettings(unique()) }) },
  "PUT /api/v1/trunks/{id}": { status: 200, evidence: { action: "Change", item: "Trunk" }, call: ({ trunk }) => ({ method: "PUT", url: `/api/v1/trunks/${trunk}`, payload: trunkSettings(unique()) }) },
  "DELETE /api/v1/trunks/{id}": { status: 204, evidence: { action: "Delete", item: "Trunk" }, call: ({ trunk }) => ({ method: "DELETE", url: `/api/v1/trunks/${trunk}` }) },
  "POST /api/v1/trunks/{id}/networks": { status: 200, evidence: { action: "Change", item: "Trunk" }, call: ({ trunk }) => ({ method: "POST", url: `/api/v1/trunks/${trunk}/networks`, payload: { network: "192.0.2.7" } }) },
  "POST /api/v1/trunks/{id}/digest": { status: 200, evidence: { action: "Change", item: "Trunk" }, call: ({ trunk }) => ({ method: "POST", url: `/api/v1/trunks/${trunk}/digest` }) },
  "DELETE /api/v1/trunks/{id}/digest": { status: 204, evidence: { action: "Change", item: "Trunk" }, call: ({ trunk }) => ({ method: "DELETE", url: `/api/v1/trunks/${trunk}/digest` }) },
  "POST /api/v1/people": { status: 201, evidence: { action: "Create", item: "Person" }, call: () => ({ method: "POST", url: "/api/v1/people", payload: personSettings(`${unique()}@contoso.example`) }) },
  "PUT /api/v1/people/{id}": { status: 200, evidence: { action: "Change", item: "Person" }, call: ({ person }) => ({ method: "PUT", url: `/api/v1/people/${person}`, payload: personSettings(`${unique()}@contoso.example`) }) },
  "DELETE /api/v1/people/{id}": { status: 204, evidence: { action: "Delete", item: "Person" }, call: ({ person }) => ({ method: "DELETE", url: `/api/v1/people/${person}` }) },
  "POST /api/v1/people/import": {
    status: 200,
    evidence: { action: "Import", item: "People" },
    more: [{ action: "Create", item: "Group" }, { action: "Create", item: "Person" }, { action: "Create", item: "Person" }],
    call: () => ({ method: "POST", url: "/api/v1/people/import?apply=true", type: "text/csv", payload: `upn,displayName,groups\n${unique()}@x,A,G ${unique()}\n${unique()}@x,B,` }),
  },
  "POST /api/v1/groups": { status: 201, evidence: { action: "Create", item: "Group" }, call: () => ({ method: "POST", url: "/api/v1/groups", payload: { name: unique() } }) },
  "PUT /api/v1/groups/{id}": { status: 200, evidence: { action: "Change", item: "Group" }, call: ({ group }) => ({ method: "PUT", url: `/api/v1/groups/${group}`, payload: { name: unique() } }) },
  "DELETE /api/v1/groups/{id}": { status: 204, evidence: { action: "Delete", item: "Group" }, call: ({ group }) => ({ method: "DELETE", url: `/api/v1/groups/${group}` }) },
};

/** Looking changes nothing. Signing in has tests of its own, with a provider. */
const readsOnly = new Set([
  "GET /api/v1/groups",
  "GET /api/v1/groups/{id}",
  "GET /api/v1/health",
  "GET /api/v1/interactions",
  "GET /api/v1/interactions/{id}",
  "GET /api/v1/interactions/{id}/manifest",
  "GET /api/v1/interactions/{id}/peaks",
  "GET /api/v1/live",
  "GET /api/v1/metrics",
  "GET /api/v1/openapi.json",
  "GET /api/v1/people",
  "GET /api/v1/people/{id}",
  "GET /api/v1/people/export",
  "GET /api/v1/session",
  "GET /api/v1/sign-in",
  "GET /api/v1/sign-in/callback",
  "GET /api/v1/trunks",
  "GET /api/v1/trunks/{id}",
  "GET /api/v1/trunks/invitations",
  "GET /api/v1/trunks/invitations/{id}/trace",
  "POST /api/v1/trunks/try",
]);

const routes = () => {
  const { paths } = stage.portal.describe() as unknown as { paths: Record<string, Record<string, unknown>> };
  return Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
};

const evidence = () => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["evidence_id", "action", "item", "actor_kind", "actor_id", "remote_address"]).execute());

async function newSession(): Promise<string> {
  const { personId } = await addPerson(stage.db, tenantId, `${crypto.randomUUID()}@contoso.example`, "Global Admin");
  const session = await stage.sessions.create(tenantId, personId, { remoteAddress: "127.0.0.1" });
  cookie = `${stage.sessionCookie}=${session!.cookie}`;
  return personId;
}

async function newCall(): Promise<string> {
  const id = await addInteraction(stage.db, tenantId);
  await addRecording(stage.db, tenantId, id, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
  return id;
}

async function newSubjects(): Promise<Subjects> {
  const [trunk, group, { personId }] = [unique(), unique(), await addPerson(stage.db, tenantId, `${unique()}@contoso.example`)];
  await withTenant(stage.db, tenantId, async (tx) => {
    const digest = { digest_username: "u", digest_realm: "r", digest_ha1_md5: "m", digest_ha1_sha256: "s", digest_set_at: new Date() };
    await tx.insertInto("trunks").values({ tenant_id: tenantId, trunk_id: trunk, name: trunk, source_networks: [], recording_user: trunk.replaceAll("-", ""), ...digest }).execute();
    await tx.insertInto("people_groups").values({ tenant_id: tenantId, group_id: group, name: group }).execute();
  });
  return { call: await newCall(), trunk, group, person: personId };
}

const send = ({ method, url, payload, type }: Call, headers: Record<string, string> = { cookie, "sec-fetch-site": "same-origin" }) =>
  stage.portal.app.inject({ method, url, headers: { ...headers, ...(type === undefined ? {} : { "content-type": type }) }, ...(payload === undefined ? {} : { payload }) });

test("MON-22 every route is either walked here or known to change nothing", () => {
  expect(routes().toSorted()).toEqual([...Object.keys(walk), ...readsOnly].toSorted());
});

test.for(Object.entries(walk))("MON-22 %s leaves exactly one new row, with actor, action and item", async ([, step]) => {
  const personId = await newSession();
  const on = await newSubjects();
  const before = new Set((await evidence()).map((row) => row.evidence_id));
  const answer = await send(step.call(on));
  expect(answer.statusCode, answer.body).toBe(step.status);
  const rows = (await evidence()).filter((row) => !before.has(row.evidence_id));
  const wanted = [step.evidence, ...(step.more ?? [])].map((row) => ({ evidence_id: expect.any(String), ...row, actor_kind: "person", actor_id: personId, remote_address: "127.0.0.1" }));
  expect(rows).toHaveLength(wanted.length);
  expect(rows).toEqual(expect.arrayContaining(wanted));
});

test.for(Object.entries(walk))("%s leaves none when it is refused", async ([, step]) => {
  await newSession();
  const on = await newSubjects();
  const id = on.call;
  await withTenant(stage.db, tenantId, (tx) => tx.updateTable("interactions").set({ media_status: "Failed" }).where("minted_at", "=", mintedAt(id)).where("interaction_id", "=", id).execute());
  const before = (await evidence()).length;
  expect((await send(step.call(on), {})).statusCode).toBe(401);
  if (step.evidence.action === "Play") expect((await send(step.call(on))).statusCode).toBe(409);
  expect((await evidence()).length).toBe(before);
});

test.for([...readsOnly])("%s leaves none", async (route) => {
  if (route.endsWith("/live")) return; // a stream; no row is written when it opens
  await newSession();
  const { call, trunk, person, group } = await newSubjects();
  const before = (await evidence()).length;
  const [method, path] = route.split(" ") as ["GET" | "POST", string];
  const id = path.includes("/trunks/{") ? trunk : path.includes("/people/") ? person : path.includes("/groups/") ? group : call;
  await send({ method, url: path.replace("{id}", id), ...(method === "POST" ? { payload: { settings: trunkSettings("x"), samples: ["1234"] } } : {}) });
  expect((await evidence()).length).toBe(before);
});
