/** What a stranger, a broken client or an attacker may send, with the answer each gets. A bystander's call goes on through all of it. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { sdpOf, siprecBody } from "./test-client.ts";
import type { TestCall, TestClient } from "./test-client.ts";
import { byAddress, createTestServer, trunk, until } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";

interface Wire {
  readonly method?: string;
  readonly head?: readonly string[];
  readonly body?: string | Uint8Array;
  readonly replace?: Readonly<Record<string, string | null>>;
  readonly start?: string;
}

let ids = 0;

/** A request as bytes, every line of it open to change; what is not ASCII in its head is a byte each. */
function wire(client: TestClient, kind: "UDP" | "TCP", { method = "OPTIONS", head = [], body = "", replace = {}, start }: Wire): Buffer {
  ids += 1;
  const lines: Record<string, string | null> = {
    Via: `SIP/2.0/${kind} ${client.address}:${client.port};branch=z9hG4bKhostile${ids}`,
    From: "<sip:a@b>;tag=h",
    To: "<sip:c@d>",
    "Call-ID": `hostile-${ids}`,
    CSeq: `${ids} ${method}`,
    "Content-Length": String(Buffer.byteLength(body)),
    ...replace,
  };
  const text = [start ?? `${method} sip:srs@rec.example SIP/2.0`, ...Object.entries(lines).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`])), ...head, "", ""];
  return Buffer.concat([Buffer.from(text.join("\r\n"), "latin1"), Buffer.from(body)]);
}

/** A call that runs all the while, and is there at the end. */
async function withBystander(work: (it: TestServer, bystander: TestCall & { readonly client: TestClient }) => Promise<void>, options: Parameters<typeof createTestServer>[0] = {}): Promise<void> {
  await using it = await createTestServer(options);
  const bystander = await it.call("tcp");
  await bystander.establish();
  await work(it, bystander);
  expect(it.recorder.calls[0]!.told).toEqual([]);
  bystander.send("BYE");
  await bystander.client.next((one) => one.kind === "response" && one.status === 200 && one.headers.get("CSeq")!.endsWith("BYE"));
  expect(it.recorder.calls[0]!.ends).toEqual(["released"]);
  expect(it.logged.filter((line) => line.includes("could not be handled"))).toEqual([]);
}

const gone = (socket: Socket): Promise<void> => new Promise((done) => (socket.destroyed ? done() : socket.on("error", () => undefined).once("close", () => done())));

describe("lengths that are not", () => {
  test.each([
    ["negative", "-1"],
    ["signed", "+0"],
    ["hexadecimal", "0x0"],
    ["no number", "zero"],
    ["nothing", ""],
    ["a list", "0, 0"],
    ["beyond every number", "9".repeat(40)],
  ])("%s: 400, and over TCP the end of the connection", async (_what, value) => {
    await withBystander(async (it) => {
      const udp = await it.client("udp");
      udp.send(wire(udp, "UDP", { replace: { "Content-Length": value } }));
      expect((await udp.response(400)).headers.get("Warning")).toContain("malformed Content-Length");
      const tcp = await it.client("tcp");
      tcp.send(wire(tcp, "TCP", { replace: { "Content-Length": value } }));
      expect((await tcp.response(400)).headers.get("Warning")).toContain("malformed Content-Length");
      await until(() => it.server.stats().transport.connections === 1, "closed");
    });
  });

  test("two that agree are one; two that do not are 400, and over TCP the end of the connection", async () => {
    await withBystander(async (it) => {
      for (const [kind, upper] of [["udp", "UDP"], ["tcp", "TCP"]] as const) {
        const client = await it.client(kind);
        client.send(wire(client, upper, { head: ["l: 0"] }));
        await client.response(200);
        client.send(wire(client, upper, { head: ["Content-Length: 7"], body: "" }));
        await client.response(400);
      }
      await until(() => it.server.stats().transport.connections === 1, "closed");
    });
  });

  test("longer than the datagram: 400; longer than any message: 413 over TCP before a byte of it has come", async () => {
    await withBystander(async (it) => {
      const udp = await it.client("udp");
      udp.send(wire(udp, "UDP", { replace: { "Content-Length": "10" }, body: "123456789" }));
      expect((await udp.response(400)).headers.get("Warning")).toContain("shorter than Content-Length");
      const tcp = await it.client("tcp");
      tcp.send(wire(tcp, "TCP", { replace: { "Content-Length": "99999999999" } }));
      await tcp.response(413);
      await until(() => it.server.stats().transport.connections === 1, "closed");
    });
  });

  test("longer than what comes over TCP: the rest is waited for, 30 seconds and no more", async () => {
    await withBystander(async (it) => {
      const tcp = await it.client("tcp");
      tcp.send(wire(tcp, "TCP", {}));
      await tcp.response(200);
      tcp.send(wire(tcp, "TCP", { replace: { "Content-Length": "10" }, body: "123456789" }));
      await tcp.silence(20);
      it.time.advance(29_000);
      expect(it.server.stats().transport.connections).toBe(2);
      it.time.advance(1_000);
      await until(() => it.server.stats().transport.connections === 1, "closed");
    });
  });

  test("shorter than the body: over UDP the rest is nothing (RFC 3261 §18.3)", async () => {
    await withBystander(async (it) => {
      const udp = await it.client("udp");
      udp.send(wire(udp, "UDP", { method: "INVITE", head: ["Content-Type: application/sdp"], replace: { "Content-Length": "0" }, body: sdpOf({ label: "1" }) }));
      expect((await udp.response(488)).headers.get("Warning")).toContain("without an offer");
    });
  });

  test("none over TCP with a body to come: 400, and the end of the connection", async () => {
    await withBystander(async (it) => {
      const tcp = await it.client("tcp");
      tcp.send(wire(tcp, "TCP", { method: "INVITE", head: ["Content-Type: application/sdp"], replace: { "Content-Length": null }, body: sdpOf({ label: "1" }) }));
      expect((await tcp.response(400)).headers.get("Warning")).toContain("no Content-Length");
      await until(() => it.server.stats().transport.connections === 1, "closed");
      expect(it.recorder.calls).toHaveLength(1);
    });
  });
});

describe("a second request inside the first", () => {
  const byeOf = (call: TestCall & { readonly client: TestClient }, client: TestClient, kind: "UDP" | "TCP"): Buffer =>
    wire(client, kind, { method: "BYE", replace: { "Call-ID": call.callId, From: `<sip:ann@client.example>;tag=${call.fromTag}`, To: `<sip:bob@client.example>;tag=${call.toTag}` } });

  test("behind a datagram's message: not seen", async () => {
    await withBystander(async (it, bystander) => {
      const udp = await it.client("udp");
      udp.send(Buffer.concat([wire(udp, "UDP", {}), byeOf(bystander, udp, "UDP")]));
      await udp.response(200);
      await udp.silence(30);
      expect(it.server.stats()).toMatchObject({ dialogs: 1, requests: { OPTIONS: 1 } });
    });
  });

  test("as a body: a body, whatever it says", async () => {
    await withBystander(async (it, bystander) => {
      for (const [kind, upper] of [["udp", "UDP"], ["tcp", "TCP"]] as const) {
        const client = await it.client(kind);
        client.send(wire(client, upper, { body: byeOf(bystander, client, upper) }));
        await client.response(200);
        await client.silence(20);
      }
      expect(it.server.stats().requests["BYE"]).toBeUndefined();
    });
  });

  test("in one segment of a stream: two requests, each of its own", async () => {
    await withBystander(async (it) => {
      const tcp = await it.client("tcp");
      tcp.send(Buffer.concat([wire(tcp, "TCP", {}), Buffer.from("\r\n"), wire(tcp, "TCP", { method: "INFO" })]));
      await tcp.response(200);
      await tcp.response(481);
    });
  });

  test("in a header, by a bare line end: no line of our answer", async () => {
    await withBystander(async (it) => {
      const udp = await it.client("udp");
      udp.send(wire(udp, "UDP", { replace: { From: '"x\rBYE sip:a SIP/2.0\u0000" <sip:a@b>;tag=h' } }));
      const { headers } = await udp.response(200);
      expect(headers.get("From")).toBe('"x BYE sip:a SIP/2.0 " <sip:a@b>;tag=h');
    });
  });
});

describe("heads out of shape", () => {
  test.each(["Via", "From", "To", "Call-ID", "CSeq"])("without %s there is nothing to answer by: counted and dropped", async (name) => {
    await withBystander(async (it) => {
      const udp = await it.client("udp");
      udp.send(wire(udp, "UDP", { replace: { [name]: null } }));
      await until(() => it.server.stats().malformed === 1, "seen");
      await udp.silence(20);
    });
  });

  test.each(["From", "To", "Call-ID", "CSeq"])("%s twice: 400, whichever is right", async (name) => {
    await withBystander(async (it) => {
      const udp = await it.client("udp");
      const again = wire(udp, "UDP", {}).toString().split("\r\n").find((line) => line.startsWith(`${name}:`))!;
      udp.send(wire(udp, "UDP", { head: [again] }));
      expect((await udp.response(400)).headers.get("Warning")).toContain(`more than one ${name}`);
    });
  });

  test.each([
    ["folded", ["Subject: a", " b", "\tc"], 200],
    ["a giant that fits", [`Subject: ${"x".repeat(50_000)}`], 200],
    ["broken UTF-8", ["Subject: \u00c3\u0028\u00ff"], 200],
    ["NUL", ["X-Zero: a\u0000b"], 200],
    ["lines that are none", ["garbage", ": nothing", "a b: c", "=:="], 200],
    ["900 of them", Array.from({ length: 900 }, (_, index) => `X-${index}: y`), 200],
    ["100 Vias, ours among them", Array.from({ length: 100 }, (_, index) => `Via: SIP/2.0/UDP ${index % 2 === 0 ? "127.0.0.1:5060" : "loop.example"};branch=z9hG4bKloop`), 200],
  ])("%s: answered, and the answer can be read", async (_what, head, status) => {
    await withBystander(async (it) => {
      const udp = await it.client("udp");
      udp.send(wire(udp, "UDP", { head }));
      const answer = await udp.response(status);
      expect(answer.headers.list("Via")).toHaveLength(1 + head.filter((line) => line.startsWith("Via:")).length);
      expect(udp.unreadable).toEqual([]);
      expect(it.server.stats().transport.sent).toBeLessThan(10); // no loop
    });
  });

  test("10,000 headers: dropped over UDP, the end of the connection over TCP, in no time", async () => {
    await withBystander(async (it) => {
      const head = Array.from({ length: 10_000 }, () => "a:b");
      const udp = await it.client("udp");
      const begunMs = performance.now();
      udp.send(wire(udp, "UDP", { head }));
      await until(() => it.server.stats().malformed === 1, "seen");
      const tcp = await it.client("tcp");
      tcp.send(wire(tcp, "TCP", { head }));
      await until(() => it.server.stats().transport.connections === 1, "closed");
      expect(performance.now() - begunMs).toBeLessThan(1_000);
    });
  });

  test("a head that never ends: the connection does, at four times the largest message", async () => {
    await withBystander(
      async (it) => {
        const socket = connect(it.server.address.port, "127.0.0.1");
        const closed = gone(socket);
        socket.write("OPTIONS sip:a SIP/2.0\r\n");
        for (let index = 0; index < 200; index += 1) socket.write(`X: ${"y".repeat(1_000)}\r\n`);
        await closed;
      },
      { limits: { tcpMessageBytes: 16 * 1024 } },
    );
  });

  test("a stranger's giant is not even kept: his connection ends at 64 kB, without an answer", async () => {
    await withBystander(
      async (it) => {
        const socket = connect({ port: it.server.address.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
        let heard = 0;
        socket.on("data", (chunk) => (heard += chunk.length));
        const closed = gone(socket);
        socket.write(`OPTIONS sip:a SIP/2.0\r\nContent-Length: 70000\r\nContent-Type: x/y\r\n\r\n`);
        await closed;
        expect(heard).toBe(0);
      },
      byAddress((address) => (address === "127.0.0.1" ? trunk : null)),
    );
  });
});

describe("clients that never finish", () => {
  test("200 INVITEs whose ACK never comes: each ended by BYE after 32 seconds, and nothing is left of them", async () => {
    await withBystander(async (it, bystander) => {
      const client = await it.call("udp");
      for (let index = 0; index < 200; index += 1) {
        const call = await it.call("tcp");
        call.send("INVITE", siprecBody());
        await call.client.response(200);
        await call.client.close();
        if (index % 50 === 0) client.send("OPTIONS");
      }
      expect(it.server.stats().dialogs).toBe(201);
      it.time.advance(32_000);
      await until(() => it.recorder.calls.slice(1).every(({ ends }) => ends[0] === "timeout"), "all ended");
      expect(it.server.stats()).toMatchObject({ dialogs: 1, acksLost: 200 });
      it.time.advance(64_000); // the BYEs that nobody answers
      await until(() => it.server.stats().transactions === 0, "forgotten");
      await until(() => it.server.stats().transport.connections === 1, "no connection left");
      expect(bystander.client.received.filter((one) => one.kind === "request")).toEqual([]);
    });
  }, 60_000);

  test("INVITEs with a PRACK to no reliable response: 481, and the call is recorded", async () => {
    await withBystander(async (it) => {
      const call = await it.call();
      const body = siprecBody();
      call.send("INVITE", { ...body, headers: [["Require", "siprec, 100rel"]] });
      const ok = await call.client.response(200);
      expect(call.client.received.map((one) => (one.kind === "response" ? one.status : 0))).toEqual([100, 200]);
      call.toTag = /tag=(.+)$/.exec(ok.headers.get("To")!)![1]!;
      call.ack();
      call.send("PRACK", { headers: [["RAck", "1 1 INVITE"]] });
      await call.client.response(481);
      expect(it.server.stats().dialogs).toBe(2);
      expect(it.recorder.calls[1]!.ends).toEqual([]);
    });
  });

  test("one byte a second: gone after 30 seconds, before its first message and after", async () => {
    await withBystander(async (it) => {
      const [slow, later] = [await it.client("tcp"), await it.client("tcp")];
      later.send(wire(later, "TCP", {}));
      await later.response(200);
      const bytes = wire(slow, "TCP", {});
      for (let second = 0; second < 30; second += 1) {
        slow.send(bytes.subarray(second, second + 1));
        later.send(bytes.subarray(second, second + 1));
        await new Promise((sent) => setTimeout(sent, 2));
        it.time.advance(1_000);
      }
      // The second one's clock began with its first byte, some milliseconds after the advance before it.
      it.time.advance(1_000);
      await until(() => it.server.stats().transport.connections === 1, "both cut");
    });
  });

  test("a client that does not read its answers is given up", async () => {
    await withBystander(
      async (it) => {
        const socket = connect(it.server.address.port, "127.0.0.1");
        socket.pause();
        const closed = gone(socket);
        const client = await it.client("udp");
        const loud = wire(client, "TCP", { head: [`Via: SIP/2.0/TCP ${"v".repeat(60_000)}`] });
        const pump = setInterval(() => {
          if (!socket.destroyed) socket.write(loud);
        }, 1);
        await until(() => it.server.stats().transport.connections === 1, "given up", 10_000);
        clearInterval(pump);
        socket.destroy();
        await closed;
      },
      { limits: { trunkRate: { perSecond: 1e6, burst: 1e6 }, unreadBytes: 256 * 1024 } },
    );
  });
});

describe("crowds", () => {
  const oneTrunk = byAddress((address) => (address === "127.0.0.1" ? trunk : null));

  test("2,400 idle connections of strangers: 500 are held, and a trunk still connects and calls", async () => {
    await withBystander(async (it) => {
      const sockets: Socket[] = [];
      const taken = (): number => it.server.stats().transport.connectionsRefused + it.server.stats().transport.strangerConnections;
      for (let index = 0; index < 2_400; index += 1) {
        const socket = connect({ port: it.server.address.port, host: "127.0.0.1", localAddress: `127.0.${1 + (index % 200)}.1` });
        socket.on("error", () => undefined);
        sockets.push(socket);
        // Where the kernel's queue of new connections overflows it answers with cookies and forgets some: they come as fast as they are taken.
        if (index % 100 === 99) await until(() => taken() > index, `${index + 1} taken`, 10_000);
      }
      await until(() => it.server.stats().transport.connectionsRefused === 1_900, "refused", 10_000);
      expect(it.server.stats().transport).toMatchObject({ connections: 501, strangerConnections: 500 });
      for (const kind of ["tcp", "udp"] as const) expect((await (await it.call(kind)).establish()).status).toBe(200);
      // Who said nothing in 30 seconds makes room.
      it.time.advance(30_000);
      await until(() => it.server.stats().transport.strangerConnections === 0, "places free");
      for (const socket of sockets) socket.destroy();
    }, oneTrunk);
  }, 60_000);

  test("one stranger has 16, and a stranger who speaks is let go after a silent minute", async () => {
    await withBystander(async (it) => {
      const open = await Promise.all(Array.from({ length: 16 }, () => it.client("tcp", "127.0.0.2")));
      const more = connect({ port: it.server.address.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
      await gone(more);
      open[0]!.send(wire(open[0]!, "TCP", {}));
      await open[0]!.response(403);
      it.time.advance(30_000);
      await until(() => it.server.stats().transport.strangerConnections === 1, "the silent ones gone");
      it.time.advance(30_000);
      await until(() => it.server.stats().transport.strangerConnections === 0, "the last one gone");
    }, oneTrunk);
  });

  test("a trunk's connection is kept by its keep-alives, a stranger's is not", async () => {
    await withBystander(
      async (it) => {
        const [known, stranger] = [await it.client("tcp"), await it.client("tcp", "127.0.0.2")];
        for (let index = 0; index < 4; index += 1) {
          known.send("\r\n\r\n");
          stranger.send("\r\n\r\n");
          await new Promise((sent) => setTimeout(sent, 10));
          it.time.advance(20_000);
        }
        await until(() => it.server.stats().transport.strangerConnections === 0, "stranger gone");
        expect(it.server.stats().transport.connections).toBe(2);
        known.send(wire(known, "TCP", {}));
        await known.response(200);
      },
      oneTrunk,
    );
  });

  test("a flood of OPTIONS from many addresses: each has its share, a trunk's call is set up in the middle of it", async () => {
    await withBystander(async (it) => {
      const loud = await Promise.all(Array.from({ length: 20 }, (_, index) => it.client("udp", `127.0.2.${index + 1}`)));
      for (let round = 0; round < 100; round += 1) for (const client of loud) client.send(wire(client, "UDP", {}));
      const begunMs = performance.now();
      expect((await (await it.call("udp")).establish()).status).toBe(200);
      expect(performance.now() - begunMs).toBeLessThan(2_000);
      await until(() => it.server.stats().transport.dropped > 0, "dropped");
      expect(it.server.stats().responses["4xx"]).toBeLessThanOrEqual(20 * 50);
      expect(it.server.stats().responses["4xx"]).toBeGreaterThan(0);
    }, oneTrunk);
  });
});
