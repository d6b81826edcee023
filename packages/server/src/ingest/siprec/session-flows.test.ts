/** What happens to recording sessions over their life: RFC 8068's flows, snapshots, offers of ours, one call in several sessions, several calls in one. */
import { parseSdp } from "@earwitness/media";
import type { SipResponse } from "@earwitness/media";
import { describe, expect, test } from "vitest";
import type { CallFacts, RawBody } from "#recorder";
import type { FakeCall } from "./fake-recorder.ts";
import { partial, sdpOf, siprecBody, twoPeople } from "./test-client.ts";
import type { Message, TestCall, TestClient } from "./test-client.ts";
import { createTestServer, until } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";

type Call = TestCall & { readonly client: TestClient };

function lastFacts(call: FakeCall): CallFacts {
  const update = call.told.findLast((told) => told.kind === "update");
  return update?.kind === "update" ? update.facts : call.offer.facts;
}

/** One line per party: who, on which streams, on hold, gone. */
const parties = (facts: CallFacts, conversation = 0): string[] =>
  facts.conversations[conversation]!.parties.map(({ address, leftAt, sends, onHold }) => `${address}${sends.length > 0 ? ` on ${sends.join("+")}` : ""}${onHold ? " held" : ""}${leftAt === null ? "" : " left"}`);

const complete = (content: string): string => `<?xml version="1.0"?><recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>${content}</recording>`;

/** A document about one call of two people, whose ids are as long as real ones. */
function callOf(id: string, [a, b]: readonly [string, string], { group = "", ended = false } = {}): string {
  const session = `${id}-1234567890abcdef`;
  return complete(`${group === "" ? "" : `<group group_id="${group}"/>`}
    <session session_id="${session}">${group === "" ? "" : `<group-ref>${group}</group-ref>`}<start-time>2026-11-20T09:15:00Z</start-time>${ended ? "<stop-time>2026-11-20T09:20:00Z</stop-time>" : ""}</session>
    <participant participant_id="${id}a"><nameID aor="sip:${a}@bank.example"/></participant><participant participant_id="${id}b"><nameID aor="sip:${b}@bank.example"/></participant>
    <stream stream_id="${id}1" session_id="${session}"><label>1</label></stream><stream stream_id="${id}2" session_id="${session}"><label>2</label></stream>
    <participantsessionassoc participant_id="${id}a" session_id="${session}"/><participantsessionassoc participant_id="${id}b" session_id="${session}"/>
    <participantstreamassoc participant_id="${id}a"><send>${id}1</send></participantstreamassoc><participantstreamassoc participant_id="${id}b"><send>${id}2</send></participantstreamassoc>`);
}

const portsOf = (response: SipResponse): number[] => {
  const sdp = parseSdp(response.body);
  return sdp.ok ? sdp.value.media.map(({ port }) => port) : [];
};

/** Time may pass only once the ACKs are there. */
const acknowledged = (it: TestServer, count: number): Promise<void> => until(() => it.server.stats().requests["ACK"] === count, "ACK");

async function update(call: Call, document: string): Promise<SipResponse> {
  call.send("UPDATE", { contentType: "application/rs-metadata+xml", body: document, headers: [["Content-Disposition", "recording-session"]] });
  return call.client.next((one) => one.kind === "response" && one.headers.get("CSeq") === `${call.cseq} UPDATE`) as Promise<SipResponse>;
}

async function hangUp(it: TestServer, call: Call, index: number, body?: string): Promise<FakeCall> {
  call.send("BYE", body === undefined ? {} : { contentType: "application/rs-metadata+xml", body });
  const recorded = it.recorder.calls[index]!;
  await until(() => recorded.ends.length > 0, "end");
  return recorded;
}

describe("RFC 8068's flows keep names and audio", () => {
  test("hold and resume, transfer by re-INVITE, conference, and the end with metadata in BYE", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    const [recorded] = it.recorder.calls;
    await update(call, partial('<participantstreamassoc participant_id="p2"><recv>t1</recv></participantstreamassoc>'));
    expect(parties(lastFacts(recorded!))).toEqual(["sip:trader1@bank.example on 1", "+49301234567 held"]);
    await update(call, partial('<participantstreamassoc participant_id="p2"><send>t2</send><recv>t1</recv></participantstreamassoc>'));
    expect(parties(lastFacts(recorded!))).toEqual(["sip:trader1@bank.example on 1", "+49301234567 on 2"]);

    const third = `<participant participant_id="p3"><nameID aor="sip:desk@bank.example"><name>Desk</name></nameID></participant><participantsessionassoc participant_id="p3" session_id="s1"/>`;
    const left = '<participantsessionassoc participant_id="p2" session_id="s1"><disassociate-time>2026-11-20T09:16:00Z</disassociate-time></participantsessionassoc><participantstreamassoc participant_id="p2"><disassociate-time>2026-11-20T09:16:00Z</disassociate-time></participantstreamassoc>';
    const transferred = await call.establish(siprecBody(undefined, partial(`${third}${left}<participantstreamassoc participant_id="p3"><send>t2</send></participantstreamassoc>`)));
    expect(portsOf(transferred)).toEqual([40_002, 40_004]);
    expect(parties(lastFacts(recorded!))).toEqual(["sip:trader1@bank.example on 1", "+49301234567 left", "sip:desk@bank.example on 2"]);

    const guest = '<participant participant_id="p4"><nameID aor="tel:+4940555666"/></participant><participantsessionassoc participant_id="p4" session_id="s1"/><stream stream_id="t3" session_id="s1"><label>3</label></stream><participantstreamassoc participant_id="p4"><send>t3</send></participantstreamassoc>';
    const conference = await call.establish(siprecBody(sdpOf({ label: "1" }, { label: "2" }, { label: "3" }), partial(guest)));
    expect(portsOf(conference)).toEqual([40_002, 40_004, 40_006]);
    expect(parties(lastFacts(recorded!)).at(-1)).toBe("+4940555666 on 3");

    await hangUp(it, call, 0, partial('<session session_id="s1"><stop-time>2026-11-20T09:20:00Z</stop-time></session>'));
    expect(lastFacts(recorded!).conversations).toMatchObject([{ id: "s1", endedAt: new Date("2026-11-20T09:20:00Z") }]);
    expect(recorded!.ends).toEqual(["released"]);
    expect(it.recorder.calls).toHaveLength(1);
  });

  test("transfer by REFER: a new session of the same group stays in the same recording", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"], { group: "g" })));
    await call.establish(siprecBody(undefined, callOf("second", ["ann", "eve"], { group: "g" })));
    expect(it.recorder.calls).toHaveLength(1);
    const { conversations } = lastFacts(it.recorder.calls[0]!);
    expect(conversations.map(({ id, chainId, endedAt }) => [id.slice(0, 6), chainId, endedAt === null])).toEqual([
      ["second", "g", true],
      ["first-", "g", false],
    ]);
  });
});

describe("every revision is kept", () => {
  const texts = (raw: readonly RawBody[]): string[] => raw.map(({ contentType, origin, body }) => `${origin ?? "client"} ${contentType} ${new TextDecoder().decode(body).length > 0}`);

  test("INVITE, re-INVITE, UPDATE and BYE, our answers, what is refused and what cannot be read", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    const [recorded] = it.recorder.calls;
    expect(texts(recorded!.offer.raw)).toEqual(["client application/sdp true", "client application/rs-metadata+xml true"]);
    await call.establish({ contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2", direction: "inactive" }) });
    await update(call, partial(""));
    call.send("INVITE", { contentType: "application/sdp", body: sdpOf({ label: "1", codec: 18 }, { label: "2" }) });
    await call.client.response(488);
    call.send("UPDATE", { contentType: "multipart/mixed;boundary=b", body: "nothing of the kind" });
    await call.client.response(400);
    await hangUp(it, call, 0, "<recording><unclosed");
    const updates = recorded!.told.flatMap((told) => (told.kind === "update" ? told.raw : []));
    expect(texts(updates)).toEqual(["client application/sdp true", "client application/rs-metadata+xml true"]);
    expect(texts(recorded!.kept)).toEqual([
      "recorder application/sdp true",
      "recorder application/sdp true",
      "client application/sdp true",
      "client multipart/mixed;boundary=b true",
      "client application/rs-metadata+xml true",
    ]);
  });
});

describe("an INVITE without an offer", () => {
  test("that begins a session is refused: only the client knows its streams", async () => {
    await using it = await createTestServer();
    const refused = await (await it.call()).establish(siprecBody(null));
    expect([refused.status, refused.headers.get("Warning")]).toEqual([488, expect.stringContaining("without an offer")]);
    expect(it.invitations).toMatchObject([{ status: 488, reason: "NO_OFFER" }]);
  });

  test("inside a session gets our offer: what there is, as if it began anew; the ACK's answer is followed", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    const [recorded] = it.recorder.calls;
    await call.establish({ contentType: "application/sdp", body: sdpOf({ label: "1", direction: "inactive" }, { label: "2", port: 0 }) });
    call.send("INVITE");
    const ours = (await call.client.next((one) => one.kind === "response" && one.status === 200 && one.headers.get("CSeq") === "3 INVITE")) as SipResponse;
    const sdp = parseSdp(ours.body);
    expect(sdp.ok && sdp.value.media.map(({ port, direction, label }) => [port, direction, label])).toEqual([
      [40_002, "recvonly", "1"],
      [0, "sendrecv", "2"],
    ]);
    // Until the ACK the offer is under way.
    call.send("UPDATE", { contentType: "application/sdp", body: sdpOf({ label: "1" }) });
    await call.client.response(500);
    recorded!.told.length = 0;
    call.send("ACK", { cseq: 3, contentType: "application/sdp", body: sdpOf({ label: "1", port: 31_000 }, { label: "2", port: 0 }) });
    await until(() => recorded!.told.length > 0, "answer followed");
    expect(recorded!.told).toMatchObject([{ kind: "change", stream: { label: "1", sending: true, remote: { rtpPort: 31_000 } } }]);
    expect((await update(call, partial(""))).status).toBe(200);
  });
});

describe("snapshot requests", () => {
  const asks: Message["headers"] = [["Require", "siprec"], ["Accept", "application/sdp, application/rs-metadata+xml, application/rs-metadata-request"]];
  const isOffered = (document: string, type?: string): Message => ({ ...siprecBody(undefined, document, type), headers: asks });

  test("a document that cannot be read: UPDATE in the client's own type, answered by a complete one", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(isOffered("<recording><unclosed", "application/rs-metadata"));
    await acknowledged(it, 1);
    await call.client.silence(20, (one) => one.kind === "request");
    it.time.advance(1_000);
    const asked = await call.client.request("UPDATE");
    expect(["Require", "Content-Type", "Content-Disposition", "Contact"].map((name) => asked.headers.get(name))).toEqual([
      "siprec",
      "application/rs-metadata",
      "recording-session",
      expect.stringContaining(";+sip.srs"),
    ]);
    expect(new TextDecoder().decode(asked.body)).toContain("<requestsnapshot");
    call.client.reply(asked, 200);
    await update(call, twoPeople);
    expect(parties(lastFacts(it.recorder.calls[0]!))).toEqual(["sip:trader1@bank.example on 1", "+49301234567 on 2"]);
    it.time.advance(60_000);
    await call.client.silence(30, (one) => one.kind === "request");
  });

  /** Answers our request and waits until that has arrived: over TCP a request of ours is forgotten then. */
  async function answerAsked(it: TestServer, call: Call, status: number): Promise<string> {
    const asked = await call.client.request("UPDATE");
    const open = it.server.stats().transactions;
    call.client.reply(asked, status);
    await until(() => it.server.stats().transactions < open, "answer");
    return asked.headers.get("Content-Type") ?? "";
  }

  test("a partial document with none before it, asked for again at most every half minute and five times", async () => {
    await using it = await createTestServer();
    const call = await it.call("tcp");
    await call.establish(isOffered(partial('<session session_id="s1"/>')));
    await acknowledged(it, 1);
    it.time.advance(1_000);
    for (let request = 1; request <= 5; request += 1) {
      await answerAsked(it, call, 200);
      it.time.advance(29_000);
      await call.client.silence(15, (one) => one.kind === "request");
      it.time.advance(1_000);
    }
    await call.client.silence(30, (one) => one.kind === "request");
  });

  test("415: the other spelling of the type; any other refusal: never again", async () => {
    await using it = await createTestServer();
    const call = await it.call("tcp");
    await call.establish(isOffered("broken"));
    await acknowledged(it, 1);
    it.time.advance(1_000);
    call.client.reply(await call.client.request("UPDATE"), 415);
    expect(await answerAsked(it, call, 501)).toBe("application/rs-metadata");
    it.time.advance(120_000);
    await call.client.silence(30, (one) => one.kind === "request");
    expect(it.server.stats().dialogs).toBe(1);
  });

  test.each([
    ["does not list the request among what it accepts", { ...siprecBody(undefined, "broken"), headers: [["Require", "siprec"]] as const }],
    ["takes no UPDATE", { ...isOffered("broken"), headers: [...asks!, ["Allow", "INVITE, ACK, BYE"]] as const }],
  ])("a client that %s is not asked", async (_name, message) => {
    await using it = await createTestServer();
    const call = await it.call();
    expect((await call.establish(message)).status).toBe(200);
    await acknowledged(it, 1);
    it.time.advance(120_000);
    await call.client.silence(30, (one) => one.kind === "request");
  });
});

describe("one call in several sessions", () => {
  test("fail-over: a new INVITE with the same session id goes on in the same recording, and the old dialog's end does not end it", async () => {
    await using it = await createTestServer();
    const [first, second] = [await it.call(), await it.call("tcp")];
    const document = callOf("same", ["ann", "bob"]);
    await first.establish(siprecBody(undefined, document));
    const answer = await second.establish(siprecBody(undefined, document));
    expect(portsOf(answer)).toEqual([40_006, 40_008]);
    expect(it.recorder.calls).toHaveLength(1);
    const [recorded] = it.recorder.calls;
    expect(recorded!.told.map(({ kind }) => kind)).toEqual(["add", "add", "update"]);
    expect(parties(lastFacts(recorded!))).toEqual(["sip:ann@bank.example on 1/2+1", "sip:bob@bank.example on 2/2+2"]);

    first.send("BYE");
    await until(() => recorded!.told.filter(({ kind }) => kind === "remove").length === 2, "old streams gone");
    expect(recorded!.ends).toEqual([]);
    await until(() => parties(lastFacts(recorded!))[0] === "sip:ann@bank.example on 1/2", "only the new streams");
    await update(second, partial('<participantstreamassoc participant_id="sameb"><recv>same1</recv></participantstreamassoc>'));
    expect(parties(lastFacts(recorded!))).toEqual(["sip:ann@bank.example on 1/2", "sip:bob@bank.example held"]);
    await hangUp(it, second, 0);
    expect([recorded!.ends, it.server.stats().dialogs]).toEqual([["released"], 0]);
  });

  test("a client that died before its fail-over: the timer ends the old dialog, the call goes on", async () => {
    await using it = await createTestServer();
    const [first, second] = [await it.call(), await it.call()];
    const document = callOf("same", ["ann", "bob"]);
    await first.establish({ ...siprecBody(undefined, document), headers: [["Require", "siprec"], ["Supported", "timer"], ["Session-Expires", "90;refresher=uac"]] });
    await second.establish(siprecBody(undefined, document));
    await acknowledged(it, 2);
    it.time.advance(90_000);
    await until(() => it.server.stats().dialogs === 1, "old dialog gone");
    await until(() => it.recorder.calls[0]!.told.some(({ kind }) => kind === "remove"), "old streams gone");
    expect(it.recorder.calls[0]!.ends).toEqual([]);
  });

  test("Replaces takes the dialog's place: the old one gets BYE, the recording goes on", async () => {
    await using it = await createTestServer();
    const [first, second] = [await it.call(), await it.call()];
    await first.establish();
    const replaces: [string, string] = ["Replaces", `${first.callId};to-tag=${first.toTag};from-tag=${first.fromTag}`];
    const body = siprecBody();
    await second.establish({ ...body, headers: [["Require", "siprec, replaces"], replaces] });
    first.client.reply(await first.client.request("BYE"), 200);
    await until(() => it.server.stats().dialogs === 1, "old dialog gone");
    const [recorded] = it.recorder.calls;
    expect([it.recorder.calls.length, recorded!.ends]).toEqual([1, []]);
    await hangUp(it, second, 0);
    expect(recorded!.ends).toEqual(["released"]);
  });

  test.each([
    ["a short id is a counter and no proof", twoPeople, twoPeople],
    ["the same id without a party in common is a coincidence", callOf("same", ["ann", "bob"]), callOf("same", ["eve", "dan"])],
    ["two conversations of one group are two recordings of a chain", callOf("one", ["ann", "bob"], { group: "g" }), callOf("two", ["ann", "eve"], { group: "g" })],
  ])("strangers' calls are never put together: %s", async (_name, one, other) => {
    await using it = await createTestServer();
    await (await it.call()).establish(siprecBody(undefined, one));
    await (await it.call()).establish(siprecBody(undefined, other));
    expect(it.recorder.calls).toHaveLength(2);
  });

  test("a recorder that gives the call up tells every session", async () => {
    await using it = await createTestServer();
    const [first, second] = [await it.call(), await it.call()];
    for (const call of [first, second]) await call.establish(siprecBody(undefined, callOf("same", ["ann", "bob"])));
    it.recorder.calls[0]!.offer.onEnded!("the disk is gone");
    for (const call of [first, second]) call.client.reply(await call.client.request("BYE"), 200);
    await until(() => it.server.stats().dialogs === 0, "both gone");
  });
});

describe("several calls in one session (persistent recording)", () => {
  test("a new call in a re-INVITE is a recording of its own; the one before is finished then", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"])));
    const next = await call.establish(siprecBody(undefined, callOf("second", ["ann", "eve"])));
    expect(it.recorder.calls).toHaveLength(2);
    const [one, two] = it.recorder.calls;
    expect(one!.ends).toEqual(["released"]);
    expect(lastFacts(one!).conversations.map(({ id, endedAt }) => [id, endedAt !== null])).toEqual([["first-1234567890abcdef", true]]);
    expect(two!.offer.facts.conversations.map(({ id }) => id)).toEqual(["second-1234567890abcdef"]);
    expect(parties(two!.offer.facts)).toEqual(["sip:ann@bank.example on 1", "sip:eve@bank.example on 2"]);
    expect(two!.offer.raw.map(({ contentType }) => contentType)).toEqual(["application/sdp", "application/rs-metadata+xml"]);
    expect(portsOf(next)).toEqual([40_006, 40_008]);
    await update(call, partial('<participantstreamassoc participant_id="secondb"><recv>second1</recv></participantstreamassoc>'));
    expect(parties(lastFacts(two!))).toEqual(["sip:ann@bank.example on 1", "sip:eve@bank.example held"]);
    await hangUp(it, call, 1);
    expect([one!.ends, two!.ends]).toEqual([["released"], ["released"]]);
  });

  test("between two calls nothing is recorded: what there was is finished when its last stream goes", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"])));
    await call.establish(siprecBody(sdpOf({ label: "1", port: 0 }, { label: "2", port: 0 }), callOf("first", ["ann", "bob"], { ended: true })));
    await until(() => it.recorder.calls[0]!.ends.length > 0, "end");
    expect([it.recorder.calls[0]!.ends, it.server.stats().dialogs]).toEqual([["released"], 1]);
    await update(call, callOf("first", ["ann", "bob"], { ended: true }));

    await call.establish(siprecBody(undefined, callOf("second", ["ann", "eve"])));
    expect(parties(it.recorder.calls[1]!.offer.facts)).toEqual(["sip:ann@bank.example on 1", "sip:eve@bank.example on 2"]);
    await hangUp(it, call, 1);
    expect(it.recorder.calls.map(({ ends }) => ends)).toEqual([["released"], ["released"]]);
  });

  test("streams that come back without a word of who is there are recorded all the same", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"])));
    await call.establish(siprecBody(sdpOf({ label: "1", port: 0 }, { label: "2", port: 0 }), callOf("first", ["ann", "bob"], { ended: true })));
    const back = await call.establish({ contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2" }) });
    expect(portsOf(back)).toEqual([40_006, 40_008]);
    expect(parties(it.recorder.calls[1]!.offer.facts)).toEqual(["sip:ann@client.example on 1", "sip:bob@client.example on 2"]);
  });

  test("a call that policy does not want is refused by its lines; the next one may be wanted", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"])));
    it.recorder.decide = async () => ({ kind: "ignored", reasons: ["nobody here is recorded"], unknownParties: [] });
    expect(portsOf(await call.establish(siprecBody(undefined, callOf("second", ["dan", "eve"]))))).toEqual([0, 0]);
    it.recorder.decide = async () => null;
    expect(portsOf(await call.establish(siprecBody(undefined, callOf("third", ["ann", "eve"]))))).toEqual([40_006, 40_008]);
    expect(it.recorder.calls.map(({ ends }) => ends)).toEqual([["released"], []]);
  });

  test("a recorder that cannot take the next call: 503 and BYE, so that the client goes to another one", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"])));
    it.recorder.decide = async () => ({ kind: "unavailable", reason: "spool full", retryAfterSeconds: 5 });
    call.send("INVITE", siprecBody(undefined, callOf("second", ["ann", "eve"])));
    call.client.reply(await call.client.request("BYE"), 200);
    await until(() => it.server.stats().dialogs === 0, "end");
    expect(it.recorder.calls.map(({ ends }) => ends)).toEqual([["released"]]);
  });

  test("metadata that comes late does not begin a new recording", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish({ contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2" }) });
    await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"])));
    expect(it.recorder.calls).toHaveLength(1);
    expect(portsOf(await call.establish(siprecBody(undefined, callOf("first", ["ann", "bob"]))))).toEqual([40_002, 40_004]);
  });
});

describe("a call of which policy cannot decide yet", () => {
  const placeholder = callOf("avaya", ["ann", "bob"]).replace("sip:bob@bank.example", "sip:ASBCE@asbce.com");
  const known = callOf("avaya", ["ann", "bob"]);

  /** Records what Bob is in, and nothing else. */
  async function onlyBobs(it: TestServer): Promise<void> {
    it.recorder.decide = async ({ facts }) => (facts.conversations.some(({ parties: all }) => all.some(({ address }) => address === "sip:bob@bank.example")) ? null : { kind: "ignored", reasons: ["nobody here is recorded"], unknownParties: [] });
  }

  test("its lines are inactive until the client says who it is; then we offer the ports by UPDATE, and it is recorded", async () => {
    await using it = await createTestServer();
    await onlyBobs(it);
    const call = await it.call();
    const waiting = parseSdp((await call.establish(siprecBody(undefined, placeholder))).body);
    expect(waiting.ok && waiting.value.media.map(({ port, direction }) => [port, direction])).toEqual([[9, "inactive"], [9, "inactive"]]);
    expect([it.recorder.calls.length, it.server.stats().dialogs]).toEqual([0, 1]);
    expect(it.invitations).toMatchObject([{ status: 200, outcome: "ignored", reason: "NOT_TO_BE_RECORDED", recordingId: null }]);
    // The same people again are no news.
    let asked = 0;
    const { decide } = it.recorder;
    it.recorder.decide = (offer) => ((asked += 1), decide(offer));
    await update(call, placeholder);
    expect(asked).toBe(0);

    await update(call, known);
    const ours = await call.client.request("UPDATE");
    const offered = parseSdp(ours.body);
    expect(offered.ok && offered.value.media.map(({ port, direction, label }) => [port, direction, label])).toEqual([[40_002, "recvonly", "1"], [40_004, "recvonly", "2"]]);
    call.client.reply(ours, 200, [["Content-Type", "application/sdp"]], sdpOf({ label: "1", port: 33_000 }, { label: "2" }));
    const [recorded] = it.recorder.calls;
    expect(recorded!.offer.raw.map(({ contentType }) => contentType)).toEqual(["application/sdp", "application/rs-metadata+xml", "application/rs-metadata+xml", "application/rs-metadata+xml"]);
    expect(parties(recorded!.offer.facts)).toEqual(["sip:ann@bank.example on 1", "sip:bob@bank.example on 2"]);
    await until(() => recorded!.told.some(({ kind }) => kind === "change"), "their answer");
    expect(recorded!.told).toMatchObject([{ kind: "change", stream: { label: "1", remote: { rtpPort: 33_000 } } }]);
    await hangUp(it, call, 0);
    expect(recorded!.ends).toEqual(["released"]);
  });

  test("a re-INVITE that says who it is gets the ports in its answer", async () => {
    await using it = await createTestServer();
    await onlyBobs(it);
    const call = await it.call();
    await call.establish(siprecBody(undefined, placeholder));
    expect(portsOf(await call.establish(siprecBody(undefined, placeholder)))).toEqual([9, 9]);
    expect(portsOf(await call.establish(siprecBody(undefined, known)))).toEqual([40_002, 40_004]);
    await call.client.silence(30, (one) => one.kind === "request");
  });

  test("a client that does not take our offer gets BYE: it must not believe that it is recorded", async () => {
    await using it = await createTestServer();
    await onlyBobs(it);
    const call = await it.call();
    await call.establish(siprecBody(undefined, placeholder));
    await update(call, known);
    call.client.reply(await call.client.request("UPDATE"), 488);
    call.client.reply(await call.client.request("BYE"), 200);
    await until(() => it.recorder.calls[0]!.ends.length > 0, "end");
    expect(it.recorder.calls[0]!.ends).toEqual(["no_media"]);
  });

  test("that turns out to be nobody's ends without a recording", async () => {
    await using it = await createTestServer();
    await onlyBobs(it);
    const call = await it.call();
    await call.establish(siprecBody(undefined, placeholder));
    await update(call, callOf("avaya", ["ann", "eve"]));
    call.send("BYE");
    await until(() => it.server.stats().dialogs === 0, "end");
    expect(it.recorder.calls).toEqual([]);
  });
});
