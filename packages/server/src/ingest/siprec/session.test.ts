import { parseSdp } from "@earwitness/media";
import type { SipMessage, SipResponse } from "@earwitness/media";
import { describe, expect, test } from "vitest";
import type { CallFacts } from "#recorder";
import type { FakeCall } from "./fake-recorder.ts";
import { byAddress, createTestServer, until } from "./test-server.ts";
import { partial, sdpOf, siprecBody, twoPeople } from "./test-client.ts";
import type { OfferedLine } from "./test-client.ts";

function mediaOf(response: SipResponse): { port: number; direction: string; label: string | null }[] {
  const sdp = parseSdp(response.body);
  if (!sdp.ok) throw new Error(sdp.reason);
  return sdp.value.media.map(({ port, direction, label }) => ({ port, direction, label }));
}

const isStatus = (status: number) => (message: SipMessage): boolean => message.kind === "response" && message.status === status;

function lastFacts(call: FakeCall): CallFacts {
  const update = call.told.findLast((told) => told.kind === "update");
  return update?.kind === "update" ? update.facts : call.offer.facts;
}

describe.each(["udp", "tcp"] as const)("a recording session over %s", (kind) => {
  test("INVITE, ACK, BYE: the recorder gets the offer, the client the ports", async () => {
    await using it = await createTestServer();
    const call = await it.call(kind);
    const ok = await call.establish();
    expect(ok.status).toBe(200);
    expect(ok.headers.get("Contact")).toBe(`<sip:srs@127.0.0.1:${it.server.address.port};transport=${kind}>;+sip.srs`);
    expect(ok.headers.get("Server")).toBe("Earwitness");
    expect(mediaOf(ok)).toEqual([
      { port: 40_002, direction: "recvonly", label: "1" },
      { port: 40_004, direction: "recvonly", label: "2" },
    ]);

    const [recorded] = it.recorder.calls;
    expect(recorded!.offer).toMatchObject({
      tenantId: "tenant",
      trunkId: "trunk",
      trunkName: "SBC",
      sipCallId: call.callId,
      remoteAddress: "127.0.0.1",
      streams: [
        { label: "1", payloads: [{ number: 8, codec: "PCMA", clockRateHz: 8000 }], remote: { address: "127.0.0.1", rtpPort: 30_000, rtcpPort: 30_001 }, sending: true },
        { label: "2", sending: true },
      ],
      facts: {
        conversations: [
          {
            id: "s1",
            chainId: "g1",
            originalCallId: "8c0a70a7a84547f9953a5154281fa6f5",
            startedAt: new Date("2026-11-20T09:15:00Z"),
            parties: [
              { name: "Trader One", address: "sip:trader1@bank.example", sends: ["1"], onHold: false },
              { name: null, address: "+49301234567", sends: ["2"], onHold: false },
            ],
          },
        ],
      },
    });
    expect(recorded!.offer.raw.map(({ contentType }) => contentType)).toEqual(["application/sdp", "application/rs-metadata+xml"]);
    expect(new TextDecoder().decode(recorded!.offer.raw[1]!.body)).toBe(twoPeople);

    call.send("BYE");
    expect((await call.client.response(200)).headers.get("CSeq")).toBe("2 BYE");
    await until(() => recorded!.ends.length > 0, "end");
    expect(recorded!.ends).toEqual(["released"]);
    expect(it.server.stats()).toMatchObject({ dialogs: 0, requests: { INVITE: 1, ACK: 1, BYE: 1 }, responses: { "1xx": 1, "2xx": 2 }, stray: 0 });
  });

  test("a retransmitted INVITE gets the same 200 and opens one recording", async () => {
    await using it = await createTestServer();
    const call = await it.call(kind);
    const invite = call.send("INVITE", siprecBody());
    const first = await call.client.response(200);
    call.client.send(invite);
    call.client.send(invite);
    it.time.advance(500);
    const second = await call.client.response(200);
    expect(second).toEqual(first);
    expect(it.recorder.calls).toHaveLength(1);
  });

  test("without an ACK the 200 is repeated at growing pauses, then BYE and the end", async () => {
    await using it = await createTestServer();
    const call = await it.call(kind);
    call.send("INVITE", siprecBody());
    await call.client.response(200);
    for (let beat = 0; beat < 32; beat += 1) it.time.advance(1_000);
    const bye = await call.client.request("BYE");
    call.client.reply(bye, 200);
    // 0.5, 1.5, 3.5, 7.5, then every 4 s: ten repetitions in 32 s (RFC 3261 §13.3.1.4).
    expect(call.client.received.filter(isStatus(200))).toHaveLength(11);
    await until(() => it.recorder.calls[0]!.ends.length > 0, "end");
    expect(it.recorder.calls[0]!.ends).toEqual(["timeout"]);
    expect(it.server.stats()).toMatchObject({ acksLost: 1, dialogs: 0 });
  });
});

describe("a recorder that gives a call up", () => {
  test("the client gets a BYE, so that it does not go on believing that it is recorded", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    const [recorded] = it.recorder.calls;
    recorded!.offer.onEnded!("the spool is full");
    call.client.reply(await call.client.request("BYE"), 200);
    await until(() => it.server.stats().dialogs === 0, "end of the dialog");
    expect(recorded!.ends).toEqual(["fault"]);
  });

  test("while it still opens the call: the client gets 503 and no dialog", async () => {
    await using it = await createTestServer();
    it.recorder.decide = async (offer) => {
      offer.onEnded!("the media worker died");
      return null;
    };
    const call = await it.call();
    call.send("INVITE", siprecBody());
    expect((await call.client.response(503)).headers.get("Retry-After")).toBe("10");
    await until(() => (it.recorder.calls[0]?.ends.length ?? 0) > 0, "end");
    expect(it.server.stats().dialogs).toBe(0);
  });
});

describe("answers to an INVITE", () => {
  test.each([
    ["both markers and the older type", siprecBody(undefined, undefined, "Application/RS-Metadata")],
    ["no Require, but a metadata part", { ...siprecBody(), headers: [] }],
  ])("is a recording session by %s", async (_name, message) => {
    await using it = await createTestServer();
    const call = await it.call();
    expect((await call.establish(message)).status).toBe(200);
    expect(it.recorder.calls[0]!.offer.facts.conversations[0]!.id).toBe("s1");
  });

  test("a plain INVITE from a trunk is recorded with From and To as its parties", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish({ contentType: "application/sdp", body: sdpOf({}, {}) });
    expect(it.recorder.calls[0]!.offer.facts.conversations).toMatchObject([
      {
        id: call.callId,
        parties: [
          { name: "Ann", address: "sip:ann@client.example", sends: ["m0"] },
          { name: null, address: "sip:bob@client.example", sends: ["m1"] },
        ],
      },
    ]);
  });

  test("broken metadata is kept as it came, and the call is recorded", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    const ok = await call.establish(siprecBody(undefined, "<recording><unclosed"));
    expect(ok.status).toBe(200);
    const raw = it.recorder.calls[0]!.offer.raw.find(({ contentType }) => contentType === "application/rs-metadata+xml");
    expect(new TextDecoder().decode(raw!.body)).toBe("<recording><unclosed");
    expect(it.logged.join()).toContain("recording metadata has problems");
  });

  test("no trunk: 403, and nothing is remembered", async () => {
    await using it = await createTestServer(byAddress(() => null));
    const call = await it.call();
    const refused = await call.establish();
    expect(refused.status).toBe(403);
    expect(refused.headers.get("Warning")).toContain("no trunk");
    expect(it.server.stats().transactions).toBe(0);
    expect(it.recorder.calls).toHaveLength(0);
  });

  test("the recorder cannot now: 503 with its Retry-After", async () => {
    await using it = await createTestServer();
    it.recorder.decide = async () => ({ kind: "unavailable", reason: "spool full", retryAfterSeconds: 42 });
    const call = await it.call();
    const refused = await call.establish();
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "42"]);
    expect(refused.headers.get("Warning")).toContain("spool full");
  });

  test("policy says no: 603 with the reasons, so that the client does not ask the next recorder", async () => {
    await using it = await createTestServer();
    it.recorder.decide = async () => ({ kind: "ignored", reasons: ["nobody here is recorded"], unknownParties: [] });
    const call = await it.call();
    const refused = await call.establish();
    expect(refused.status).toBe(603);
    expect(refused.headers.get("Warning")).toContain("nobody here is recorded");
  });

  test("a recorder that throws, or does not answer in ten seconds: 503", async () => {
    await using it = await createTestServer();
    it.recorder.decide = async () => Promise.reject(new Error("defect"));
    expect((await (await it.call()).establish()).status).toBe(503);

    const { promise, resolve } = Promise.withResolvers<null>();
    it.recorder.decide = () => promise;
    const slow = await it.call();
    slow.send("INVITE", siprecBody());
    await slow.client.response(100);
    it.time.advance(10_000);
    await slow.client.response(503);
    resolve(null);
    await until(() => it.recorder.calls[0]?.ends.length === 1, "the late recording ends");
    expect(it.recorder.calls[0]!.ends).toEqual(["cancelled"]);
    expect(it.server.stats().dialogs).toBe(0);
  });

  test("lines that cannot be recorded get port 0; 488 where none can", async () => {
    await using it = await createTestServer();
    const mixed = await it.call();
    const ok = await mixed.establish(siprecBody(sdpOf({ label: "v", kind: "video" }, { label: "1" }, { label: "g", codec: 18 })));
    expect(mediaOf(ok)).toEqual([
      { port: 0, direction: "sendrecv", label: "v" },
      { port: 40_002, direction: "recvonly", label: "1" },
      { port: 0, direction: "sendrecv", label: "g" },
    ]);
    const none = await it.call();
    const refused = await none.establish(siprecBody(sdpOf({ label: "1", codec: 18 })));
    expect(refused.status).toBe(488);
    expect(refused.headers.get("Warning")).toMatch(/^305 /);
    const offerless = await it.call();
    const noOffer = await offerless.establish(siprecBody(null));
    expect(noOffer.status).toBe(488);
    expect(noOffer.headers.get("Warning")).toContain("without an offer");
  });

  test("the recorder opens some streams only: the others are refused in the answer", async () => {
    await using it = await createTestServer();
    const open = it.recorder.open.bind(it.recorder);
    Object.assign(it.recorder, {
      open: async (offer: Parameters<typeof open>[0]) => {
        const result = await open(offer);
        return result.kind === "recording" ? { ...result, ports: new Map([...result.ports].slice(0, 1)) } : result;
      },
    });
    const call = await it.call();
    expect(mediaOf(await call.establish()).map(({ port }) => port)).toEqual([40_002, 0]);
  });

  test("SDP says the advertised address, or on a wildcard the one that the route to the client leaves from", async () => {
    await using named = await createTestServer({ advertisedAddress: "192.0.2.7" });
    const ok = await (await named.call()).establish();
    expect(new TextDecoder().decode(ok.body)).toContain("c=IN IP4 192.0.2.7");
    expect(ok.headers.get("Contact")).toContain("@192.0.2.7:");
    for (const kind of ["udp", "tcp"] as const) {
      await using wild = await createTestServer({ host: "0.0.0.0" });
      const answer = await (await wild.call(kind)).establish();
      expect(new TextDecoder().decode(answer.body)).toContain("c=IN IP4 127.0.0.1");
    }
  });

  test("Record-Route is copied, and our BYE follows it", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    const route = `<sip:${call.client.address}:${call.client.port};lr>`;
    const body = siprecBody();
    const ok = await call.establish({ ...body, headers: [...body.headers!, ["Record-Route", `${route}, <sip:far.example;lr>`]] });
    expect(ok.headers.list("Record-Route")).toEqual([route, "<sip:far.example;lr>"]);
    const closed = it.server.close();
    const bye = await call.client.request("BYE");
    call.client.reply(bye, 200);
    await closed;
    expect(bye.headers.list("Route")).toEqual([route, "<sip:far.example;lr>"]);
    expect(bye.headers.get("To")).toMatch(/^"Ann" <sip:ann@client\.example>;tag=/);
    expect(it.recorder.calls[0]!.ends).toEqual(["shutdown"]);
  });
});

describe("CANCEL", () => {
  test("before the answer: 200 to it, 487 to the INVITE, and the recording that opens too late ends", async () => {
    await using it = await createTestServer();
    const { promise, resolve } = Promise.withResolvers<null>();
    it.recorder.decide = () => promise;
    const call = await it.call();
    call.send("INVITE", { ...siprecBody(), branch: "z9hG4bKone" });
    await call.client.response(100);
    call.send("CANCEL", { branch: "z9hG4bKone" });
    expect((await call.client.response(200)).headers.get("CSeq")).toBe("1 CANCEL");
    await call.client.response(487);
    call.send("ACK", { branch: "z9hG4bKone" });
    resolve(null);
    await until(() => it.recorder.calls[0]?.ends.length === 1, "end");
    expect(it.recorder.calls[0]!.ends).toEqual(["cancelled"]);
    expect(it.server.stats()).toMatchObject({ dialogs: 0, stray: 0 });
    // The ACK stops the repetition of the 487.
    it.time.advance(4_000);
    await call.client.silence(30);
  });

  test("after the answer it changes nothing; for no INVITE it is 481", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    call.send("INVITE", { ...siprecBody(), branch: "z9hG4bKtwo" });
    await call.client.response(200);
    call.send("CANCEL", { branch: "z9hG4bKtwo" });
    expect((await call.client.response(200)).headers.get("CSeq")).toBe("1 CANCEL");
    expect(it.server.stats().dialogs).toBe(1);
    expect(it.recorder.calls[0]!.ends).toEqual([]);
    call.send("CANCEL", { branch: "z9hG4bKnever" });
    await call.client.response(481);
  });
});

describe("re-INVITE and UPDATE", () => {
  test("hold, resume, add, remove and use a line again", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(sdpOf({ label: "1" })));
    const { told } = it.recorder.calls[0]!;
    async function offer(...lines: OfferedLine[]) {
      told.length = 0;
      const ok = await call.establish({ contentType: "application/sdp", body: sdpOf(...lines) });
      return { media: mediaOf(ok), told: told.filter(({ kind }) => kind !== "update") };
    }
    const held = await offer({ label: "1", direction: "inactive" });
    expect(held.media).toEqual([{ port: 40_002, direction: "inactive", label: "1" }]);
    expect(held.told).toMatchObject([{ kind: "change", stream: { label: "1", sending: false } }]);

    const resumed = await offer({ label: "1" });
    expect(resumed.media[0]!.direction).toBe("recvonly");
    expect(resumed.told).toMatchObject([{ kind: "change", stream: { label: "1", sending: true } }]);

    const zeros = await offer({ label: "1", connection: "0.0.0.0" });
    expect(zeros.told).toMatchObject([{ kind: "change", stream: { label: "1", sending: false, remote: null } }]);

    const added = await offer({ label: "1" }, { label: "2" });
    expect(added.media).toMatchObject([{ port: 40_002 }, { port: 40_004 }]);
    expect(added.told).toMatchObject([{ kind: "change" }, { kind: "add", stream: { label: "2" } }]);

    const removed = await offer({ label: "1" }, { label: "2", port: 0 });
    expect(removed.media).toMatchObject([{ port: 40_002 }, { port: 0 }]);
    expect(removed.told).toMatchObject([{ kind: "remove", label: "2" }]);

    const again = await offer({ label: "1" }, { label: "3" });
    expect(again.told).toMatchObject([{ kind: "add", stream: { label: "3" } }]);
    expect(again.media).toMatchObject([{ port: 40_002 }, { port: 40_006, label: "3" }]);

    const same = await offer({ label: "1" }, { label: "3" });
    expect(same.told).toEqual([]);
    expect(same.media).toEqual(again.media);
  });

  test("the answer's version grows and its session id stays", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    const origins = [];
    for (const message of [siprecBody(), siprecBody()]) {
      const sdp = parseSdp((await call.establish(message)).body);
      if (sdp.ok) origins.push(sdp.value.origin!);
    }
    expect(origins.map(({ version }) => version)).toEqual(["1", "2"]);
    expect(origins[0]!.sessionId).toBe(origins[1]!.sessionId);
  });

  test("an UPDATE with metadata alone: partial documents are merged", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    call.send("UPDATE", { contentType: "application/rs-metadata+xml", body: partial(`<participantstreamassoc participant_id="p2"><recv>t1</recv></participantstreamassoc>`), headers: [["Content-Disposition", "recording-session"]] });
    const ok = await call.client.response(200);
    expect(ok.headers.get("CSeq")).toBe("2 UPDATE");
    expect(ok.body).toHaveLength(0);
    const parties = lastFacts(it.recorder.calls[0]!).conversations[0]!.parties;
    expect(parties.map(({ sends, onHold }) => ({ sends, onHold }))).toEqual([
      { sends: ["1"], onHold: false },
      { sends: [], onHold: true },
    ]);
  });

  test("an offer that would make a running stream unrecordable is refused as a whole", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(sdpOf({ label: "1" })));
    call.send("INVITE", { contentType: "application/sdp", body: sdpOf({ label: "1", codec: 18 }) });
    await call.client.response(488);
    expect(it.recorder.calls[0]!.told).toEqual([]);
    expect(it.server.stats().dialogs).toBe(1);
  });

  test("a stream that the recorder cannot add is refused, the others go on", async () => {
    await using it = await createTestServer();
    it.recorder.failLabel = "2";
    const call = await it.call();
    await call.establish(siprecBody(sdpOf({ label: "1" })));
    const ok = await call.establish({ contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2" }) });
    expect(mediaOf(ok).map(({ port }) => port)).toEqual([40_002, 0]);
  });

  test("a recorder that cannot be told who is there does not cost the streams", async () => {
    await using it = await createTestServer();
    it.recorder.failUpdate = true;
    const call = await it.call();
    await call.establish(siprecBody(sdpOf({ label: "1" })));
    const ok = await call.establish(siprecBody());
    expect(mediaOf(ok).map(({ port }) => port)).toEqual([40_002, 40_004]);
    expect(it.logged.join()).toContain("could not be told");
  });

  test("a second offer before the first is answered: 500 with Retry-After; BYE ends the first with 487", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish(siprecBody(sdpOf({ label: "1" })));
    const recorded = it.recorder.calls[0]!;
    const gate = Promise.withResolvers<void>();
    // The recorder hangs in the middle of the first re-INVITE.
    it.recorder.hold = gate.promise;
    call.send("INVITE", { contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2" }) });
    await call.client.next((one) => one.kind === "response" && one.status === 100 && one.headers.get("CSeq") === "2 INVITE");
    call.send("INVITE", { contentType: "application/sdp", body: sdpOf({ label: "1" }) });
    const early = await call.client.response(500);
    expect(Number(early.headers.get("Retry-After"))).toBeLessThanOrEqual(10);
    call.send("UPDATE", { contentType: "application/sdp", body: sdpOf({ label: "1" }) });
    await call.client.response(500);
    call.send("BYE");
    await call.client.response(487);
    gate.resolve();
    await until(() => recorded.ends.length > 0, "end");
    expect(recorded.ends).toEqual(["released"]);
  });

  test("an UPDATE with metadata is taken while an offer is worked on, and counts after it", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    const gate = Promise.withResolvers<void>();
    it.recorder.hold = gate.promise;
    call.send("INVITE", { contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2" }, { label: "3" }) });
    call.send("UPDATE", { contentType: "application/rs-metadata", body: partial(`<participantstreamassoc participant_id="p1"><send>t2</send></participantstreamassoc>`) });
    await call.client.next((one) => one.kind === "response" && one.status === 100 && one.headers.get("CSeq") === "2 INVITE");
    gate.resolve();
    await call.client.next((one) => one.kind === "response" && one.status === 200 && one.headers.get("CSeq") === "3 UPDATE");
    expect(it.recorder.calls[0]!.told.map(({ kind }) => kind)).toEqual(["add", "update", "update"]);
    expect(lastFacts(it.recorder.calls[0]!).conversations[0]!.parties[0]!.sends).toEqual(["2"]);
  });

  test("BYE may bring the last document; it counts before the end", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    call.send("BYE", { contentType: "application/rs-metadata+xml", body: partial(`<session session_id="s1"><stop-time>2026-11-20T09:20:00Z</stop-time></session>`) });
    await until(() => it.recorder.calls[0]!.ends.length > 0, "end");
    expect(it.recorder.calls[0]!.told.map(({ kind }) => kind)).toEqual(["update", "end"]);
    expect(lastFacts(it.recorder.calls[0]!).conversations[0]!.endedAt).toEqual(new Date("2026-11-20T09:20:00Z"));
  });
});

describe("shutdown", () => {
  test("drain: 503 to new calls and OPTIONS, running ones go on; close says BYE", async () => {
    await using it = await createTestServer();
    const running = await it.call();
    await running.establish();
    it.server.drain();
    const late = await it.call();
    const refused = await late.establish();
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "30"]);
    (await it.call()).send("OPTIONS");
    await until(() => (it.server.stats().responses["5xx"] ?? 0) === 2, "503 to OPTIONS");
    expect(it.recorder.calls[0]!.ends).toEqual([]);

    const closed = it.server.close();
    running.client.reply(await running.client.request("BYE"), 200);
    await closed;
    expect(it.recorder.calls[0]!.ends).toEqual(["shutdown"]);
  });

  test("a call that the recorder opens while we stop is ended, and its client told 503", async () => {
    await using it = await createTestServer();
    const gate = Promise.withResolvers<null>();
    it.recorder.decide = () => gate.promise;
    const call = await it.call();
    call.send("INVITE", siprecBody());
    await call.client.response(100);
    const closed = it.server.close();
    gate.resolve(null);
    await call.client.response(503);
    await closed;
    expect(it.recorder.calls[0]!.ends).toEqual(["shutdown"]);
  });

  test("close does not wait for a client that is gone", async () => {
    await using it = await createTestServer();
    await (await it.call()).establish();
    const closed = it.server.close();
    await until(() => it.recorder.calls[0]!.ends.length > 0, "end");
    it.time.advance(2_000);
    await closed;
    expect(it.time.waiting).toBe(0);
  });
});

test("50 calls at once are kept apart", async () => {
  await using it = await createTestServer();
  const calls = await Promise.all(Array.from({ length: 50 }, (_, index) => it.call(index % 2 === 0 ? "udp" : "tcp")));
  const answers = await Promise.all(calls.map((call) => call.establish(siprecBody(undefined, twoPeople.replaceAll('"s1"', `"${call.callId}"`)))));
  expect(answers.map(({ status }) => status)).toEqual(calls.map(() => 200));
  expect(new Set(answers.flatMap((answer) => mediaOf(answer).map(({ port }) => port))).size).toBe(100);
  for (const { offer } of it.recorder.calls) expect(offer.facts.conversations[0]!.id).toBe(offer.sipCallId);
  expect(it.server.stats().dialogs).toBe(50);
  for (const call of calls) call.send("BYE");
  await until(() => it.recorder.count() === 0, "all ended");
  expect(it.recorder.calls.flatMap(({ ends }) => ends)).toEqual(calls.map(() => "released"));
});
