/**
 * Whole sessions of the vendors' clients, from INVITE to BYE, as their manuals and published captures describe them; people, numbers and ids are
 * ours. What each must come to: the right people on the right streams, who called, and the ids by which the vendor knows the call.
 */
import { parseSdp } from "@earwitness/media";
import type { SdpMedia } from "@earwitness/media";
import { describe, expect, test } from "vitest";
import type { CallFacts, Conversation } from "#recorder";
import type { FakeCall } from "./fake-recorder.ts";
import { createTestServer, until } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";
import { openVendorSession } from "./vendor-session.ts";

interface Played {
  readonly call: FakeCall;
  readonly first: Conversation;
  readonly last: CallFacts;
  readonly lines: readonly SdpMedia[];
}

/** Plays the file to its BYE: every request must be answered 200, and the call must end as released. */
async function play(it: TestServer, name: string, rewrite?: (text: string) => string): Promise<Played> {
  const before = it.recorder.calls.length;
  const session = await openVendorSession(it, name, "udp", rewrite);
  await session.begin();
  await session.bye();
  for (const [step, answer] of session.answers) expect([step, answer.status]).toEqual([step, 200]);
  const call = it.recorder.calls[before]!;
  await until(() => call.ends.length > 0, "end");
  expect(call.ends).toEqual(["released"]);
  const sdp = parseSdp(session.answers.get("INVITE")!.body);
  if (!sdp.ok) throw new Error(sdp.reason);
  return { call, first: call.offer.facts.conversations[0]!, last: lastFacts(call), lines: sdp.value.media };
}

function lastFacts(call: FakeCall): CallFacts {
  const update = call.told.findLast((told) => told.kind === "update");
  return update?.kind === "update" ? update.facts : call.offer.facts;
}

/** `address "name" on labels`, one line per party; who called is marked. */
const who = ({ parties, callingPartyId }: Conversation): string[] =>
  parties.map(({ id, address, name, sends, leftAt }) => `${id === callingPartyId ? "caller " : ""}${address}${name === null ? "" : ` "${name}"`}${sends.length > 0 ? ` on ${sends.join("+")}` : ""}${leftAt === null ? "" : " left"}`);

const at0915 = new Date("2026-11-20T09:15:00Z");
/** Avaya's own spelling of the UCID `0018 803B 69810C6D`. */
const ucid = "00024328271770065005";

describe("AudioCodes", () => {
  test("AudioCodes: RFC 7865 metadata with an extension whose prefix is unbound, Contact with ;src, paused by inactive", async () => {
    await using it = await createTestServer();
    const { call, first, lines } = await play(it, "audiocodes");
    expect(who(first)).toEqual(['+4930555010 "Desk Berlin" on 1', "sip:4501@10.31.2.10 on 2"]);
    expect(first).toMatchObject({ id: "sLq0mYTnQ9Gx4JrVw1nKzA==", chainId: "b7ezWfSDR1uY0h5mT3pPSA==", originalCallId: ucid, startedAt: at0915 });
    expect(lines.map(({ label, direction, formats }) => [label, direction, formats])).toEqual([
      ["1", "recvonly", ["8", "96"]],
      ["2", "recvonly", ["8", "96"]],
    ]);
    expect(call.told.filter(({ kind }) => kind === "change")).toMatchObject([{ stream: { label: "1", sending: false } }, { stream: { label: "2", sending: false } }]);
  });

  test("AudioCodes: legacy metadata, send and recv inside participant", async () => {
    await using it = await createTestServer();
    const { first } = await play(it, "audiocodes-legacy");
    expect(who(first)).toEqual(['sip:3311@10.31.2.20 "Anna Keller" on 1', "+41445550123 on 2"]);
    expect(first).toMatchObject({ id: "0000-0000-0000-0000-1f17f1a9", chainId: "00000000-0000-00c3-bd6c-4f1b0f6be58a", parties: [{ joinedAt: at0915 }, { joinedAt: at0915 }] });
  });
});

describe("Cisco", () => {
  test("Cisco CUBE: interleaved elements, milliseconds, the call's GUID from the GTD part", async () => {
    await using it = await createTestServer();
    const { call, first, lines } = await play(it, "cisco-cube");
    expect(who(first)).toEqual(["sip:7301@10.66.5.20 on 1", '+13125550177 "Marta Ruiz" on 2']);
    expect(first).toMatchObject({ startedAt: new Date("2026-11-20T09:15:00.250Z"), originalCallId: "2b7e0f1c45a34d9e8f10c6a2d4b85e77", chainId: "7c5a90d1c5f811f18f9abd2a41e8d0c3" });
    expect(call.offer.streams[0]).toMatchObject({ payloads: [{ number: 0, codec: "PCMU" }], keyPresses: [{ number: 101, clockRateHz: 8000 }], comfortNoise: [19] });
    expect(lines[0]!.payloads.map(({ encoding, fmtp }) => [encoding, fmtp])).toEqual([
      ["PCMU", null],
      ["TELEPHONE-EVENT", "0-15"],
      ["CN", null],
    ]);
    expect(call.offer.raw.map(({ contentType }) => contentType)).toEqual(["application/sdp", "application/rs-metadata+xml", "application/gtd"]);
  });

  test("Cisco CUBE: without GTD part and session id the GUID is that of the header", async () => {
    await using it = await createTestServer();
    const { first } = await play(it, "cisco-cube", (text) => text.replace(/^GCI,.*$/m, "XXX,1").replace(/<sipSessionID>.*<\/sipSessionID>\n/, ""));
    expect(first.originalCallId).toBe("7c5a90d1c5f811f18f9abd2a41e8d0c3");
  });

  test("Cisco CUCM, built-in bridge: two dialogs without metadata are one call, each end on its own stream", async () => {
    await using it = await createTestServer();
    const [near, far] = [await openVendorSession(it, "cisco-bib-near"), await openVendorSession(it, "cisco-bib-far")];
    await near.begin();
    await far.begin();
    expect(it.recorder.calls).toHaveLength(1);
    const [call] = it.recorder.calls;
    expect(call!.offer.streams[0]).toMatchObject({ label: "m0", payloads: [{ codec: "G722", number: 9, clockRateHz: 8000 }, { codec: "PCMU" }, { codec: "PCMA" }] });
    expect(call!.told).toMatchObject([{ kind: "add", stream: { label: "m0/2" } }, { kind: "update" }]);
    expect(lastFacts(call!).conversations.map(who)).toEqual([['+7001 "Nora Winter" on m0', '+7002 "SEP66778899AABB" on m0/2']].map((parties) => parties.toSorted()));
    expect(lastFacts(call!).conversations[0]).toMatchObject({ id: "27298498@CLUSTER1", chainId: "27298498@CLUSTER1" });
    await near.bye();
    expect(call!.ends).toEqual([]);
    await far.bye();
    await until(() => call!.ends.length > 0, "end");
    expect([call!.ends, it.server.stats().dialogs]).toEqual([["released"], 0]);
  });

  test("Cisco network recording: X-Cisco-Recording-Participant says who is on which line", async () => {
    await using it = await createTestServer();
    const { first } = await play(it, "cisco-network");
    expect(who(first)).toEqual(["sip:1001@10.66.1.20 on m1", '+14085550199 "Customer" on m0']);
    expect(first.originalCallId).toBe("7c5a90d1c5f811f18f9abd2a41e8d0c3");
  });
});

test("Oracle: namespace without :1, unzoned times, a space after the final boundary; callingParty says who called, UCID which call", async () => {
  await using it = await createTestServer();
  const { first } = await play(it, "oracle");
  expect(who(first)).toEqual(['sip:2001@10.90.1.20 "Trading Floor" on 16777227', 'caller +442075550110 "+442075550110" on 16777228']);
  expect(first).toMatchObject({ originalCallId: ucid, chainId: ucid, parties: [{ joinedAt: at0915 }, { joinedAt: at0915 }] });
});

test("Oracle: without callingParty, callerOrig says whether the first one called", async () => {
  await using it = await createTestServer();
  const { first } = await play(it, "oracle", (text) => text.replace(/\t*<apkt:callingParty>.*\n/g, "").replace("<apkt:callerOrig>true", "<apkt:callerOrig>false"));
  expect(first.callingPartyId).toBe("caller-9Kk1Zw==");
});

test("Ribbon: prefixed names and dates of 1970; callData names caller, Call-ID and gcid; the first participant is on the second line", async () => {
  await using it = await createTestServer();
  const { first } = await play(it, "ribbon");
  expect(who(first)).toEqual(['sip:2015550100@10.71.9.3 "Front Desk" on 2', "caller sip:2015550188@10.71.9.2 on 1"]);
  expect(first).toMatchObject({ chainId: "N2UxZjJhMDAtMTE=", originalCallId: "241205267", sipCallId: "5a11c0de-7777-1239@10.71.9.2", startedAt: null });
});

describe("Avaya SBCE", () => {
  test("Avaya: the placeholder is nobody; the UPDATE brings who it was, on the stream that had no id; the session id is the UCID", async () => {
    await using it = await createTestServer();
    const { first, last, call } = await play(it, "avaya-sbce");
    expect(who(first)).toEqual(["sip:9075550142@10.44.8.9 on 10"]);
    expect(first).toMatchObject({ id: "00FA08001F2A3B69810C6D", originalCallId: "00031108111770065005" });
    expect(last.conversations.map(who)).toEqual([["sip:9075550142@10.44.8.9 on 10", 'sip:5502@10.44.8.9 "Help Desk" on 20']]);
    expect(call.told.map(({ kind }) => kind)).toEqual(["update", "end"]);
    expect(it.logged.join()).not.toContain("has problems");
  });

  test("Avaya: whom it vouches for stands in for the placeholder, unless it is the other party", async () => {
    await using it = await createTestServer();
    const { first, last } = await play(it, "avaya-sbce", (text) => text.replace("P-Asserted-Identity: <sip:9075550142@10.44.8.9>", 'P-Asserted-Identity: "Help" <sip:5502@10.44.8.9>'));
    expect(who(first)).toEqual(["sip:9075550142@10.44.8.9 on 10", 'sip:5502@10.44.8.9 "Help"']);
    expect(last.conversations.map(who)).toEqual([["sip:9075550142@10.44.8.9 on 10", 'sip:5502@10.44.8.9 "Help Desk" on 20']]);
  });
});

test("Metaswitch: one stream carries both, bare numbers, callingPartyNumber says who called", async () => {
  await using it = await createTestServer();
  const { call, first } = await play(it, "metaswitch");
  expect(call.offer.streams).toHaveLength(1);
  expect(who(first)).toEqual(['+2125550111 "Iris Cole" on 1', "caller +6465550199 on 1"]);
});

test("BroadWorks (Webex Calling): no Require, metadata before SDP, another root, a mixed stream, callType, tracking id", async () => {
  await using it = await createTestServer();
  const { call, first } = await play(it, "broadworks");
  expect(who(first)).toEqual(['sip:dfox@as.example "Dana Fox" on 1', "caller +12405550134 on 1"]);
  expect(first).toMatchObject({ id: "urn:uuid:7c1f5b90-11d2-4f62-8b33-5e0a9c3d4e03", chainId: "urn:uuid:2f6a7a50-9f0c-4bde-8a45-3c1d6f7f1b02", originalCallId: "1142208:1", startedAt: at0915 });
  expect(call.offer.streams[0]!.payloads.map(({ codec }) => codec)).toEqual(["G722", "PCMA", "PCMU"]);
});

test("OpenSIPS: by the book", async () => {
  await using it = await createTestServer();
  const { first, lines } = await play(it, "opensips");
  expect(who(first)).toEqual(['sip:alice@pbx.example "alice" on 1', "sip:bob@pbx.example on 2"]);
  expect(first).toMatchObject({ chainId: null, originalCallId: "ab30317f1a784dc48ff824d0d3715d86" });
  expect(lines.map(({ formats }) => formats)).toEqual([["0", "101"], ["0", "101"]]);
});

test("SEMS (ProCom): labels a_leg and b_leg, application/rs-metadata, an address without scheme, no final boundary", async () => {
  await using it = await createTestServer();
  const { first, lines } = await play(it, "sems");
  expect(who(first)).toEqual(['sip:016555200@10.8.1.16 "016555200" on a_leg', 'sip:extension-016555619@voice.example "Main Line 016555619" on b_leg']);
  expect(lines.map(({ label }) => label)).toEqual(["a_leg", "b_leg"]);
});

test("NetSapiens: BYE and a new INVITE of the same group are two recordings of one chain", async () => {
  await using it = await createTestServer();
  const [one, two] = [await play(it, "netsapiens-1"), await play(it, "netsapiens-2")];
  expect(who(one.first)).toEqual(['sip:1001@pbx.example "Agent One" on 1', 'sip:8585550123@pbx.example "Customer" on 2']);
  expect(who(two.first)).toEqual(['sip:1001@pbx.example "Agent One" on 1', 'sip:1002@pbx.example "Second Line" on 2']);
  expect([one.first.chainId, two.first.chainId]).toEqual(["20261120091500ns5521", "20261120091500ns5521"]);
});

test("NetSapiens: a group that was transferred from another one belongs to that", async () => {
  await using it = await createTestServer();
  const { first } = await play(it, "netsapiens-2", (text) => text.replace("</netsapiensExtension>", "<xferredGroupID>20261120091400ns5500</xferredGroupID></netsapiensExtension>"));
  expect(first.chainId).toBe("20261120091400ns5500");
});

test("Connectel: no c= line at all, an origin of zeros, no associations, junk behind a name", async () => {
  await using it = await createTestServer();
  const { call, first } = await play(it, "connectel");
  expect(who(first)).toEqual(['sip:0771555212@10.3.3.3 "test_user" on 1', "sip:0760555936@cust1.voice.example on 2"]);
  // Nothing says where the packets come from, so the first one will.
  expect(call.offer.streams.map(({ remote, sending }) => [remote, sending])).toEqual([[null, true], [null, true]]);
});

test("FreeSWITCH module: +sip-src, a=sendonly for the whole session, rs-metadata+xml alone as type, Opus in one channel with its own key presses", async () => {
  await using it = await createTestServer();
  const { call, first, lines } = await play(it, "freeswitch");
  expect(who(first)).toEqual(['sip:alice@pbx.example "alice" on 1', "sip:bob@pbx.example on 2"]);
  expect(call.offer.streams[0]).toMatchObject({ sending: true, payloads: [{ codec: "OPUS", number: 102, clockRateHz: 48_000 }, { codec: "PCMA" }], keyPresses: [{ number: 101, clockRateHz: 48_000 }] });
  expect(lines[0]!.payloads).toEqual([
    { number: 102, encoding: "OPUS", clockRateHz: 48_000, channels: 2, fmtp: "useinbandfec=1" },
    { number: 101, encoding: "TELEPHONE-EVENT", clockRateHz: 48_000, channels: 1, fmtp: "0-15" },
  ]);
  expect(lines[0]!.direction).toBe("recvonly");
});
