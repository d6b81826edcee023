import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { withTenant } from "#db";
import { mintedAt, mintId } from "#ids";
import { addInteraction, addPerson, addRecording, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { createLiveClient } from "./live-client.ts";
import { addProfile } from "../testing/test-tenant.ts";

const by = { kind: "machine", id: "test", name: "Test" } as const;
let now = new Date("2026-11-20T12:00:00.000Z");
let stage: TestPortal;
let port: number;

beforeAll(async () => {
  stage = await createTestPortal({ clock: { now: () => now } });
  ({ port } = await stage.portal.listen({ host: "127.0.0.1", port: 0 }));
});
afterAll(() => stage.close());

let tenants = 0;
async function newTenant() {
  const tenantId = await addSealingTenant(stage, `tenant-${++tenants}`);
  const { key, apiKeyId } = await stage.apiKeys.create(tenantId, { name: "key", profile: "Admin" }, by);
  const get = async (path: string, as = key) => await stage.portal.app.inject({ url: `/api/v1/${path}`, headers: { authorization: `Bearer ${as}` } });
  const ids = async (query: string, as = key): Promise<string[]> => {
    const answer = await get(`interactions${query}`, as);
    if (answer.statusCode !== 200) throw new Error(answer.body);
    return answer.json().items.map((item: { id: string }) => item.id);
  };
  return { tenantId, key, apiKeyId, get, ids };
}

const minutes = (count: number) => new Date(Date.UTC(2026, 10, 20, 10, count));

describe("the list", () => {
  test("an item has what the contract says, times in UTC with milliseconds", async () => {
    const { tenantId, get } = await newTenant();
    const id = await addInteraction(stage.db, tenantId, { sys_call_id: "34d3d467-6697-4b12-9ec1-d9e13a2ea9c3" });
    const { items, next } = (await get("interactions")).json();
    expect(next).toBe(null);
    expect(items).toEqual([
      {
        id,
        mediaStatus: "Available",
        user: { name: "Adele Vance", upn: "adele@contoso.example", address: "sip:adele@contoso.example" },
        calling: { name: "Adele Vance", address: "sip:adele@contoso.example", upn: "adele@contoso.example" },
        called: { name: "Bill", address: "+17326524689", upn: null },
        answering: { name: "Bill", address: "+17326524689", upn: null },
        onBehalfOf: null,
        transferredBy: null,
        transferredTo: null,
        participants: [
          { name: "Adele Vance", address: "sip:adele@contoso.example", upn: "adele@contoso.example" },
          { name: "Bill", address: "+17326524689", upn: null },
        ],
        startedAt: "2026-11-20T10:00:00.250Z",
        answeredAt: "2026-11-20T10:00:05.250Z",
        releasedAt: "2026-11-20T10:02:05.250Z",
        durationMs: 120_000,
        waitMs: 5_000,
        direction: "Outgoing",
        type: "P2P_PSTN",
        releaseCause: "Normal",
        recordingType: "Full Time",
        sysCallId: "34d3d467-6697-4b12-9ec1-d9e13a2ea9c3",
        sipCallId: `${id}@sbc.example`,
        hasGaps: false,
        sandbox: false,
        lastVerified: null,
      },
    ]);
  });

  test("CAP-21 a running call's duration counts from its answer to now; an unanswered call has none", async () => {
    const { tenantId, get } = await newTenant();
    const running = { media_status: "Recording", release_cause: null, released_at: null } as const;
    await addInteraction(stage.db, tenantId, { ...running, started_at: minutes(0), answered_at: minutes(1) });
    await addInteraction(stage.db, tenantId, { ...running, started_at: minutes(2), answered_at: null });
    now = minutes(31);
    const { items } = (await get("interactions")).json();
    expect(items.map((item: { durationMs: number; waitMs: number; releaseCause: null }) => [item.durationMs, item.waitMs, item.releaseCause])).toEqual([
      [0, 0, null],
      [30 * 60_000, 60_000, null],
    ]);
  });

  test("INT-08 pages go from newest to oldest, hold every row once, and do not move when rows come in", async () => {
    const { tenantId, get } = await newTenant();
    const all: string[] = [];
    // Several in the same millisecond: the id decides.
    for (let at = 0; at < 23; at++) all.push(await addInteraction(stage.db, tenantId, { started_at: minutes(Math.floor(at / 3)) }));
    const seen: string[] = [];
    let next: string | null = null;
    let pages = 0;
    do {
      const page: { items: { id: string; startedAt: string }[]; next: string | null } = (await get(`interactions?limit=5${next === null ? "" : `&after=${next}`}`)).json();
      seen.push(...page.items.map((item) => item.id));
      ({ next } = page);
      await addInteraction(stage.db, tenantId, { started_at: minutes(60 + pages++) });
    } while (next !== null);
    expect(pages).toBe(5);
    expect(seen.toSorted()).toEqual(all.toSorted());
    const times = seen.map((id) => mintedAt(id).getTime());
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  test("a page may have 1 to 200 rows; a cursor of ours only", async () => {
    const { get } = await newTenant();
    for (const query of ["limit=0", "limit=201", "limit=x", "after=nonsense", `after=${Buffer.from("1.2.3").toString("base64url")}`, "from=yesterday", "q="]) {
      const answer = await get(`interactions?${query}`);
      expect([query, answer.statusCode, answer.json().code]).toEqual([query, 400, "VALIDATION"]);
      expect(answer.json().errors[0].where).toMatch(new RegExp(`^query\\.${query.split("=")[0]}`));
    }
  });

  test("INT-09 filters combine with AND, the values of one with OR", async () => {
    const { tenantId, ids } = await newTenant();
    const add = (wanted: Parameters<typeof addInteraction>[2]) => addInteraction(stage.db, tenantId, wanted);
    const outgoing = await add({ started_at: minutes(1), direction: "Outgoing" });
    const incoming = await add({ started_at: minutes(2), direction: "Incoming", sip_call_id: "needle@sbc" });
    const meeting = await add({ started_at: minutes(3), direction: "None", media_status: "Failed" });
    expect(await ids("?direction=Incoming")).toEqual([incoming]);
    expect(await ids("?direction=Incoming&direction=None")).toEqual([meeting, incoming]);
    expect(await ids("?direction=Incoming&direction=None&status=Available")).toEqual([incoming]);
    expect(await ids("?status=Failed&status=Deleted")).toEqual([meeting]);
    expect(await ids("?sipCallId=needle@sbc")).toEqual([incoming]);
    expect(await ids("?sipCallId=needle")).toEqual([]);
    // INT-12: bounds are inclusive.
    expect(await ids(`?from=${minutes(2).toISOString()}`)).toEqual([meeting, incoming]);
    expect(await ids(`?to=${minutes(2).toISOString()}`)).toEqual([incoming, outgoing]);
    expect(await ids(`?from=${encodeURIComponent("2026-11-20T13:02:00+03:00")}&to=${minutes(2).toISOString()}`)).toEqual([incoming]);
  });

  test("INT-18 the search finds parts of names and numbers of any party, whatever their case and accents", async () => {
    const { tenantId, ids } = await newTenant();
    const { partyText } = await import("#recorder");
    const party = (name: string, address: string) => partyText([{ name, address, upn: null }]);
    const long = await addInteraction(stage.db, tenantId, { started_at: minutes(1), party_text: party("Zoë Müller", "+17326524689") });
    const short = await addInteraction(stage.db, tenantId, { started_at: minutes(2), party_text: party("100% Office", "+7321234567") });
    expect(await ids("?q=732")).toEqual([short, long]);
    expect(await ids("?q=732*")).toEqual([short]);
    expect(await ids(`?q=${encodeURIComponent("(732) 652-4689")}`)).toEqual([long]);
    expect(await ids("?q=zoe")).toEqual([long]);
    expect(await ids(`?q=${encodeURIComponent("MULLER")}`)).toEqual([long]);
    expect(await ids(`?q=${encodeURIComponent("100%")}`)).toEqual([short]);
    expect(await ids(`?q=${encodeURIComponent("1%5")}`)).toEqual([]);
    expect(await ids(`?q=${encodeURIComponent("' or true --")}`)).toEqual([]);
  });

  test("OVR-14 no tenant sees another's rows, not even by their ids", async () => {
    const [contoso, fabrikam] = [await newTenant(), await newTenant()];
    const id = await addInteraction(stage.db, contoso.tenantId);
    expect(await contoso.ids("")).toEqual([id]);
    for (const query of ["", "?q=adele", `?sipCallId=${id}@sbc.example`, "?status=Available"]) expect(await fabrikam.ids(query)).toEqual([]);
    expect((await contoso.get(`interactions/${id}`)).statusCode).toBe(200);
    expect((await fabrikam.get(`interactions/${id}`)).statusCode).toBe(404);
  });

  test("INT-07 who may see their own calls sees these and no others, in list, search and detail", async () => {
    const { tenantId, get, ids } = await newTenant();
    const adele = await addPerson(stage.db, tenantId, "adele@contoso.example", "User Self View");
    const mine = await addInteraction(stage.db, tenantId, { person_id: adele.personId });
    const others = await addInteraction(stage.db, tenantId);
    const session = await stage.sessions.create(tenantId, adele.personId, { remoteAddress: "127.0.0.1" });
    const ask = (path: string) => stage.portal.app.inject({ url: `/api/v1/${path}`, headers: { cookie: `${stage.sessionCookie}=${session!.cookie}` } });
    for (const query of ["", "?q=adele", "?status=Available"]) {
      expect((await ask(`interactions${query}`)).json().items.map((item: { id: string }) => item.id)).toEqual([mine]);
    }
    expect([(await ask(`interactions/${mine}`)).statusCode, (await ask(`interactions/${others}`)).statusCode]).toEqual([200, 404]);
    expect((await ids("")).length).toBe(2);
    // A key of the same profile is nobody's own.
    const key = (await stage.apiKeys.create(tenantId, { name: "own", profile: await addProfile(stage.db, tenantId) }, by)).key;
    expect(await ids("", key)).toEqual([]);
    expect((await get(`interactions/${mine}`, key)).statusCode).toBe(404);
  });
});

describe("the detail", () => {
  test("CAP-69 adds the recording, its tracks and what happened", async () => {
    const { tenantId, get } = await newTenant();
    const id = await addInteraction(stage.db, tenantId);
    const mediaId = await addRecording(stage.db, tenantId, id, { durationMs: 120_000, manifestSha256: Buffer.alloc(32, 0xab), tracks: [{ track: 1, offsetMs: 20, durationMs: 119_000 }, { track: 2, offsetMs: 40, durationMs: 100_000 }] });
    await withTenant(stage.db, tenantId, (tx) =>
      tx
        .insertInto("media_events")
        .values([
          { tenant_id: tenantId, minted_at: mintedAt(mediaId), media_id: mediaId, seq: 2, at_ms: 120_010, kind: "leave", participant: "+17326524689", body: "Bill left" },
          { tenant_id: tenantId, minted_at: mintedAt(mediaId), media_id: mediaId, seq: 1, at_ms: 0, kind: "join", participant: null, body: "" },
        ])
        .execute(),
    );
    const detail = (await get(`interactions/${id}`)).json();
    expect(detail.sipCallId).toBe(`${id}@sbc.example`);
    expect(detail.recording).toEqual({ id: mediaId, startedAt: mintedAt(id).toISOString(), durationMs: 120_000, fromMs: 0, toMs: 120_000, manifestSha256: "ab".repeat(32), node: "node-1" });
    expect(detail.tracks).toEqual([
      { track: 1, participant: { name: "Speaker 1", aor: "sip:speaker1@contoso.example" }, mixed: false, offsetMs: 20, durationMs: 119_000, codec: "PCMU", speech: [[20, 119_020]], gaps: [] },
      { track: 2, participant: { name: "Speaker 2", aor: "sip:speaker2@contoso.example" }, mixed: false, offsetMs: 40, durationMs: 100_000, codec: "PCMU", speech: [[40, 100_040]], gaps: [] },
    ]);
    expect(detail.events).toEqual([
      { atMs: 0, kind: "join", participant: null, text: "" },
      { atMs: 120_010, kind: "leave", participant: "+17326524689", text: "Bill left" },
    ]);
    expect(detail.decision).toEqual({ record: true, reasons: ["every call of this person"], ruleVersion: "1" });
  });

  test("a call whose recording is not known yet has none", async () => {
    const { tenantId, get } = await newTenant();
    const id = await addInteraction(stage.db, tenantId, { media_status: "Recording", released_at: null, release_cause: null });
    expect((await get(`interactions/${id}`)).json()).toMatchObject({ id, recording: null, tracks: [], events: [], releaseCause: null });
  });

  test("an id that is none is a wrong field, an unknown one is not found", async () => {
    const { get } = await newTenant();
    expect((await get("interactions/XYZ")).json().errors[0].where).toBe("params.id");
    expect((await get(`interactions/${mintId(new Date())}`)).statusCode).toBe(404);
    // Of a quarter for which there is no partition.
    expect((await get("interactions/00000001aaaaaaaaaaaaaaaa")).statusCode).toBe(404);
    expect((await get("interactions/ffffffffaaaaaaaaaaaaaaaa")).statusCode).toBe(404);
  });
});

describe("live", () => {
  const open: AbortController[] = [];
  afterEach(() => {
    for (const abort of open.splice(0)) abort.abort();
  });

  /** The events of a stream as they come. */
  async function listen(headers: Record<string, string>) {
    const abort = new AbortController();
    open.push(abort);
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/live`, { headers, signal: abort.signal });
    const events: { kind: string; id: string; data: { interaction?: { id: string } } }[] = [];
    let ended = false;
    void (async () => {
      let text = "";
      try {
        for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
          text += part;
          const blocks = text.split("\n\n");
          text = blocks.pop() ?? "";
          for (const block of blocks) {
            const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
            if (fields["data"] !== undefined) events.push({ kind: fields["event"]!, id: fields["id"]!, data: JSON.parse(fields["data"]) });
          }
        }
      } catch {
        // aborted by the test
      }
      ended = true;
    })();
    return { response, events, hasEnded: () => ended, stop: () => abort.abort() };
  }
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

  test("CAP-14 a row appears while somebody looks, read under their rights, within the quarter of a second", async () => {
    const [contoso, fabrikam] = [await newTenant(), await newTenant()];
    const theirs = await listen(bearer(fabrikam.key));
    const stream = await listen(bearer(contoso.key));
    expect([stream.response.status, stream.response.headers.get("content-type"), stream.response.headers.get("cache-control")]).toEqual([200, "text/event-stream; charset=utf-8", "no-store"]);
    const id = await addInteraction(stage.db, contoso.tenantId);
    const startedMs = performance.now();
    for (let times = 0; times < 5; times++) stage.announce({ kind: "interactions", tenantId: contoso.tenantId, ids: [id] });
    stage.announce({ kind: "interactions", tenantId: fabrikam.tenantId, ids: [id] }); // a lie; the policy holds
    await expect.poll(() => stream.events.length, { interval: 10 }).toBe(1);
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    expect(stream.events[0]).toMatchObject({ kind: "interaction", data: { kind: "interaction", interaction: { id, mediaStatus: "Available" } } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([stream.events.length, theirs.events.length]).toEqual([1, 0]);
  });

  test("who may see their own calls hears of these and no others, rows and levels", async () => {
    const { tenantId } = await newTenant();
    const adele = await addPerson(stage.db, tenantId, "adele@contoso.example", "User Self View");
    const session = await stage.sessions.create(tenantId, adele.personId, { remoteAddress: "127.0.0.1" });
    const stream = await listen({ cookie: `${stage.sessionCookie}=${session!.cookie}` });
    const [mine, others] = [await addInteraction(stage.db, tenantId, { person_id: adele.personId }), await addInteraction(stage.db, tenantId)];
    const [myMedia, otherMedia] = [await addRecording(stage.db, tenantId, mine, { durationMs: 1, toMs: null, tracks: [] }), await addRecording(stage.db, tenantId, others, { durationMs: 1, toMs: null, tracks: [] })];
    stage.announce({ kind: "interactions", tenantId, ids: [mine, others] });
    await expect.poll(() => stream.events.length).toBe(1);
    expect(stream.events[0]!.data.interaction?.id).toBe(mine);
    const tracks = [{ track: 1, level: 0.5, speaking: true }];
    stage.hear([{ tenantId, recordingId: myMedia, tracks }, { tenantId, recordingId: otherMedia, tracks }, { tenantId, recordingId: mintId(now), tracks }]);
    await expect.poll(() => stream.events.length).toBe(2);
    expect(stream.events[1]!.data).toEqual({ kind: "activity", recordings: [{ interactionIds: [mine], tracks }] });
  });

  test("CAP-51 who has left a call no longer hears who speaks in it", async () => {
    const { tenantId, key } = await newTenant();
    const [left, stayed] = [await addInteraction(stage.db, tenantId), await addInteraction(stage.db, tenantId)];
    const recordingId = await addRecording(stage.db, tenantId, left, { durationMs: 9_000, toMs: 4_000, tracks: [] });
    await withTenant(stage.db, tenantId, (tx) =>
      tx.insertInto("interaction_media").values({ tenant_id: tenantId, minted_at: mintedAt(stayed), interaction_id: stayed, media_id: recordingId, from_ms: 0, to_ms: null }).execute(),
    );
    const stream = await listen(bearer(key));
    const tracks = [{ track: 1, level: 0.5, speaking: true }];
    stage.hear([{ tenantId, recordingId, tracks }]);
    await expect.poll(() => stream.events.length).toBe(1);
    expect(stream.events[0]!.data).toEqual({ kind: "activity", recordings: [{ interactionIds: [stayed], tracks }] });
  });

  test("news that was lost, and coming back, mean reading the page again", async () => {
    const { key } = await newTenant();
    const stream = await listen(bearer(key));
    stage.announce({ kind: "lost" });
    await expect.poll(() => stream.events.map((event) => event.kind)).toEqual(["reset"]);
    const back = await listen({ ...bearer(key), "last-event-id": "7" });
    await expect.poll(() => back.events.map((event) => event.kind)).toEqual(["reset"]);
  });

  test("too many changes at once become one reset", async () => {
    const { key, tenantId } = await newTenant();
    const stream = await listen(bearer(key));
    stage.announce({ kind: "interactions", tenantId, ids: Array.from({ length: 500 }, () => mintId(now)) });
    await expect.poll(() => stream.events.map((event) => event.kind)).toEqual(["reset"]);
  });

  test("a stream without credentials is refused", async () => {
    expect((await listen({})).response.status).toBe(401);
  });

  test("a stream ends within 5 s of its session or its key", async () => {
    const { tenantId, key, apiKeyId } = await newTenant();
    const adele = await addPerson(stage.db, tenantId, "adele@contoso.example", "User Self View");
    const session = await stage.sessions.create(tenantId, adele.personId, { remoteAddress: "127.0.0.1" });
    const streams = [await listen(bearer(key)), await listen({ cookie: `${stage.sessionCookie}=${session!.cookie}` })];
    await stage.apiKeys.revoke(tenantId, apiKeyId, by);
    await stage.sessions.end(session!.cookie, { remoteAddress: "127.0.0.1" });
    await expect.poll(() => streams.map((stream) => stream.hasEnded()), { timeout: 5_000 }).toEqual([true, true]);
  });

  test("a stream ends within 5 s of the right to list", async () => {
    const { tenantId } = await newTenant();
    const adele = await addPerson(stage.db, tenantId, "adele@contoso.example", "Admin");
    const session = await stage.sessions.create(tenantId, adele.personId, { remoteAddress: "127.0.0.1" });
    const stream = await listen({ cookie: `${stage.sessionCookie}=${session!.cookie}` });
    await withTenant(stage.db, tenantId, (tx) => tx.updateTable("people").set({ role: "User" }).where("person_id", "=", adele.personId).execute());
    await expect.poll(() => stream.hasEnded(), { timeout: 5_000 }).toBe(true);
  });

  test("no caller holds more than twenty streams; one that is closed makes room", async () => {
    const { key } = await newTenant();
    const streams = [];
    for (let count = 0; count < 20; count++) streams.push(await listen(bearer(key)));
    expect((await listen(bearer(key))).response.status).toBe(429);
    streams[0]!.stop();
    await expect.poll(async () => (await listen(bearer(key))).response.status).toBe(200);
  });
});

describe("a slow reader", () => {
  const principal = { kind: "api_key", id: "k", name: "k", tenantId: "t", profile: "Admin", permissions: new Set(), personId: null } as never;
  const row = (at: number, text = "x".repeat(500)) => ({ kind: "interaction", interaction: { id: `${at}`.padStart(24, "0"), sipCallId: text } }) as never;
  const drain = (client: ReturnType<typeof createLiveClient>) => {
    let text = "";
    for (let part = client.stream.read(); part !== null; part = client.stream.read()) text += part;
    client.stream.destroy();
    return text;
  };

  /** As a socket that is full: the stream's buffer has no more room, and nobody takes anything out of it. */
  function clog(client: ReturnType<typeof createLiveClient>): void {
    client.stream.read(0);
    for (let at = 0; at < 100; at++) client.send(row(at));
    expect(client.stream.readableLength).toBeGreaterThanOrEqual(client.stream.readableHighWaterMark);
  }

  test("gets of each row its newest state, and of the levels only the last", () => {
    const client = createLiveClient(principal, { key: "all", has: () => true });
    clog(client);
    for (let times = 0; times < 50; times++) client.send(row(7, `state ${times}`));
    for (let level = 0; level < 50; level++) client.sendActivity([{ interactions: [{ interaction_id: "i", person_id: null }], tracks: [{ track: 1, level, speaking: true }] }]);
    const text = drain(client);
    expect(text.match(/state \d+/g)).toEqual(["state 49"]);
    expect(text.match(/"level":\d+/g)).toEqual(['"level":49']);
  });

  test("is told to start over when more waits than a page is worth, and memory stays bounded", () => {
    const client = createLiveClient(principal, { key: "all", has: () => true });
    clog(client);
    for (let at = 0; at < 5_000; at++) client.send(row(at));
    expect(client.stream.readableLength).toBeLessThan(64 * 1024);
    const text = drain(client);
    expect(text.match(/event: reset/g)?.length).toBe(1);
    expect((text.match(/event: interaction/g) ?? []).length).toBeLessThan(600);
  });
});
