/** Bodies that a stranger, or a broken client, may send. Each gets a clear answer; none costs another call, and where audio can be recorded it is. */
import { describe, expect, test } from "vitest";
import { parseSdp } from "@earwitness/media";
import type { SipResponse } from "@earwitness/media";
import { sdpOf, siprecBody, twoPeople } from "./test-client.ts";
import type { Message } from "./test-client.ts";
import { createTestServer } from "./test-server.ts";
import type { FakeCall } from "./fake-recorder.ts";

const sdp = sdpOf({ label: "1" }, { label: "2" });
const parts = `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n--b\r\nContent-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n${twoPeople}\r\n`;
const multipart = (body: string, boundary: string | null = "b"): Message => ({ contentType: `multipart/mixed${boundary === null ? "" : `;boundary=${boundary}`}`, body, headers: [["Require", "siprec"]] });

/** Over TCP, because a datagram of such a size is lost on the way. */
async function invite(message: Message): Promise<{ readonly answer: SipResponse; readonly call: FakeCall | undefined; readonly reason: string | undefined; readonly warning: string; readonly tookMs: number }> {
  await using it = await createTestServer();
  const call = await it.call("tcp");
  const beganMs = performance.now();
  const answer = await call.establish(message);
  const tookMs = performance.now() - beganMs;
  // Whatever it was, the next call is served.
  expect((await (await it.call()).establish()).status).toBe(200);
  return { answer, call: answer.status === 200 ? it.recorder.calls[0] : undefined, reason: it.invitations[0]?.reason, warning: answer.headers.get("Warning") ?? "", tookMs };
}

const names = (call: FakeCall | undefined): (string | null)[] => call?.offer.facts.conversations.flatMap(({ parties }) => parties.map(({ address, sends }) => `${address} on ${sends.join("+")}`)) ?? [];
const people = ["sip:trader1@bank.example on 1", "+49301234567 on 2"];
/** From and To, where nobody else is named. */
const standIns = ["sip:ann@client.example on 1", "sip:bob@client.example on 2"];

describe("multipart", () => {
  test.each<[string, Message]>([
    ["lines end in LF alone", multipart(`${parts}--b--\r\n`.replaceAll("\r\n", "\n"))],
    ["the boundary is not announced", multipart(`${parts}--b--\r\n`, null)],
    ["another boundary is announced", multipart(`${parts}--b--\r\n`, "other")],
    ["the last boundary is missing", multipart(parts)],
    ["the last boundary is only half of one", multipart(`${parts}--b-`)],
    ["white space follows the boundaries", multipart(`${parts.replaceAll("--b\r\n", "--b  \t\r\n")}--b-- \r\n`)],
    ["text stands before and after", multipart(`preamble\r\n${parts}--b--\r\nepilogue\r\n--b\r\n`)],
    ["one multipart is inside another", multipart(`--o\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n${parts}--b--\r\n--o--\r\n`, "o")],
  ])("recorded although %s", async (_name, message) => {
    const { answer, call } = await invite(message);
    expect([answer.status, names(call)]).toEqual([200, people]);
  });

  test.each<[string, Message, number, RegExp]>([
    ["no boundary anywhere", multipart("nothing of the kind", null), 400, /without a usable boundary/],
    ["a boundary that does not occur", multipart("nothing of the kind"), 400, /does not occur/],
    ["a boundary of 300 characters", multipart("nothing", "x".repeat(300)), 400, /without a usable boundary/],
    ["more parts than any message needs", multipart(`${"--b\r\n\r\nx\r\n".repeat(500)}--b--\r\n`), 400, /too many body parts/],
    ["a nest of a thousand parts", multipart(`${`--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n${"--c\r\n\r\nx\r\n".repeat(40)}--c--\r\n`.repeat(25)}--b--\r\n`), 400, /too many body parts/],
    ["parts, but no offer", multipart("--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n"), 488, /without an offer/],
    ["a content coding", { ...siprecBody(), headers: [["Content-Encoding", "gzip"]] }, 415, /^$/],
    ["a type that is nothing of ours", { contentType: "application/json", body: "{}" }, 415, /^$/],
  ])("refused: %s", async (_name, message, status, warning) => {
    const it = await invite(message);
    expect([it.answer.status, it.warning]).toEqual([status, expect.stringMatching(warning)]);
    expect(it.reason).toBe(status === 400 || message.headers?.[0]?.[0] === "Content-Encoding" ? "MALFORMED" : "NO_OFFER");
  });

  test("multiparts inside multiparts beyond any use are opened three deep and no further", async () => {
    const nest = (depth: number): string => (depth === 0 ? parts : `--n${depth}\r\nContent-Type: multipart/mixed;boundary=${depth === 1 ? "b" : `n${depth - 1}`}\r\n\r\n${nest(depth - 1)}--${depth === 1 ? "b" : `n${depth - 1}`}--\r\n`);
    const { answer, tookMs } = await invite(multipart(`${nest(50)}--n50--\r\n`, "n50"));
    expect(answer.status).toBe(488);
    expect(tookMs).toBeLessThan(1_000);
  });
});

describe("metadata never costs the recording", () => {
  const recording = (content: string): string => `<recording xmlns="urn:ietf:params:xml:ns:recording:1">${content}</recording>`;
  const bomb = `<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">${["b", "c", "d", "e", "f", "g", "h"].map((name, index) => `<!ENTITY ${name} "${`&${"abcdefg"[index]};`.repeat(10)}">`).join("")}]>`;

  test.each<[string, string]>([
    ["entities that multiply", `${bomb}${recording("<session session_id='s1'>&h;</session>")}`],
    ["an entity from outside", `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>${recording("<session session_id='&x;'/>")}`],
    ["elements 10,000 deep", `${"<recording>".repeat(10_000)}${"</recording>".repeat(10_000)}`],
    ["30,000 elements", recording("<a/>".repeat(30_000))],
    ["a name of 200 kB", `<${"r".repeat(200_000)}/>`],
    ["not XML", "\u0000\u0001\u0002"],
    ["an element that never ends", recording("").slice(0, 20)],
    ["another root", "<html xmlns='http://www.w3.org/1999/xhtml'/>"],
    ["a snapshot request, which is ours to send", "<requestsnapshot xmlns='urn:ietf:params:xml:ns:recording:1'/>"],
    ["nobody in it", recording("<session session_id='s1'/>")],
  ])("%s: recorded, From and To stand in, the document is kept", async (_name, document) => {
    const { answer, call, tookMs } = await invite(siprecBody(sdp, document));
    expect(answer.status).toBe(200);
    expect(names(call)).toEqual(standIns);
    expect(call!.offer.raw[1]!.body).toEqual(new TextEncoder().encode(document));
    expect(tookMs).toBeLessThan(2_000);
  });

  test.each<[string, string, string[]]>([
    ["an unknown namespace around all of it", twoPeople.replace("urn:ietf:params:xml:ns:recording:1", "urn:example:of:nobody"), people],
    ["unknown elements between the known", twoPeople.replaceAll("<participant ", "<x:y xmlns:x='urn:x'><x:z>1</x:z></x:y><participant "), people],
    ["labels that match nothing: by place", twoPeople.replaceAll("<label>1<", "<label>left<").replaceAll("<label>2<", "<label>right<"), people],
    ["one label that matches nothing: that voice waits for a line of its label", twoPeople.replaceAll("<label>2<", "<label>77<"), ["sip:trader1@bank.example on 1", "+49301234567 on 77"]],
    ["no streams: by place", twoPeople.replaceAll(/<stream .*?<\/stream>/g, ""), people],
    ["associations with who is not there", twoPeople.replaceAll('participant_id="p2"><nameID', 'participant_id="p9"><nameID'), ["sip:trader1@bank.example on 1", "+49301234567 on "]],
    ["one id for everything", twoPeople.replaceAll(/"(s1|p1|t1)"/g, '"x"').replaceAll(">t1<", ">x<"), ["sip:trader1@bank.example on 1", "+49301234567 on 2"]],
  ])("%s", async (_name, document, expected) => {
    const { answer, call } = await invite(siprecBody(sdp, document));
    expect([answer.status, names(call).toSorted()]).toEqual([200, expected.toSorted()]);
  });

  test("ids and names as long as a message may be do not multiply", async () => {
    const long = "x".repeat(20_000);
    const { answer, call } = await invite(siprecBody(sdp, recording(`<session session_id="${long}"/><participant participant_id="p"><nameID aor="sip:${long}@b.example"><name>${long}</name></nameID></participant>`)));
    expect(answer.status).toBe(200);
    expect(JSON.stringify(call!.offer.facts).length).toBeLessThan(2_000);
  });
});

describe("SDP", () => {
  const bare = (body: string): Message => ({ contentType: "application/sdp", body });

  test("streams without metadata: From and To stand in", async () => {
    const { answer, call } = await invite(bare(sdp));
    expect([answer.status, names(call)]).toEqual([200, standIns]);
  });

  test.each<[string, string, number, string | undefined, RegExp]>([
    ["no usable codec", sdpOf({ label: "1", codec: 18 }), 488, "NO_USABLE_MEDIA", /no codec that can be played back/],
    ["video only", sdpOf({ kind: "video" }), 488, "NO_USABLE_MEDIA", /video is not recorded/],
    ["a thousand lines", sdpOf(...Array.from({ length: 1_000 }, () => ({}))), 400, "MALFORMED", /too many media lines/],
    ["a port beyond all ports", sdp.replace("30000", "70000"), 400, "MALFORMED", /media line 1 is malformed/],
    ["no version", sdp.replace("v=0", "v=1"), 400, "MALFORMED", /v=0/],
    ["an empty body of the type", " ", 400, "MALFORMED", /v=0/],
    ["more than any message may have", `${sdp}${"a=x:y\r\n".repeat(45_000)}`, 413, "TOO_LARGE", /^$/],
  ])("%s is refused in words", async (_name, body, status, reason, warning) => {
    const it = await invite(bare(body));
    expect([it.answer.status, it.reason, it.warning]).toEqual([status, reason, expect.stringMatching(warning)]);
  });

  test("all ports zero: a session that idles, with nothing to record yet", async () => {
    const { answer, call } = await invite(bare(sdpOf({ label: "1", port: 0 })));
    const answered = parseSdp(answer.body);
    expect([answer.status, answered.ok && answered.value.media.map(({ port }) => port), call!.offer.streams]).toEqual([200, [0], []]);
  });

  test("128 lines are answered one by one, those that the recorder has no port for with port 0", async () => {
    await using it = await createTestServer();
    const call = await it.call("tcp");
    const answer = parseSdp((await call.establish(bare(sdpOf(...Array.from({ length: 128 }, (_, index) => ({ port: 20_000 + index * 10 })))))).body);
    expect(answer.ok && answer.value.media).toHaveLength(128);
  });

  test("changed addresses and ports in mid-call change the stream and nothing else; our ports stay", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    const ports = (response: SipResponse): number[] => {
      const answered = parseSdp(response.body);
      return answered.ok ? answered.value.media.map(({ port }) => port) : [];
    };
    const first = ports(await call.establish(bare(sdp)));
    const moved = ports(await call.establish(bare(sdpOf({ label: "1", port: 50_000, connection: "127.0.0.9" }, { label: "2" }))));
    expect(moved).toEqual(first);
    expect(it.recorder.calls[0]!.told.filter(({ kind }) => kind === "change")).toMatchObject([{ stream: { label: "1", remote: { address: "127.0.0.9", rtpPort: 50_000, rtcpPort: 50_001 }, sending: true } }]);
  });

  test("labels of 10 kB are cut, and stay apart", async () => {
    await using it = await createTestServer();
    const call = await it.call("tcp");
    await call.establish(bare(sdpOf({ label: "l".repeat(10_000) }, { label: "l".repeat(10_001) })));
    const labels = it.recorder.calls[0]!.offer.streams.map(({ label }) => label);
    expect(labels).toEqual(["l".repeat(200), "m1"]);
  });
});
