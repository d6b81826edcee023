import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contosoGroups, contosoTenant, createContosoDirectory, createGraph, type SandboxGraph } from "@earwitness/sandbox";
import type { Action, Item } from "@earwitness/contract";
import { dataPlace } from "@earwitness/verify";
import { withTenant } from "#db";
import { append, commandLine } from "#evidence";
import { mintedAt } from "#ids";
import { addInteraction, addPerson, addRecording, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";

/*
 * Rule 8 of the house: a change and its evidence commit together, and looking at something is an event too. This walks
 * every route of the running portal. A new route fails the first test until it is written down here: as one that leaves a
 * row, and which, or as one that neither changes nor reveals anything.
 */

let stage: TestPortal;
let tenantId: string;
let cookie: string;
/** Whose session it is. */
let caller: string;

let graph: SandboxGraph;
const app = { clientId: contosoTenant.m365TenantId, clientSecret: "sandbox-secret-1", permissions: ["User.Read.All", "GroupMember.Read.All"] };

beforeAll(async () => {
  graph = await createGraph({ port: 0, directory: createContosoDirectory(), apps: [app], problem: (text) => expect.unreachable(text) });
  stage = await createTestPortal({
    graph: { graphUrl: graph.graphUrl, loginUrl: graph.origin },
    keepsLogs: true,
    evidencePage: `<!doctype html>\n${dataPlace}`,
    openReader: async () => ({ durationMs: 1_000, sampleRate: 8_000, tracks: [1], readPcm: async (_track, _from, count) => new Int16Array(count), close: async () => undefined }),
  });
  tenantId = await addSealingTenant(stage, "contoso");
  await withTenant(stage.db, tenantId, (tx) => append(tx, { actor: { kind: "job", id: "t", name: "t" }, action: "Add", item: "Tenant", subject: tenantId, occurredAt: new Date(), nodeId: "node-1", detail: { name: "contoso", change: { slug: { from: null, to: "contoso" } } } }));
});
afterAll(async () => {
  await stage.close();
  await graph.close();
});

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly payload?: object | string;
  readonly type?: string;
}
/** What a step may be done to, each made anew for it. */
interface Subjects {
  readonly call: string;
  /** A call that was never answered. */
  readonly unanswered: string;
  readonly trunk: string;
  readonly person: string;
  /** Who never signed in with a provider. */
  readonly stranger: string;
  /** Another session of whoever asks. */
  readonly ownSession: string;
  /** A session of the person. */
  readonly session: string;
  readonly group: string;
  readonly profile: string;
  readonly grant: string;
  readonly invitation: string;
  readonly entry: string;
  /** A row of evidence that a checkpoint covers. */
  readonly evidence: string;
}
interface Row {
  readonly action: Action;
  readonly item: Item;
}
interface Step {
  readonly status: number;
  /** The row that it leaves. */
  readonly evidence: Row;
  /** What else it changed on the way, each with its own. */
  readonly more?: readonly Row[];
  /** Looking again at the same thing leaves no second row (decision 0014). */
  readonly once?: true;
  readonly call: (on: Subjects) => Call;
}

const trunkSettings = (name: string) => ({ name, enabled: true, sourceNetworks: [], transport: "any", media: "any", certificates: [], personDomains: [], numbers: { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] }, matching: [{ by: "number" }], unknown: "ignore" });
const personSettings = (upn: string) => ({ displayName: upn, upn, givenName: null, familyName: null, role: "User", recorded: true, addresses: [], extensions: [], groupIds: [], managedGroupIds: [] });
const profileSettings = (name: string) => ({ name, description: "", level: "own", ofGroupIds: [], permissions: [], groupIds: [] });
const unique = () => crypto.randomUUID();
const get = (url: string): Call => ({ method: "GET", url });

/** Every one on fresh things with a fresh session. */
const walk: Readonly<Record<string, Step>> = {
  "GET /api/v1/interactions": { status: 200, evidence: { action: "Access", item: "Interactions" }, once: true, call: () => get("/api/v1/interactions") },
  "GET /api/v1/interactions?q": { status: 200, evidence: { action: "Search", item: "Interactions" }, once: true, call: () => get("/api/v1/interactions?q=adele&status=Available") },
  "GET /api/v1/interactions/:id": { status: 200, evidence: { action: "View", item: "Call" }, once: true, call: ({ call }) => get(`/api/v1/interactions/${call}`) },
  "GET /api/v1/interactions/:id/peaks": { status: 200, evidence: { action: "View", item: "Call" }, once: true, call: ({ call }) => get(`/api/v1/interactions/${call}/peaks`) },
  "GET /api/v1/interactions/:id/manifest": { status: 200, evidence: { action: "View", item: "Call" }, once: true, call: ({ call }) => get(`/api/v1/interactions/${call}/manifest`) },
  "POST /api/v1/interactions/:id/proof": { status: 200, evidence: { action: "Verify", item: "Call" }, call: ({ unanswered }) => ({ method: "POST", url: `/api/v1/interactions/${unanswered}/proof` }) },
  "POST /api/v1/interactions/:id/verifications": { status: 201, evidence: { action: "Verify", item: "Call" }, call: ({ call }) => ({ method: "POST", url: `/api/v1/interactions/${call}/verifications`, payload: { result: "holds", checked: ["All of it."], differing: [], checkpoint: null } }) },
  "POST /api/v1/interactions/:id/plays": { status: 201, evidence: { action: "Play", item: "Call" }, call: ({ call }) => ({ method: "POST", url: `/api/v1/interactions/${call}/plays`, payload: { track: 1 } }) },
  "GET /api/v1/interactions/:id/media": { status: 200, evidence: { action: "Play", item: "Call" }, once: true, call: ({ call }) => get(`/api/v1/interactions/${call}/media`) },
  "GET /api/v1/interactions/:id/media/:track": { status: 200, evidence: { action: "Play", item: "Call" }, once: true, call: ({ call }) => get(`/api/v1/interactions/${call}/media/1`) },
  "GET /api/v1/audit": { status: 200, evidence: { action: "Access", item: "Audit Trail" }, once: true, call: () => get("/api/v1/audit") },
  "GET /api/v1/audit?name": { status: 200, evidence: { action: "Search", item: "Audit Trail" }, once: true, call: () => get("/api/v1/audit?name=adele&action=View") },
  "GET /api/v1/audit/:id": { status: 200, evidence: { action: "View", item: "Audit Trail" }, once: true, call: ({ entry }) => get(`/api/v1/audit/${entry}`) },
  "GET /api/v1/audit/as-of": { status: 200, evidence: { action: "View", item: "Tenant" }, once: true, call: () => get(`/api/v1/audit/as-of?item=Tenant&subject=${tenantId}&at=2126-01-01T00:00:00Z`) },
  "POST /api/v1/audit/export": { status: 200, evidence: { action: "Export", item: "Audit Trail" }, call: ({ entry }) => ({ method: "POST", url: "/api/v1/audit/export", payload: { ids: [entry] } }) },
  "POST /api/v1/audit/export?filter": { status: 200, evidence: { action: "Export", item: "Audit Trail" }, call: () => ({ method: "POST", url: "/api/v1/audit/export", payload: { filter: { item: ["Trunk"] } } }) },
  "POST /api/v1/evidence-bundles": { status: 200, evidence: { action: "Export", item: "Call" }, call: ({ unanswered }) => ({ method: "POST", url: "/api/v1/evidence-bundles", payload: { reason: "Case 17", interactions: [unanswered] } }) },
  "POST /api/v1/sign-out": { status: 204, evidence: { action: "Logout", item: "Session" }, call: () => ({ method: "POST", url: "/api/v1/sign-out" }) },
  "DELETE /api/v1/sessions/:id": { status: 204, evidence: { action: "Logout", item: "Session" }, call: ({ ownSession }) => ({ method: "DELETE", url: `/api/v1/sessions/${ownSession}` }) },
  "DELETE /api/v1/sessions": { status: 200, evidence: { action: "Logout", item: "Session" }, more: [{ action: "Logout", item: "Session" }], call: () => ({ method: "DELETE", url: "/api/v1/sessions" }) },
  "GET /api/v1/session-limits": { status: 200, evidence: { action: "View", item: "Tenant" }, once: true, call: () => get("/api/v1/session-limits") },
  "PUT /api/v1/session-limits": { status: 200, evidence: { action: "Modify", item: "Tenant" }, call: () => ({ method: "PUT", url: "/api/v1/session-limits", payload: { idleMinutes: 60, wholeMinutes: 600 + Math.floor(Math.random() * 9_000) } }) },
  "GET /api/v1/people/:id/sign-in": { status: 200, evidence: { action: "View", item: "User" }, once: true, call: ({ person }) => get(`/api/v1/people/${person}/sign-in`) },
  "PUT /api/v1/people/:id/sign-in": { status: 200, evidence: { action: "Modify", item: "User" }, more: [{ action: "Logout", item: "Session" }], call: ({ person }) => ({ method: "PUT", url: `/api/v1/people/${person}/sign-in`, payload: { portalAccess: false, validTill: null } }) },
  "DELETE /api/v1/people/:id/accounts": { status: 204, evidence: { action: "Modify", item: "User" }, more: [{ action: "Logout", item: "Session" }], call: ({ person }) => ({ method: "DELETE", url: `/api/v1/people/${person}/accounts` }) },
  "POST /api/v1/people/:id/enrollments": { status: 201, evidence: { action: "Modify", item: "User" }, call: ({ stranger }) => ({ method: "POST", url: `/api/v1/people/${stranger}/enrollments` }) },
  "DELETE /api/v1/people/:id/local-account": { status: 204, evidence: { action: "Modify", item: "User" }, more: [{ action: "Logout", item: "Session" }], call: ({ person }) => ({ method: "DELETE", url: `/api/v1/people/${person}/local-account` }) },
  "DELETE /api/v1/people/:id/sessions": { status: 200, evidence: { action: "Logout", item: "Session" }, call: ({ person }) => ({ method: "DELETE", url: `/api/v1/people/${person}/sessions` }) },
  "DELETE /api/v1/people/:id/sessions/:sessionId": { status: 204, evidence: { action: "Logout", item: "Session" }, call: ({ person, session }) => ({ method: "DELETE", url: `/api/v1/people/${person}/sessions/${session}` }) },
  "GET /api/v1/trunks": { status: 200, evidence: { action: "Access", item: "Trunk" }, once: true, call: () => get("/api/v1/trunks") },
  "GET /api/v1/trunks/:id": { status: 200, evidence: { action: "View", item: "Trunk" }, once: true, call: ({ trunk }) => get(`/api/v1/trunks/${trunk}`) },
  "POST /api/v1/trunks": { status: 201, evidence: { action: "Add", item: "Trunk" }, call: () => ({ method: "POST", url: "/api/v1/trunks", payload: trunkSettings(unique()) }) },
  "PUT /api/v1/trunks/:id": { status: 200, evidence: { action: "Modify", item: "Trunk" }, call: ({ trunk }) => ({ method: "PUT", url: `/api/v1/trunks/${trunk}`, payload: trunkSettings(unique()) }) },
  "DELETE /api/v1/trunks/:id": { status: 204, evidence: { action: "Delete", item: "Trunk" }, call: ({ trunk }) => ({ method: "DELETE", url: `/api/v1/trunks/${trunk}` }) },
  "POST /api/v1/trunks/:id/networks": { status: 200, evidence: { action: "Modify", item: "Trunk" }, call: ({ trunk }) => ({ method: "POST", url: `/api/v1/trunks/${trunk}/networks`, payload: { network: "192.0.2.7" } }) },
  "POST /api/v1/trunks/:id/digest": { status: 200, evidence: { action: "Modify", item: "Trunk" }, call: ({ trunk }) => ({ method: "POST", url: `/api/v1/trunks/${trunk}/digest` }) },
  "DELETE /api/v1/trunks/:id/digest": { status: 204, evidence: { action: "Modify", item: "Trunk" }, call: ({ trunk }) => ({ method: "DELETE", url: `/api/v1/trunks/${trunk}/digest` }) },
  "POST /api/v1/trunks/try": { status: 200, evidence: { action: "Search", item: "User" }, once: true, call: () => ({ method: "POST", url: "/api/v1/trunks/try", payload: { settings: trunkSettings("x"), samples: ["1234"] } }) },
  "GET /api/v1/trunks/invitations": { status: 200, evidence: { action: "Access", item: "Trunk" }, once: true, call: () => get("/api/v1/trunks/invitations") },
  "GET /api/v1/trunks/invitations?trunk": { status: 200, evidence: { action: "View", item: "Trunk" }, once: true, call: ({ trunk }) => get(`/api/v1/trunks/invitations?trunk=${trunk}`) },
  "GET /api/v1/trunks/invitations/:id/trace": { status: 200, evidence: { action: "View", item: "Invitation" }, once: true, call: ({ invitation }) => get(`/api/v1/trunks/invitations/${invitation}/trace`) },
  "GET /api/v1/people": { status: 200, evidence: { action: "Access", item: "Directory" }, once: true, call: () => get("/api/v1/people") },
  "GET /api/v1/people?q": { status: 200, evidence: { action: "Search", item: "User" }, once: true, call: () => get("/api/v1/people?q=adele") },
  "GET /api/v1/people/:id": { status: 200, evidence: { action: "View", item: "User" }, once: true, call: ({ person }) => get(`/api/v1/people/${person}`) },
  "GET /api/v1/people/export": { status: 200, evidence: { action: "Export", item: "User" }, call: () => get("/api/v1/people/export") },
  "POST /api/v1/people": { status: 201, evidence: { action: "Add", item: "User" }, call: () => ({ method: "POST", url: "/api/v1/people", payload: personSettings(`${unique()}@contoso.example`) }) },
  "PUT /api/v1/people/:id": { status: 200, evidence: { action: "Modify", item: "User" }, call: ({ person }) => ({ method: "PUT", url: `/api/v1/people/${person}`, payload: personSettings(`${unique()}@contoso.example`) }) },
  "DELETE /api/v1/people/:id": { status: 204, evidence: { action: "Delete", item: "User" }, call: ({ person }) => ({ method: "DELETE", url: `/api/v1/people/${person}` }) },
  "POST /api/v1/people/import": { status: 200, evidence: { action: "Search", item: "User" }, once: true, call: () => ({ method: "POST", url: "/api/v1/people/import", type: "text/csv", payload: `upn,displayName\n${unique()}@x,A` }) },
  "POST /api/v1/people/import?apply=true": {
    status: 200,
    evidence: { action: "Import", item: "User" },
    more: [{ action: "Add", item: "Group" }, { action: "Add", item: "User" }, { action: "Add", item: "User" }],
    call: () => ({ method: "POST", url: "/api/v1/people/import?apply=true", type: "text/csv", payload: `upn,displayName,groups\n${unique()}@x,A,G ${unique()}\n${unique()}@x,B,` }),
  },
  "GET /api/v1/groups": { status: 200, evidence: { action: "Access", item: "Directory" }, once: true, call: () => get("/api/v1/groups") },
  "GET /api/v1/groups/:id": { status: 200, evidence: { action: "View", item: "Group" }, once: true, call: ({ group }) => get(`/api/v1/groups/${group}`) },
  "POST /api/v1/groups": { status: 201, evidence: { action: "Add", item: "Group" }, call: () => ({ method: "POST", url: "/api/v1/groups", payload: { name: unique() } }) },
  "PUT /api/v1/groups/:id": { status: 200, evidence: { action: "Modify", item: "Group" }, call: ({ group }) => ({ method: "PUT", url: `/api/v1/groups/${group}`, payload: { name: unique() } }) },
  "GET /api/v1/access-profiles": { status: 200, evidence: { action: "Access", item: "Access Profile" }, once: true, call: () => get("/api/v1/access-profiles") },
  "GET /api/v1/access-profiles/choices": { status: 200, evidence: { action: "Access", item: "Directory" }, once: true, call: () => get("/api/v1/access-profiles/choices?q=a%25") },
  "GET /api/v1/access-profiles/:id": { status: 200, evidence: { action: "View", item: "Access Profile" }, once: true, call: ({ profile }) => get(`/api/v1/access-profiles/${profile}`) },
  "POST /api/v1/access-profiles": { status: 201, evidence: { action: "Add", item: "Access Profile" }, call: () => ({ method: "POST", url: "/api/v1/access-profiles", payload: profileSettings(unique()) }) },
  "PUT /api/v1/access-profiles/:id": { status: 200, evidence: { action: "Modify", item: "Access Profile" }, call: ({ profile }) => ({ method: "PUT", url: `/api/v1/access-profiles/${profile}`, payload: profileSettings(unique()) }) },
  "DELETE /api/v1/access-profiles/:id": { status: 204, evidence: { action: "Delete", item: "Access Profile" }, call: ({ profile }) => ({ method: "DELETE", url: `/api/v1/access-profiles/${profile}` }) },
  "GET /api/v1/access-grants": { status: 200, evidence: { action: "Access", item: "Access" }, once: true, call: () => get("/api/v1/access-grants") },
  "POST /api/v1/access-grants": { status: 201, evidence: { action: "Add", item: "Access" }, call: ({ person, profile }) => ({ method: "POST", url: "/api/v1/access-grants", payload: { personId: person, profileId: profile, until: new Date(Date.now() + 60_000).toISOString(), reason: "Audit" } }) },
  "DELETE /api/v1/access-grants/:id": { status: 204, evidence: { action: "Disabled", item: "Access" }, call: ({ grant }) => ({ method: "DELETE", url: `/api/v1/access-grants/${grant}` }) },
  "GET /api/v1/people/:id/access": { status: 200, evidence: { action: "View", item: "User" }, once: true, call: ({ person }) => get(`/api/v1/people/${person}/access`) },
  "GET /api/v1/directory": { status: 200, evidence: { action: "Access", item: "Auto Sync with AAD" }, once: true, call: () => get("/api/v1/directory") },
  "PUT /api/v1/directory/settings": { status: 200, evidence: { action: "Modify", item: "Auto Sync with AAD" }, call: () => ({ method: "PUT", url: "/api/v1/directory/settings", payload: { clientId: app.clientId, clientSecret: app.clientSecret, recordsNew: false, secretExpiresOn: null } }) },
  "DELETE /api/v1/directory/settings": { status: 204, evidence: { action: "Delete", item: "Auto Sync with AAD" }, call: () => ({ method: "DELETE", url: "/api/v1/directory/settings" }) },
  "POST /api/v1/directory/test": { status: 200, evidence: { action: "Verify", item: "Auto Sync with AAD" }, call: () => ({ method: "POST", url: "/api/v1/directory/test", payload: {} }) },
  "POST /api/v1/directory/runs": { status: 202, evidence: { action: "Add", item: "Auto Sync with AAD" }, call: () => ({ method: "POST", url: "/api/v1/directory/runs", payload: { everything: true } }) },
  "GET /api/v1/directory/runs": { status: 200, evidence: { action: "Access", item: "Auto Sync with AAD" }, once: true, call: () => get("/api/v1/directory/runs") },
  "GET /api/v1/directory/groups": { status: 200, evidence: { action: "Search", item: "Group" }, once: true, call: () => get("/api/v1/directory/groups?q=recorded") },
  "PUT /api/v1/directory/groups": { status: 200, evidence: { action: "Add", item: "Group" }, call: () => ({ method: "PUT", url: "/api/v1/directory/groups", payload: { objectIds: [contosoGroups.recorded] } }) },
  "POST /api/v1/log/checkpoints": { status: 201, evidence: { action: "Add", item: "Log" }, call: () => ({ method: "POST", url: "/api/v1/log/checkpoints" }) },
  "GET /api/v1/evidence/:id/proof": { status: 200, evidence: { action: "View", item: "Evidence" }, once: true, call: ({ evidence: row }) => get(`/api/v1/evidence/${row}/proof`) },
  "DELETE /api/v1/groups/:id": { status: 204, evidence: { action: "Delete", item: "Group" }, call: ({ group }) => ({ method: "DELETE", url: `/api/v1/groups/${group}` }) },
};

/** Rows of their own, in tests of their own: the stream's below, those of signing in in access/sign-in.db.test.ts and access/local-accounts.db.test.ts. */
const elsewhere = ["GET /api/v1/live", "GET /api/v1/sign-in", "GET /api/v1/sign-in/callback", "POST /api/v1/sign-in/local", "POST /api/v1/enrollments/look", "POST /api/v1/enrollments/accept"];

/** They tell nothing of a tenant: probes, counters, the caller's own session and sessions, what the API looks like; of its log how long it is, and hashes. */
const silent = [
  "GET /api/v1/health",
  "GET /api/v1/log",
  "GET /api/v1/log/checkpoints",
  "GET /api/v1/log/consistency",
  "GET /api/v1/metrics",
  "GET /api/v1/openapi.json",
  "GET /api/v1/roles",
  "GET /api/v1/session",
  "GET /api/v1/session/access",
  "GET /api/v1/sessions",
  "GET /api/v1/sign-in/ways",
  "GET /log/:tenantId/checkpoint",
  "GET /log/:tenantId/keys",
  "GET /log/:tenantId/tile/*",
];

/** A HEAD lets nobody see or hear anything. */
const routes = () => stage.portal.routes().filter((route) => !route.startsWith("HEAD "));
const routeOf = (step: string) => step.split("?")[0]!;

const evidence = () =>
  withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["evidence_id", "recorded_at", "action", "item", "actor_kind", "actor_id", "remote_address", "detail"]).orderBy("recorded_at").execute());

async function newSession(): Promise<string> {
  const { personId } = await addPerson(stage.db, tenantId, `${crypto.randomUUID()}@contoso.example`, "Admin");
  const session = await stage.sessions.create(tenantId, personId, { remoteAddress: "127.0.0.1" });
  cookie = `${stage.sessionCookie}=${session!.cookie}`;
  caller = personId;
  return personId;
}

async function newCall(): Promise<string> {
  const id = await addInteraction(stage.db, tenantId);
  const mediaId = await addRecording(stage.db, tenantId, id, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
  const { publicKey, publicKeyId } = await stage.vault.keyring.ensure(tenantId);
  const sealed = { peaks: JSON.stringify({ stepMs: 100, tracks: [] }), manifest: "{}" };
  for (const [kind, text] of Object.entries(sealed) as ["peaks" | "manifest", string][]) {
    const key = await stage.vault.createDataKey({ tenantId, publicKey, publicKeyId });
    const objectName = `${tenantId}/${mediaId}/${kind}-${key.keyId}`;
    const { sizeBytes, sha256 } = await stage.vault.putSealed(objectName, key, tenantId, Buffer.from(text));
    await withTenant(stage.db, tenantId, (tx) =>
      tx.insertInto("media_objects").values({ tenant_id: tenantId, minted_at: mintedAt(mediaId), media_id: mediaId, object_name: objectName, kind, seq: 1, key_id: key.keyId, size_bytes: sizeBytes, sha256: Buffer.from(sha256, "hex"), from_ms: null, to_ms: null, stored_at: new Date() }).execute(),
    );
  }
  return id;
}

async function newEvidence(): Promise<string> {
  const id = await withTenant(stage.db, tenantId, (tx) => append(tx, { actor: { kind: "job", id: "t", name: "t" }, action: "View", item: "Call", occurredAt: new Date(), nodeId: "node-1" }));
  await stage.sequencer!.place(tenantId, [id]);
  await stage.sequencer!.keep(tenantId);
  return id;
}

async function newSubjects(): Promise<Subjects> {
  const [trunk, group, invitation, profile, grant, { personId }] = [unique(), unique(), unique(), unique(), unique(), await addPerson(stage.db, tenantId, `${unique()}@contoso.example`)];
  await withTenant(stage.db, tenantId, async (tx) => {
    const digest = { digest_username: "u", digest_realm: "r", digest_ha1_md5: "m", digest_ha1_sha256: "s", digest_set_at: new Date() };
    await tx.insertInto("trunks").values({ tenant_id: tenantId, trunk_id: trunk, name: trunk, source_networks: [], recording_user: trunk.replaceAll("-", ""), ...digest }).execute();
    await tx.insertInto("people_groups").values({ tenant_id: tenantId, group_id: group, name: group }).execute();
    await tx.insertInto("access_profiles").values({ tenant_id: tenantId, access_profile_id: profile, name: profile, description: "", level: "own", permissions: [] }).execute();
    await tx.insertInto("access_grants").values({ tenant_id: tenantId, access_grant_id: grant, access_profile_id: profile, person_id: personId, reason: "Audit", valid_until: new Date(Date.now() + 60_000), ended_at: null }).execute();
    const invited = { at: new Date(), node_id: "n1", remote_address: "192.0.2.7:5060", transport: "udp", sip_call_id: "1@sbc", client: null, status: 403, outcome: "refused", reason: "SOURCE_NOT_ALLOWED", explanation: "", recording_id: null } as const;
    await tx.insertInto("trunk_invitations").values({ tenant_id: tenantId, invitation_id: invitation, trunk_id: trunk, ...invited, trace: gzipSync("INVITE") }).execute();
  });
  await withTenant(stage.db, tenantId, (tx) => tx.insertInto("person_identities").values({ tenant_id: tenantId, issuer: "https://id.example", subject: personId, person_id: personId }).execute());
  await withTenant(stage.db, tenantId, (tx) => tx.insertInto("local_accounts").values({ tenant_id: tenantId, person_id: personId, password_hash: "h", code_sealed: "c", code_step: 0, since: new Date() }).execute());
  const { personId: stranger } = await addPerson(stage.db, tenantId, `${unique()}@contoso.example`);
  const sessionOf = async (id: string) => (await stage.sessions.create(tenantId, id, { remoteAddress: "127.0.0.1" }))!.cookie.split(".")[1]!;
  const [ownSession, session] = [await sessionOf(caller), await sessionOf(personId)];
  // Connected, with no group chosen, and no run under way.
  await withTenant(stage.db, tenantId, async (tx) => {
    await tx.updateTable("tenants").set({ m365_tenant_id: contosoTenant.m365TenantId }).execute();
    await tx.deleteFrom("directory_groups").execute();
    await tx.deleteFrom("people_groups").where("group_id", "=", contosoGroups.recorded).execute();
  });
  await stage.replication.provision(tenantId, commandLine, { ...app, recordsNew: false, groups: [] });
  await withTenant(stage.db, tenantId, (tx) => tx.deleteFrom("directory_runs").execute());
  const { evidence_id, recorded_at } = (await evidence())[0]!;
  return { call: await newCall(), unanswered: await addInteraction(stage.db, tenantId, { media_status: "Unavailable" }), trunk, group, profile, grant, person: personId, stranger, ownSession, session, invitation, evidence: await newEvidence(), entry: `${recorded_at.getTime().toString(36)}-${evidence_id}` };
}

const send = ({ method, url, payload, type }: Call, headers: Record<string, string> = { cookie, "sec-fetch-site": "same-origin" }) =>
  stage.portal.app.inject({ method, url, headers: { ...headers, ...(type === undefined ? {} : { "content-type": type }) }, ...(payload === undefined ? {} : { payload }) });

/** What `work` leaves, and nothing that was there before it. */
async function leaves(work: () => Promise<unknown>) {
  const before = new Set((await evidence()).map((row) => row.evidence_id));
  await work();
  return (await evidence()).filter((row) => !before.has(row.evidence_id));
}

test("MON-22 every route of the running portal is written down here: with the row that it leaves, or as one that reveals nothing", () => {
  expect([...new Set(routes())].toSorted()).toEqual([...new Set([...Object.keys(walk).map(routeOf), ...elsewhere, ...silent])].toSorted());
});

test.for(Object.entries(walk))("MON-22 %s leaves exactly one new row, with actor, action and item", async ([, step]) => {
  const personId = await newSession();
  const on = await newSubjects();
  const rows = await leaves(async () => {
    const answer = await send(step.call(on));
    expect(answer.statusCode, answer.body).toBe(step.status);
  });
  const wanted = [step.evidence, ...(step.more ?? [])].map((row) => ({ evidence_id: expect.any(String), recorded_at: expect.any(Date), detail: expect.any(Object), ...row, actor_kind: "person", actor_id: personId, remote_address: "127.0.0.1" }));
  expect(rows).toHaveLength(wanted.length);
  expect(rows).toEqual(expect.arrayContaining(wanted));
  if (step.once) expect(await leaves(() => Promise.all([send(step.call(on)), send(step.call(on))])), "looking again is the same act").toEqual([]);
});

test.for(Object.entries(walk))("%s leaves none when it is refused", async ([, step]) => {
  await newSession();
  const on = await newSubjects();
  const id = on.call;
  await withTenant(stage.db, tenantId, (tx) => tx.updateTable("interactions").set({ media_status: "Failed" }).where("minted_at", "=", mintedAt(id)).where("interaction_id", "=", id).execute());
  const rows = await leaves(async () => {
    expect((await send(step.call(on), {})).statusCode).toBe(401);
    if (step.evidence.action === "Play") expect((await send(step.call(on))).statusCode).toBe(409);
  });
  expect(rows).toEqual([]);
});

test.for(Object.entries(walk).filter(([route]) => /:(id|track)/.test(route)))("OVR-14 %s: another tenant's administrator is told 404, whatever ids they know", async ([, step]) => {
  const on = await newSubjects();
  const theirs = await addSealingTenant(stage, `t${unique().slice(0, 8)}`);
  const { personId } = await addPerson(stage.db, theirs, `${unique()}@contoso.example`, "Admin");
  const session = await stage.sessions.create(theirs, personId, { remoteAddress: "127.0.0.1" });
  const answer = await send(step.call(on), { cookie: `${stage.sessionCookie}=${session!.cookie}`, "sec-fetch-site": "same-origin" });
  expect(answer.statusCode, answer.body).toBe(404);
});

test.for(silent)("%s leaves none", async (route) => {
  await newSession();
  expect(await leaves(() => send(get(route.split(" ")[1]!)))).toEqual([]);
});

test("MON-22 what is asked for at the same moment for the first time is one act", async () => {
  await newSession();
  const { call } = await newSubjects();
  const rows = await leaves(() => Promise.all(Array.from({ length: 8 }, () => send(get(`/api/v1/interactions/${call}`)))));
  expect(rows.map(({ action, item }) => [action, item])).toEqual([["View", "Call"]]);
});

describe("the live stream", () => {
  test("MON-23 leaves one row when it begins and one when it ends, with how long it was", async () => {
    await newSession();
    const { port } = await stage.portal.listen({ host: "127.0.0.1", port: 0 });
    const ending = new AbortController();
    const opened = await leaves(async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/live`, { headers: { cookie, "sec-fetch-site": "same-origin" }, signal: ending.signal });
      expect(answer.status).toBe(200);
    });
    expect(opened).toMatchObject([{ action: "Monitor", item: "Interactions", detail: { stream: "opened" } }]);
    const rows = await leaves(async () => {
      ending.abort();
      await expect.poll(async () => (await evidence()).at(-1)?.detail, { timeout: 5_000 }).toMatchObject({ stream: "closed" });
    });
    expect(rows).toMatchObject([{ action: "Monitor", item: "Interactions", detail: { stream: "closed", durationMs: expect.any(Number) } }]);
  });
});

describe("a key that is refused", () => {
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

  test("MON-22 leaves one row that says why, however often it is tried", async () => {
    const admin = { kind: "machine", id: "t", name: "t" } as const;
    const { apiKeyId, key } = await stage.apiKeys.create(tenantId, { name: "Reports", profile: "Admin" }, admin);
    const tries = (tried: string) => leaves(async () => expect([(await send(get("/api/v1/session"), bearer(tried))).statusCode, (await send(get("/api/v1/session"), bearer(tried))).statusCode]).toEqual([401, 401]));
    expect(await tries(`${key.slice(0, -43)}${"A".repeat(43)}`)).toMatchObject([{ action: "Login Failed", item: "API Key", actor_id: apiKeyId, remote_address: "127.0.0.1", detail: { name: "Reports", why: "wrong secret" } }]);
    await stage.apiKeys.revoke(tenantId, apiKeyId, admin);
    expect(await tries(key)).toMatchObject([{ action: "Login Failed", item: "API Key", actor_id: apiKeyId, detail: { why: "revoked" } }]);
  });
});
