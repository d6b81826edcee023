import { connect, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { byAddress, createTestServer, trunk, until } from "./test-server.ts";
import { createTestCall, sdpOf, siprecBody } from "./test-client.ts";

const status = (code: number, method: string) => (message: { kind: string; status?: number; headers: { get(name: string): string | undefined } }): boolean =>
  message.kind === "response" && message.status === code && message.headers.get("CSeq")!.endsWith(method);

describe("outside a dialog", () => {
  test("OPTIONS says what we can do, and 503 while no call could be recorded", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    call.send("OPTIONS");
    const ok = await call.client.response(200);
    expect(ok.headers.get("Allow")).toBe("INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK");
    expect(ok.headers.get("Accept")).toBe("application/sdp, multipart/mixed, application/rs-metadata, application/rs-metadata+xml");
    expect(ok.headers.get("Supported")).toBe("siprec, timer, 100rel, replaces");
    it.recorder.isReady = false;
    call.send("OPTIONS");
    const refused = await call.client.response(503);
    expect(refused.headers.get("Retry-After")).toBe("30");
    expect(refused.headers.get("Warning")).toContain("spool full");
  });

  test.each([
    ["REGISTER", {}, 405],
    ["PRACK", {}, 481],
    ["FROBNICATE", {}, 501],
    ["BYE", {}, 481],
    ["UPDATE", {}, 481],
    ["INFO", {}, 481],
    ["INVITE", { headers: [["To", "<sip:bob@client.example>;tag=gone"]] }, 481],
    ["INVITE", { headers: [["Max-Forwards", "0"]] }, 488],
    ["INVITE", { uri: "http://example.com" }, 416],
    ["INVITE", { headers: [["Content-Encoding", "gzip"]], contentType: "application/sdp", body: "x" }, 415],
    ["INVITE", { contentType: "text/plain", body: "hello" }, 415],
    ["INVITE", { contentType: "application/sdp", body: "nonsense" }, 400],
    ["INVITE", { contentType: "multipart/mixed", body: "no boundary" }, 400],
    ["INVITE", {}, 488],
    ["INVITE", { contentType: "application/sdp", body: sdpOf({}), headers: [["Session-Expires", "30"], ["Supported", "timer"]] }, 422],
  ] as const)("%s %j → %i", async (method, message, expected) => {
    await using it = await createTestServer();
    const call = await it.call();
    call.send(method, message as object);
    const answer = await call.client.response(expected);
    expect(answer.headers.get("To")).toMatch(/;tag=/);
    expect(it.recorder.calls).toHaveLength(0);
    if (expected === 405 || expected === 501) expect(answer.headers.has("Allow")).toBe(true);
    if (expected === 422) expect(answer.headers.get("Min-SE")).toBe("90");
  });

  test("420 names what is not supported, and only that", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    call.send("INVITE", { ...siprecBody(), headers: [["Require", "siprec, 100rel, gruu"], ["Require", "timer, frob"]] });
    expect((await call.client.response(420)).headers.get("Unsupported")).toBe("gruu, frob");
  });

  test("the same request along another path is merged: 482", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    call.send("INVITE", { ...siprecBody(), cseq: 1 });
    await call.client.response(200);
    call.send("INVITE", { ...siprecBody(), cseq: 1 });
    await call.client.response(482);
    expect(it.recorder.calls).toHaveLength(1);
  });

  test("an error to an INVITE is repeated over UDP until its ACK, not over TCP", async () => {
    await using it = await createTestServer();
    const udp = await it.call("udp");
    udp.send("INVITE", { branch: "z9hG4bKnack" });
    await udp.client.response(488);
    it.time.advance(500);
    await udp.client.response(488);
    udp.send("ACK", { branch: "z9hG4bKnack" });
    await until(() => it.server.stats().requests["ACK"] === 1, "ACK");
    it.time.advance(4_000);
    await udp.client.silence(30);
    it.time.advance(1_000);
    expect(it.server.stats()).toMatchObject({ transactions: 0, stray: 0 });

    const tcp = await it.call("tcp");
    tcp.send("INVITE");
    await tcp.client.response(488);
    it.time.advance(8_000);
    await tcp.client.silence(30);
    it.time.advance(32_000);
    expect(it.server.stats().transactions).toBe(0);
  });

  test("a retransmitted OPTIONS gets its answer again and is handled once", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    const options = call.send("OPTIONS");
    const first = await call.client.response(200);
    it.recorder.isReady = false;
    call.client.send(options);
    expect(await call.client.response(200)).toEqual(first);
  });

  test("branches of RFC 2543 are matched by the request itself", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    const invite = call.send("INVITE", { ...siprecBody(), branch: "1" });
    const ok = await call.client.response(200);
    call.client.send(invite);
    it.time.advance(500);
    expect(await call.client.response(200)).toEqual(ok);
    const other = await it.call();
    other.send("INVITE", { ...siprecBody(), branch: "1" });
    await other.client.response(200);
    expect(it.recorder.calls).toHaveLength(2);
  });
});

describe("inside a dialog", () => {
  test("OPTIONS and INFO are 200, unknown methods 405 and 501, and the call goes on", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    call.send("OPTIONS");
    await call.client.next(status(200, "OPTIONS"));
    call.send("INFO", { contentType: "application/dtmf-relay", body: "Signal=5" });
    await call.client.next(status(200, "INFO"));
    call.send("REFER");
    await call.client.response(405);
    call.send("FROBNICATE");
    await call.client.response(501);
    expect(it.server.stats().dialogs).toBe(1);
    expect(it.recorder.calls[0]!.told).toEqual([]);
  });

  test("a CSeq that is not higher than the last is out of order: 500 with Retry-After", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    call.send("OPTIONS", { cseq: 10 });
    await call.client.next(status(200, "OPTIONS"));
    call.send("INVITE", { ...siprecBody(), cseq: 9 });
    expect((await call.client.response(500)).headers.has("Retry-After")).toBe(true);
    expect(it.recorder.calls[0]!.told).toEqual([]);
  });

  test("wrong tags do not find the dialog", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    await call.establish();
    call.send("BYE", { headers: [["From", "<sip:ann@client.example>;tag=other"]] });
    await call.client.response(481);
    expect(it.recorder.calls[0]!.ends).toEqual([]);
  });

  test("another trunk's client cannot end the call, even if it knows the tags; a second address of the same trunk can", async () => {
    const trunks: Record<string, string> = { "127.0.0.1": "one", "127.0.0.2": "two", "127.0.0.3": "one" };
    await using it = await createTestServer(byAddress((address) => (trunks[address] === undefined ? null : { ...trunk, trunkId: trunks[address] })));
    const call = await it.call();
    await call.establish();
    for (const [from, expected] of [["127.0.0.2", 481], ["127.0.0.4", 403], ["127.0.0.3", 200]] as const) {
      const client = await it.client("udp", from);
      const thief = createTestCall(client, "udp", call.callId);
      Object.assign(thief, { toTag: call.toTag, cseq: 5 });
      thief.send("BYE", { headers: [["From", `<sip:ann@client.example>;tag=${call.fromTag}`]] });
      await client.response(expected);
      expect(it.server.stats().dialogs).toBe(expected === 200 ? 0 : 1);
    }
  });

  test("the last call of a trunk that was deleted still ends properly", async () => {
    let known = true;
    await using it = await createTestServer(byAddress(() => (known ? trunk : null)));
    const call = await it.call();
    await call.establish();
    known = false;
    call.send("BYE");
    await call.client.next(status(200, "BYE"));
    expect(it.server.stats().dialogs).toBe(0);
  });

  test("a re-INVITE whose ACK to the 200 before was lost acknowledges it", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    call.send("INVITE", siprecBody());
    const ok = await call.client.response(200);
    call.toTag = /tag=(.+)$/.exec(ok.headers.get("To")!)![1]!;
    await call.establish();
    await until(() => it.server.stats().requests["ACK"] === 1, "ACK of the second");
    it.time.advance(32_000);
    await call.client.silence(30, (message) => message.kind === "request");
    expect(it.recorder.calls[0]!.ends).toEqual([]);
  });
});

describe("where answers go", () => {
  test("without rport to the port of the Via, with it to where the request came from", async () => {
    await using it = await createTestServer();
    const sender = await it.call();
    const listener = await it.client();
    sender.send("OPTIONS", { headers: [["Via", `SIP/2.0/UDP 127.0.0.1:${listener.port};branch=z9hG4bKfar`]] });
    const there = await listener.response(200);
    expect(there.headers.get("Via")).toBe(`SIP/2.0/UDP 127.0.0.1:${listener.port};branch=z9hG4bKfar;received=127.0.0.1`);
    sender.send("OPTIONS", { headers: [["Via", `SIP/2.0/UDP nat.example:9;rport;branch=z9hG4bKback`]] });
    const back = await sender.client.response(200);
    expect(back.headers.get("Via")).toBe(`SIP/2.0/UDP nat.example:9;branch=z9hG4bKback;received=127.0.0.1;rport=${sender.client.port}`);
  });

  test("a stream that died is opened again to the port of the Via", async () => {
    await using it = await createTestServer();
    const came = Promise.withResolvers<string>();
    const back = createServer((socket) => socket.once("data", (chunk) => came.resolve(String(chunk))));
    await new Promise<void>((listening) => back.listen(0, "127.0.0.1", listening));
    const { port } = back.address() as { port: number };
    const gate = Promise.withResolvers<null>();
    it.recorder.decide = () => gate.promise;
    const call = await it.call("tcp");
    const body = siprecBody();
    call.send("INVITE", { ...body, headers: [...body.headers!, ["Via", `SIP/2.0/TCP 127.0.0.1:${port};branch=z9hG4bKdied`]] });
    await call.client.response(100);
    await call.client.close();
    await until(() => it.server.stats().transport.connections === 0, "connection gone");
    gate.resolve(null);
    expect(await came.promise).toMatch(/^SIP\/2\.0 200 OK/);
    back.close();
  });
});

describe("bad neighbours", () => {
  test("CRLF CRLF on a stream is answered CRLF, a datagram of line ends is not", async () => {
    await using it = await createTestServer();
    const socket = connect(it.server.address.port, "127.0.0.1");
    const pong = new Promise<string>((came) => socket.once("data", (chunk) => came(String(chunk))));
    socket.write("\r\n\r\n");
    expect(await pong).toBe("\r\n");
    socket.destroy();
    const udp = await it.client();
    udp.send("\r\n\r\n");
    await udp.silence(20);
    expect(it.server.stats().malformed).toBe(0);
  });

  test("a stranger's flood is dropped unread, a trunk's calls go through", async () => {
    await using it = await createTestServer({
      ...byAddress((address) => (address === "127.0.0.1" ? trunk : null)),
      limits: { trunkRate: { perSecond: 10, burst: 20 } },
    });
    const loud = await it.call();
    for (let index = 0; index < 100; index += 1) loud.send("OPTIONS");
    await until(() => it.server.stats().transport.received + it.server.stats().transport.dropped === 100, "all arrived");
    expect(it.server.stats().transport).toMatchObject({ received: 20, dropped: 80 });
    it.time.advance(1_000);
    expect((await (await it.call()).establish()).status).toBe(200);
  });

  test("a loud stream is read more slowly, and loses nothing", async () => {
    await using it = await createTestServer({ limits: { trunkRate: { perSecond: 10, burst: 5 } } });
    const loud = await it.call("tcp");
    for (let index = 0; index < 50; index += 1) loud.send("OPTIONS");
    for (let index = 0; index < 50; index += 1) {
      const answered = loud.client.response(200);
      const passing = setInterval(() => it.time.advance(250), 5);
      await answered;
      clearInterval(passing);
    }
    expect(it.server.stats().transport.dropped).toBe(0);
  });

  test("too long on a stream is 413; far too long, or not SIP, ends the connection", async () => {
    await using it = await createTestServer({ limits: { tcpMessageBytes: 4_096 } });
    const call = await it.call("tcp");
    call.send("INVITE", { contentType: "application/sdp", body: "x".repeat(5_000) });
    await call.client.response(413);
    call.send("INVITE", { contentType: "application/sdp", body: "x".repeat(50_000) });
    await until(() => it.server.stats().transport.connections === 0, "closed");
  });

  test("connections: too many are refused, idle ones and slow ones are closed", async () => {
    await using it = await createTestServer({ limits: { connectionsPerSource: 2, firstMessageMs: 1_000, idleMs: 5_000 } });
    const slow = await it.client("tcp");
    const talking = await it.call("tcp");
    const third = connect(it.server.address.port, "127.0.0.1");
    await new Promise((closed) => third.on("error", () => undefined).once("close", closed));
    expect(it.server.stats().transport).toMatchObject({ connections: 2, connectionsRefused: 1 });
    talking.send("OPTIONS");
    await talking.client.response(200);
    slow.send("OPTIONS sip:a SIP/2.0\r\nVia:");
    it.time.advance(1_000);
    await until(() => it.server.stats().transport.connections === 1, "the slow one closed");
    it.time.advance(4_000);
    await until(() => it.server.stats().transport.connections === 0, "the idle one closed");
  });

  test("malformed: 400 where an answer is possible, nothing where it is not", async () => {
    await using it = await createTestServer();
    const client = await it.client();
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${client.port};branch=z9hG4bKx`;
    client.send(`INVITE sip:a SIP/2.0\r\n${via}\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 9\r\n\r\n`);
    expect((await client.response(400)).headers.get("Warning")).toContain("Content-Length");
    client.send("INVITE sip:a SIP/2.0\r\nFrom: x\r\n\r\n");
    client.send("SIP/2.0 200 OK\r\n\r\n");
    client.send(Uint8Array.from({ length: 500 }, (_, index) => (index * 37) % 256));
    await until(() => it.server.stats().malformed === 4, "all seen");
    await client.silence(20);
  });

  test("responses and ACKs that belong to nothing are counted and dropped", async () => {
    await using it = await createTestServer();
    const call = await it.call();
    call.ack();
    call.client.send(`SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKno\r\nFrom: <sip:a>\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n`);
    await until(() => it.server.stats().stray === 2, "both seen");
  });
});
