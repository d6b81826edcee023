import { describe, expect, test } from "vitest";
import type { InvitationReason } from "@earwitness/contract";
import { digestHa1 } from "@earwitness/media";
import type { Identified } from "#trunks";
import { sdpOf, siprecBody } from "./test-client.ts";
import { byAddress, createTestServer, trunk, until } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";

const refusedAs = (reason: Extract<Identified, { kind: "refused" }>["reason"]) => ({ identify: (): Identified => ({ kind: "refused", reason, explanation: `because: ${reason}`, concerns: trunk }) });
const firstLines = (it: TestServer, index = 0): string[] => it.invitations[index]!.trace.map(({ direction, text }) => `${direction} ${text.slice(0, text.indexOf("\r\n"))}`);

describe("what the trunk's page is told of an INVITE", () => {
  test("that its recording address was nobody's, beside what was answered", async () => {
    await using it = await createTestServer({ identify: (): Identified => ({ kind: "trunk", trunk, unknownAddress: "It called nobody." }) });
    await (await it.call()).establish();
    expect(it.invitations.map(({ explanation }) => explanation)).toEqual(["The call is recorded. It called nobody."]);
  });

  test.each(["udp", "tcp"] as const)("over %s: a header that came or went twice stands in the trace twice, in the order of the wire", async (kind) => {
    await using it = await createTestServer(byAddress(() => ({ ...trunk, digest: { username: "sbc", realm: "r", ha1Md5: digestHa1("MD5", "sbc", "r", "p"), ha1Sha256: digestHa1("SHA-256", "sbc", "r", "p") } })));
    const call = await it.call(kind);
    const body = siprecBody();
    call.send("INVITE", { ...body, headers: [...body.headers!, ["X-Twice", "one"], ["X-Between", "1"], ["x-twice", "two"], ["X-Twice", "one"], ["Authorization", 'Digest username="a"'], ["Authorization", 'Digest username="b"']] });
    await call.client.response(401);
    it.time.advance(5_000);
    const headers = it.invitations[0]!.trace.map(({ text }) => text.split("\r\n").filter((line) => /^(x-|authorization|www-)/i.test(line)).map((line) => line.replace(/ nonce="[^"]+",/, "")));
    expect(headers).toEqual([
      ["X-Twice: one", "X-Between: 1", "x-twice: two", "X-Twice: one", 'Authorization: Digest username="a"', 'Authorization: Digest username="b"'],
      [expect.stringMatching(/^WWW-Authenticate: .*SHA-256/), expect.stringMatching(/^WWW-Authenticate: .*MD5/)],
    ]);
  });

  test.each(["udp", "tcp"] as const)("recorded over %s: who, what came of it, and every message of the dialog once, in order", async (kind) => {
    await using it = await createTestServer();
    const call = await it.call(kind);
    const body = siprecBody();
    const invite = call.send("INVITE", { ...body, headers: [...body.headers!, ["User-Agent", "SBC 7.4"]] });
    const ok = await call.client.response(200);
    call.toTag = /tag=(.+)$/.exec(ok.headers.get("To")!)![1]!;
    if (kind === "udp") {
      call.client.send(invite);
      it.time.advance(500);
      await call.client.response(200);
    }
    call.ack();
    call.send("UPDATE");
    await call.client.next((one) => one.kind === "response" && one.headers.get("CSeq")!.endsWith("UPDATE"));
    const stopped = it.server.close();
    const bye = await call.client.request("BYE");
    call.client.reply(bye, 200);
    await stopped;

    expect(it.invitations).toHaveLength(1);
    expect(it.invitations[0]).toMatchObject({
      tenantId: "tenant",
      trunkId: "trunk",
      remote: `127.0.0.1:${call.client.port}`,
      transport: kind,
      sipCallId: call.callId,
      client: "SBC 7.4",
      status: 200,
      outcome: "recorded",
      reason: "RECORDING",
      explanation: "The call is recorded.",
      recordingId: "000000000000000000000001",
    });
    expect(firstLines(it)).toEqual([
      "in INVITE sip:srs@127.0.0.1 SIP/2.0",
      "out SIP/2.0 100 Trying",
      "out SIP/2.0 200 OK",
      "in ACK sip:srs@127.0.0.1 SIP/2.0",
      "in UPDATE sip:srs@127.0.0.1 SIP/2.0",
      "out SIP/2.0 200 OK",
      `out BYE sip:src@127.0.0.1:${call.client.port};transport=${kind} SIP/2.0`,
      "in SIP/2.0 200 Because",
    ]);
  });

  const offer = { contentType: "application/sdp", body: sdpOf({}) };
  test.each<[string, object, number, InvitationReason, string]>([
    ["an extension nobody serves", { ...offer, headers: [["Require", "gruu"]] }, 420, "EXTENSION_REQUIRED", "not served: gruu"],
    ["no offer", {}, 488, "NO_OFFER", "without an offer"],
    ["a codec nobody plays", { ...offer, body: sdpOf({ codec: 18 }) }, 488, "NO_USABLE_MEDIA", "codec"],
    ["a body of another kind", { contentType: "text/plain", body: "x" }, 415, "NO_OFFER", "SDP offer"],
    ["a body that is broken", { ...offer, body: "nonsense" }, 400, "MALFORMED", "SIP"],
    ["a strange URI", { ...offer, uri: "http://x" }, 416, "MALFORMED", "scheme"],
    ["a giant", { ...offer, body: `${sdpOf({})}${"a=x\r\n".repeat(20_000)}` }, 413, "TOO_LARGE", "larger"],
  ])("%s", async (_what, message, status, reason, words) => {
    await using it = await createTestServer({ limits: { tcpMessageBytes: 64 * 1024 } });
    const call = await it.call("tcp");
    call.send("INVITE", message);
    await call.client.response(status);
    expect(it.invitations).toMatchObject([{ status, outcome: "refused", reason, tenantId: "tenant", recordingId: null, explanation: expect.stringContaining(words) }]);
    expect(firstLines(it).at(-1)).toContain(`SIP/2.0 ${status}`);
  });

  test("nobody recorded is ignored; a recorder that cannot, a cancel, and a defect have their reasons", async () => {
    await using it = await createTestServer();
    it.recorder.decide = async () => ({ kind: "ignored", reasons: ["nobody of them is recorded"], unknownParties: [{ address: "+49301234567", name: "Pat" }] });
    await (await it.call()).establish();
    it.recorder.decide = async () => ({ kind: "unavailable", reason: "spool full", retryAfterSeconds: 5 });
    await (await it.call()).establish();
    it.recorder.decide = async () => {
      throw new Error("defect");
    };
    await (await it.call()).establish();
    const gate = Promise.withResolvers<null>();
    it.recorder.decide = () => gate.promise;
    const call = await it.call();
    call.send("INVITE", { ...siprecBody(), branch: "z9hG4bKc" });
    await call.client.response(100);
    call.send("CANCEL", { branch: "z9hG4bKc" });
    await call.client.response(487);
    gate.resolve(null);
    expect(it.invitations.map(({ outcome, reason, explanation }) => [outcome, reason, explanation])).toEqual([
      ["ignored", "NOT_TO_BE_RECORDED", "Nobody in this call is to be recorded. (nobody of them is recorded)"],
      ["refused", "CANNOT_RECORD_NOW", "The recorder cannot take calls now; the client should ask another one, or again later. (spool full)"],
      ["refused", "INTERNAL", "The recorder failed at this INVITE; its log says more. (internal error)"],
      ["refused", "CANCELLED", "The client canceled the INVITE before it was answered."],
    ]);
    expect(it.invitations.map(({ unknownParties }) => unknownParties.map(({ name }) => name))).toEqual([["Pat"], [], [], []]);
    expect(firstLines(it, 3).map((line) => line.split(" ").slice(0, 3).join(" "))).toEqual(["in INVITE sip:srs@127.0.0.1", "out SIP/2.0 100", "in CANCEL sip:srs@127.0.0.1", "out SIP/2.0 200", "out SIP/2.0 487"]);
  });

  test.each([
    ["SOURCE_NOT_ALLOWED", "belongs to no trunk"],
    ["TRUNK_OFF", "is off"],
    ["TLS_REQUIRED", "TLS alone"],
    ["CERTIFICATE_MISSING", "needs a client certificate"],
    ["CERTIFICATE_UNKNOWN", "is not the trunk's"],
  ] as const)("%s: 403 in words at a trunk's address; the page has the whole of it", async (reason, words) => {
    await using it = await createTestServer(refusedAs(reason));
    const call = await it.call();
    expect((await call.establish()).headers.get("Warning")).toContain(words);
    expect(it.invitations).toMatchObject([{ status: 403, outcome: "refused", reason, explanation: `because: ${reason}`, tenantId: "tenant", trunkId: "trunk" }]);
    expect(firstLines(it)).toEqual(["in INVITE sip:srs@127.0.0.1 SIP/2.0", "out SIP/2.0 403 Forbidden"]);
    expect(it.server.stats().transactions).toBe(0);
  });

  test("a stranger who calls a trunk's recording address learns no more than any other, and the trunk's page shows it", async () => {
    await using it = await createTestServer({
      isTrunkAddress: () => false,
      identify: ({ recordingUser, remoteAddress }) => ({ kind: "refused", reason: "CERTIFICATE_MISSING", explanation: `${remoteAddress}: no certificate`, concerns: recordingUser === "rec-7f3a" ? trunk : null }),
    });
    const answers = [];
    for (const user of ["rec-7f3a", "rec-0000"]) {
      const call = await it.call();
      call.send("INVITE", { ...siprecBody(), uri: `sip:${user}@rec.example` });
      const { headers } = await call.client.response(403);
      answers.push(headers.get("Warning"));
    }
    expect(answers).toEqual(['399 earwitness "this address belongs to no trunk"', '399 earwitness "this address belongs to no trunk"']);
    expect(it.invitations.map(({ trunkId }) => trunkId)).toEqual(["trunk", null]);
  });

  test("a malformed INVITE is told of as far as it can be read", async () => {
    await using it = await createTestServer();
    const client = await it.client();
    client.send(`INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${client.port};branch=z9hG4bKx\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\u0000d\r\nCSeq: 1 INVITE\r\nContent-Length: 9\r\n\r\n`);
    await client.response(400);
    expect(it.invitations).toMatchObject([{ status: 400, reason: "MALFORMED", sipCallId: "c\ufffdd", explanation: expect.stringContaining("shorter than Content-Length") }]);
    expect(JSON.stringify(it.invitations)).not.toContain("\\u0000");
  });

  test("being asked for a password is a step: told only when nothing follows, and then as what it is", async () => {
    const realm = "r";
    await using it = await createTestServer(byAddress(() => ({ ...trunk, digest: { username: "u", realm, ha1Md5: digestHa1("MD5", "u", realm, "p"), ha1Sha256: digestHa1("SHA-256", "u", realm, "p") } })));
    const call = await it.call();
    call.send("INVITE", siprecBody());
    await call.client.response(401);
    call.send("INVITE", siprecBody());
    await call.client.response(401);
    expect(it.invitations).toEqual([]);
    it.time.advance(5_000);
    expect(it.invitations).toMatchObject([{ status: 401, reason: "CREDENTIALS_MISSING" }]);
    expect(firstLines(it).map((line) => line.slice(0, 14))).toEqual(["in INVITE sip:", "out SIP/2.0 40", "in INVITE sip:", "out SIP/2.0 40"]);
    const other = await it.call();
    other.send("INVITE", siprecBody());
    await other.client.response(401);
    await it.server.close();
    expect(it.invitations).toHaveLength(2);
  });

  test("a trace is bounded by messages and by bytes", async () => {
    await using it = await createTestServer();
    const many = await it.call("tcp");
    await many.establish();
    for (let index = 0; index < 150; index += 1) many.send("OPTIONS");
    await until(() => it.server.stats().requests["OPTIONS"] === 150, "all asked");
    expect(it.invitations[0]!.trace).toHaveLength(200);
    const large = await it.call("tcp");
    await large.establish();
    for (let index = 0; index < 40; index += 1) large.send("INFO", { contentType: "text/plain", body: "x".repeat(20_000) });
    await until(() => it.server.stats().requests["INFO"] === 40, "all told");
    expect(it.invitations[1]!.trace.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(256 * 1024);
  });

  test("a flood of strangers' INVITEs shows as one, not as all of them", async () => {
    await using it = await createTestServer({ ...byAddress(() => null), limits: { strangerRate: { perSecond: 1e6, burst: 1e6 } } });
    const call = await it.call("tcp");
    for (let index = 0; index < 300; index += 1) call.send("INVITE");
    await until(() => it.server.stats().responses["4xx"] === 300, "all refused");
    expect(it.invitations).toHaveLength(100);
  });

  test("a page that fails costs no call", async () => {
    await using it = await createTestServer({
      invitations: {
        answered() {
          throw new Error("page");
        },
      },
    });
    const call = await it.call();
    expect((await call.establish()).status).toBe(200);
    expect(it.server.stats().dialogs).toBe(1);
  });

  test("another client cannot write into a dialog's trace", async () => {
    await using it = await createTestServer(byAddress((address) => ({ ...trunk, trunkId: address })));
    const call = await it.call();
    await call.establish();
    await until(() => it.invitations[0]?.trace.length === 4, "four messages");
    const thief = await it.client("udp", "127.0.0.5");
    for (const method of ["ACK", "BYE", "INFO"]) {
      const text = Buffer.from(call.send(method, { cseq: 50 })).toString("latin1");
      thief.send(text.replace("z9hG4bK", "z9hG4bKx"));
    }
    await thief.response(481);
    await until(() => it.recorder.calls[0]!.ends.length === 1, "the end");
    expect(it.invitations[0]!.trace.filter(({ remote }) => remote.startsWith("127.0.0.5"))).toEqual([]);
  });
});
