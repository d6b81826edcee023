import { SipHeaders } from "@earwitness/media";
import type { SipHeaderField, SipRequest } from "@earwitness/media";
import { describe, expect, test } from "vitest";
import { agreeOnInterval, intervalHeaders } from "./session-timer.ts";
import { createTestServer, until } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";
import { siprecBody } from "./test-client.ts";

const knows = { supportsTimer: true, allowsUpdate: true };

describe("what is agreed on (RFC 4028 §9)", () => {
  test.each([
    [{ "Session-Expires": "1800" }, knows, { seconds: 1800, refresher: "them", peerKnows: true }],
    [{ "Session-Expires": "1800;refresher=uac" }, knows, { seconds: 1800, refresher: "them", peerKnows: true }],
    [{ "Session-Expires": "1800;refresher=uas" }, knows, { seconds: 1800, refresher: "us", peerKnows: true }],
    [{ "Session-Expires": "1800;refresher=uas" }, { ...knows, allowsUpdate: false }, null],
    [{ "Session-Expires": "600" }, { supportsTimer: false, allowsUpdate: true }, { seconds: 600, refresher: "us", peerKnows: false }],
    [{ "Session-Expires": "30" }, { supportsTimer: false, allowsUpdate: true }, { seconds: 90, refresher: "us", peerKnows: false }],
    [{ "Session-Expires": "30" }, knows, { status: 422, headers: [["Min-SE", "90"]] }],
    [{ "Session-Expires": "4000000000" }, knows, { seconds: 86_400, refresher: "them", peerKnows: true }],
    [{ "Session-Expires": "soon" }, knows, { seconds: 1800, refresher: "them", peerKnows: true }],
    [{}, knows, { seconds: 1800, refresher: "them", peerKnows: true }],
    [{}, { supportsTimer: false, allowsUpdate: true }, null],
  ] as const)("%j, client %j", (headers, peer, expected) => {
    expect(agreeOnInterval(new SipHeaders(Object.entries(headers)), peer)).toEqual(expected);
  });

  test("the answer says it", () => {
    expect(intervalHeaders({ seconds: 90, refresher: "them", peerKnows: true })).toEqual([
      ["Session-Expires", "90;refresher=uac"],
      ["Require", "timer"],
    ]);
    expect(intervalHeaders({ seconds: 90, refresher: "us", peerKnows: false })).toEqual([["Session-Expires", "90;refresher=uas"]]);
    expect(intervalHeaders(null)).toEqual([]);
  });
});

async function establish(it: TestServer, sessionExpires: string) {
  const call = await it.call();
  const body = siprecBody();
  const headers: SipHeaderField[] = [...body.headers!, ["Supported", "timer"], ["Session-Expires", sessionExpires]];
  const ok = await call.establish({ ...body, headers });
  expect(ok.headers.get("Session-Expires")).toMatch(/^90;refresher=ua[cs]$/);
  return call;
}

type Established = Awaited<ReturnType<typeof establish>>;

/** ACK and answers travel over real sockets while time stands still. */
async function refreshes(it: TestServer, call: Established): Promise<SipRequest> {
  await until(() => it.server.stats().requests["ACK"] === 1, "ACK");
  it.time.advance(45_000);
  return call.client.request("UPDATE");
}

async function replyRead(it: TestServer, call: Established, request: SipRequest, status: number, headers: SipHeaderField[]): Promise<void> {
  const { received } = it.server.stats().transport;
  call.client.reply(request, status, headers);
  await until(() => it.server.stats().transport.received > received, "answer read");
}

describe("the client refreshes", () => {
  test("in time: the recording goes on; not in time: BYE and the end", async () => {
    await using it = await createTestServer();
    const call = await establish(it, "90;refresher=uac");
    await until(() => it.server.stats().requests["ACK"] === 1, "ACK");
    it.time.advance(55_000);
    call.send("UPDATE", { headers: [["Supported", "timer"], ["Session-Expires", "90;refresher=uac"]] });
    const ok = await call.client.next((one) => one.kind === "response" && one.headers.get("CSeq") === "2 UPDATE");
    expect(ok.headers.get("Session-Expires")).toBe("90;refresher=uac");
    it.time.advance(59_000);
    expect(it.server.stats().dialogs).toBe(1);
    expect(it.recorder.calls[0]!.told).toEqual([]);
    it.time.advance(1_000);
    call.client.reply(await call.client.request("BYE"), 200);
    await until(() => it.recorder.calls[0]!.ends.length > 0, "end");
    expect(it.recorder.calls[0]!.ends).toEqual(["timeout"]);
    expect(it.server.stats()).toMatchObject({ timersExpired: 1, dialogs: 0 });
  });
});

describe("we refresh", () => {
  test("by UPDATE at half time, again and again", async () => {
    await using it = await createTestServer();
    const call = await establish(it, "90;refresher=uas");
    const first = await refreshes(it, call);
    expect(first.headers.get("Session-Expires")).toBe("90;refresher=uac");
    expect(first.headers.get("CSeq")).toBe("1 UPDATE");
    expect(first.body).toHaveLength(0);
    await replyRead(it, call, first, 200, [["Session-Expires", "90;refresher=uac"]]);
    it.time.advance(45_000);
    expect((await call.client.request("UPDATE")).headers.get("CSeq")).toBe("2 UPDATE");
  });

  test("no answer in 32 seconds, or 481: the client is gone", async () => {
    await using silent = await createTestServer();
    await refreshes(silent, await establish(silent, "90;refresher=uas"));
    silent.time.advance(32_000);
    await until(() => silent.recorder.calls[0]!.ends.length > 0, "end");
    expect(silent.recorder.calls[0]!.ends).toEqual(["timeout"]);

    await using forgetful = await createTestServer();
    const call = await establish(forgetful, "90;refresher=uas");
    call.client.reply(await refreshes(forgetful, call), 481);
    call.client.reply(await call.client.request("BYE"), 481);
    await until(() => forgetful.recorder.calls[0]!.ends.length > 0, "end");
    expect(forgetful.recorder.calls[0]!.ends).toEqual(["timeout"]);
  });

  test("422 raises the interval, 500 is tried again, any other refusal is a sign of life", async () => {
    await using it = await createTestServer();
    const call = await establish(it, "90;refresher=uas");
    async function answer(request: SipRequest, status: number, headers: SipHeaderField[], pauseMs: number): Promise<SipRequest> {
      await replyRead(it, call, request, status, headers);
      it.time.advance(pauseMs);
      return call.client.request("UPDATE");
    }
    const second = await answer(await refreshes(it, call), 422, [["Min-SE", "200"]], 5_000);
    expect(second.headers.get("Session-Expires")).toBe("200;refresher=uac");
    const third = await answer(second, 500, [["Retry-After", "3"]], 3_000);
    const fourth = await answer(third, 405, [], 100_000);
    expect(fourth.method).toBe("UPDATE");
    expect(it.recorder.calls[0]!.ends).toEqual([]);
  });
});

describe("a client that knows no session timers", () => {
  async function plain(it: TestServer) {
    const call = await it.call();
    await call.establish();
    await until(() => it.server.stats().requests["ACK"] === 1, "ACK");
    return call;
  }

  test("is asked every half hour whether it lives; any answer keeps the recording", async () => {
    await using it = await createTestServer();
    const call = await plain(it);
    for (const status of [200, 405, 503]) {
      it.time.advance(1_800_000);
      await replyRead(it, call, await call.client.request("OPTIONS"), status, []);
    }
    expect(it.recorder.calls[0]!.ends).toEqual([]);
  });

  test("that died, or knows of no such call any more, is not recorded for ever", async () => {
    await using silent = await createTestServer();
    const dead = await plain(silent);
    silent.time.advance(1_800_000);
    await dead.client.request("OPTIONS");
    silent.time.advance(32_000);
    await dead.client.next((one) => one.kind === "request" && one.method === "OPTIONS" && one.headers.get("CSeq") === "2 OPTIONS");
    expect(silent.recorder.calls[0]!.ends).toEqual([]);
    silent.time.advance(32_000);
    await until(() => silent.recorder.calls[0]!.ends.length > 0, "end");
    expect(silent.recorder.calls[0]!.ends).toEqual(["timeout"]);

    await using forgetful = await createTestServer();
    const call = await plain(forgetful);
    forgetful.time.advance(1_800_000);
    call.client.reply(await call.client.request("OPTIONS"), 481);
    await until(() => forgetful.recorder.calls[0]!.ends.length > 0, "end");
  });
});
