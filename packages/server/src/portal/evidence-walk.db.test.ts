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
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly payload?: object;
}
type Step = { readonly status: number; readonly evidence: { action: string; item: string } | null; readonly call: (id: string) => Call };

/** Every one on a fresh call with a fresh session. */
const walk: Readonly<Record<string, Step>> = {
  "POST /api/v1/interactions/{id}/plays": { status: 201, evidence: { action: "Play", item: "Call" }, call: (id) => ({ method: "POST", url: `/api/v1/interactions/${id}/plays`, payload: { track: 1 } }) },
  "GET /api/v1/interactions/{id}/media": { status: 200, evidence: { action: "Play", item: "Call" }, call: (id) => ({ method: "GET", url: `/api/v1/interactions/${id}/media` }) },
  "GET /api/v1/interactions/{id}/media/{track}": { status: 200, evidence: { action: "Play", item: "Call" }, call: (id) => ({ method: "GET", url: `/api/v1/interactions/${id}/media/1` }) },
  "POST /api/v1/sign-out": { status: 204, evidence: { action: "Logout", item: "Session" }, call: () => ({ method: "POST", url: "/api/v1/sign-out" }) },
};

/** Looking changes nothing. Signing in has tests of its own, with a provider. */
const readsOnly = new Set([
  "GET /api/v1/health",
  "GET /api/v1/interactions",
  "GET /api/v1/interactions/{id}",
  "GET /api/v1/interactions/{id}/manifest",
  "GET /api/v1/interactions/{id}/peaks",
  "GET /api/v1/live",
  "GET /api/v1/metrics",
  "GET /api/v1/openapi.json",
  "GET /api/v1/session",
  "GET /api/v1/sign-in",
  "GET /api/v1/sign-in/callback",
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

const send = ({ method, url, payload }: Call, headers: Record<string, string> = { cookie, "sec-fetch-site": "same-origin" }) =>
  stage.portal.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });

test("MON-22 every route is either walked here or known to change nothing", () => {
  expect(routes().toSorted()).toEqual([...Object.keys(walk), ...readsOnly].toSorted());
});

test.for(Object.entries(walk))("MON-22 %s leaves exactly one new row, with actor, action and item", async ([, step]) => {
  const personId = await newSession();
  const id = await newCall();
  const before = new Set((await evidence()).map((row) => row.evidence_id));
  const answer = await send(step.call(id));
  expect(answer.statusCode).toBe(step.status);
  const rows = (await evidence()).filter((row) => !before.has(row.evidence_id));
  expect(rows).toEqual([{ evidence_id: expect.any(String), ...step.evidence, actor_kind: "person", actor_id: personId, remote_address: "127.0.0.1" }]);
});

test.for(Object.entries(walk))("%s leaves none when it is refused", async ([, step]) => {
  await newSession();
  const id = await newCall();
  await withTenant(stage.db, tenantId, (tx) => tx.updateTable("interactions").set({ media_status: "Failed" }).where("minted_at", "=", mintedAt(id)).where("interaction_id", "=", id).execute());
  const before = (await evidence()).length;
  expect((await send(step.call(id), {})).statusCode).toBe(401);
  if (step.evidence?.action === "Play") expect((await send(step.call(id))).statusCode).toBe(409);
  expect((await evidence()).length).toBe(before);
});

test.for([...readsOnly])("%s leaves none", async (route) => {
  if (route.endsWith("/live")) return; // a stream; no row is written when it opens
  await newSession();
  const id = await newCall();
  const before = (await evidence()).length;
  await send({ method: "GET", url: route.slice(4).replace("{id}", id) });
  expect((await evidence()).length).toBe(before);
});
