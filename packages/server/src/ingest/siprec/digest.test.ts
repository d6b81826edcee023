import { describe, expect, test } from "vitest";
import { digestHa1, digestResponse } from "@earwitness/media";
import type { SipHeaderField, SipResponse } from "@earwitness/media";
import type { IdentifiedTrunk } from "#trunks";
import { createTestCall, siprecBody } from "./test-client.ts";
import type { TestCall, TestClient } from "./test-client.ts";
import { byAddress, createTestServer, trunk, until } from "./test-server.ts";

const realm = "rec.example";
const password = "correct horse";
const guarded: IdentifiedTrunk = { ...trunk, digest: { username: "sbc", realm, ha1Md5: digestHa1("MD5", "sbc", realm, password), ha1Sha256: digestHa1("SHA-256", "sbc", realm, password) } };

function credentials(challenged: SipResponse, method: string, count = 1, secret = password): SipHeaderField {
  const nonce = /nonce="([^"]+)"/.exec(challenged.headers.get("WWW-Authenticate") ?? "")![1]!;
  const response = digestResponse("SHA-256", digestHa1("SHA-256", "sbc", realm, secret), method, { nonce, uri: "sip:srs@127.0.0.1", qop: "auth", nonceCount: count, cnonce: "abc" });
  return ["Authorization", `Digest username="sbc", realm="${realm}", nonce="${nonce}", uri="sip:srs@127.0.0.1", response="${response}", algorithm=SHA-256, qop=auth, nc=0000000${count}, cnonce="abc"`];
}

const body = siprecBody();
const invite = (header: SipHeaderField) => ({ ...body, headers: [...body.headers!, header] });

/** INVITE, 401, INVITE with the password, 200. */
async function logIn(call: TestCall & { readonly client: TestClient }): Promise<SipResponse> {
  call.send("INVITE", siprecBody());
  const challenged = await call.client.response(401);
  call.ack();
  expect((await call.establish(invite(credentials(challenged, "INVITE")))).status).toBe(200);
  return challenged;
}

const answered = (method: string, status: number) => (one: { kind: string; status?: number; headers: { get(name: string): string | undefined } }): boolean =>
  one.kind === "response" && one.status === status && one.headers.get("CSeq")!.endsWith(method);

describe("a trunk with a password", () => {
  test.each(["udp", "tcp"] as const)("over %s: the call is recorded once the password was shown, and nothing is remembered before", async (kind) => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call(kind);
    call.send("INVITE", siprecBody());
    const challenged = await call.client.response(401);
    expect(challenged.headers.all("WWW-Authenticate").map((value) => /algorithm=([^,]+)/.exec(value)![1])).toEqual(["SHA-256", "MD5"]);
    expect(it.server.stats().transactions).toBe(0);
    expect(it.recorder.calls).toHaveLength(0);
    call.ack();
    await call.establish(invite(credentials(challenged, "INVITE")));
    expect(it.recorder.calls).toHaveLength(1);
    expect(JSON.stringify(it.recorder.calls[0]!.offer)).not.toContain("ha1");
  });

  test("a retransmitted INVITE is a retransmission, not a replay", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    call.send("INVITE", siprecBody());
    const challenged = await call.client.response(401);
    const gate = Promise.withResolvers<null>();
    it.recorder.decide = () => gate.promise;
    const bytes = call.send("INVITE", invite(credentials(challenged, "INVITE")));
    await call.client.response(100);
    call.client.send(bytes);
    await call.client.response(100);
    gate.resolve(null);
    await call.client.response(200);
    expect(it.recorder.calls).toHaveLength(1);
    expect(it.server.stats().responses).toEqual({ "4xx": 1, "1xx": 2, "2xx": 1 });
  });

  test("an INVITE overheard and sent again is not taken, from its address or another", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    call.send("INVITE", siprecBody());
    const header = credentials(await call.client.response(401), "INVITE");
    call.send("INVITE", invite(header));
    await call.client.response(200);
    for (const from of ["127.0.0.1", "127.0.0.9"]) {
      const thief = await it.client("udp", from);
      const again = createTestCall(thief, "udp");
      again.send("INVITE", invite(header));
      expect((await thief.response(401)).headers.get("WWW-Authenticate")).toContain("stale=true");
    }
    expect(it.recorder.calls).toHaveLength(1);
  });

  test.each(["INVITE", "UPDATE", "INFO", "OPTIONS"] as const)("%s inside the dialog is challenged too, is no invitation of its own, and changes nothing without the password", async (method) => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    await logIn(call);
    call.send(method, method === "INVITE" ? siprecBody() : {});
    const challenged = await call.client.next(answered(method, 401));
    expect(it.server.stats().dialogs).toBe(1);
    expect(it.recorder.calls[0]!.told).toEqual([]);
    const header = credentials(challenged as SipResponse, method);
    call.send(method, method === "INVITE" ? invite(header) : { headers: [header] });
    await call.client.next(answered(method, 200));
    it.time.advance(10_000);
    expect(it.invitations.map(({ status }) => status)).toEqual([200]);
  });

  test("BYE without credentials ends the call that showed its password, and is no invitation of its own", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    await logIn(call);
    call.send("BYE");
    await call.client.next(answered("BYE", 200));
    await until(() => it.recorder.calls[0]!.ends.length === 1, "the end");
    it.time.advance(10_000);
    expect(it.invitations.map(({ status }) => status)).toEqual([200]);
  });

  test("BYE from another address of the trunk needs the password, whatever it knows of the dialog", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    await logIn(call);
    const other = await it.client("udp", "127.0.0.9");
    const forged: TestCall = createTestCall({ ...other, send: (bytes) => other.send(Buffer.from(bytes).toString("latin1").replace(forged.fromTag, call.fromTag)) }, "udp", call.callId);
    Object.assign(forged, { toTag: call.toTag, cseq: call.cseq });
    forged.send("BYE");
    const challenged = await other.response(401);
    expect(it.server.stats().dialogs).toBe(1);
    forged.send("BYE", { headers: [credentials(challenged, "BYE")] });
    await other.response(200);
    await until(() => it.recorder.calls[0]!.ends.length === 1, "the end");
    it.time.advance(10_000);
    expect(it.invitations.map(({ status }) => status)).toEqual([200]);
  });

  test("one nonce serves a whole dialog, counted on", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    const challenged = await logIn(call);
    call.send("UPDATE", { headers: [credentials(challenged, "UPDATE", 2)] });
    await call.client.next(answered("UPDATE", 200));
    call.send("UPDATE", { headers: [credentials(challenged, "UPDATE", 3)] });
    await call.client.next(answered("UPDATE", 200));
    expect(it.server.stats().responses["4xx"]).toBe(1);
  });

  test("ACK and CANCEL carry no credentials and need none (RFC 3261 §22.1)", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const gate = Promise.withResolvers<null>();
    it.recorder.decide = () => gate.promise;
    const call = await it.call();
    call.send("INVITE", siprecBody());
    const challenged = await call.client.response(401);
    call.send("INVITE", { ...invite(credentials(challenged, "INVITE")), branch: "z9hG4bKtaken" });
    await call.client.response(100);
    call.send("CANCEL", { branch: "z9hG4bKtaken" });
    await call.client.next(answered("CANCEL", 200));
    await call.client.response(487);
    call.send("ACK", { branch: "z9hG4bKtaken" });
    gate.resolve(null);
    await until(() => it.recorder.calls.length === 1 && it.recorder.calls[0]!.ends.length === 1, "the canceled call's end");
    const other = await it.call();
    await logIn(other);
    await until(() => it.server.stats().requests["ACK"] === 3, "ACKs");
    it.time.advance(33_000);
    expect(it.recorder.calls.map(({ ends }) => ends)).toEqual([["cancelled"], []]);
  });

  test("an INVITE is taken back by who sent it, not by another address that knows its branch", async () => {
    await using it = await createTestServer();
    const gate = Promise.withResolvers<null>();
    it.recorder.decide = () => gate.promise;
    const call = await it.call();
    call.send("INVITE", { ...body, branch: "z9hG4bKmine" });
    await call.client.response(100);
    const thief = await it.client("udp", "127.0.0.8");
    const forged = call.send("CANCEL", { branch: "z9hG4bKmine", cseq: 1 });
    await call.client.next(answered("CANCEL", 200));
    await call.client.response(487);
    call.send("INVITE", { ...body, branch: "z9hG4bKmore", cseq: 2 });
    await call.client.response(100);
    const text = Buffer.from(forged).toString("latin1").replace("z9hG4bKmine", "z9hG4bKmore").replace("1 CANCEL", "2 CANCEL");
    thief.send(text.replace(/rport/, `rport;x=1`));
    await thief.response(481);
    gate.resolve(null);
    await call.client.response(200);
  });

  test("OPTIONS outside a dialog is answered without a password: clients ask it all the time", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    call.send("OPTIONS");
    await call.client.response(200);
  });

  test("a password set while a call runs is asked of the next call; one taken away is asked of nobody", async () => {
    let now = trunk;
    await using it = await createTestServer(byAddress(() => now));
    const before = await it.call();
    await before.establish();
    now = guarded;
    before.send("BYE");
    await before.client.next(answered("BYE", 200));
    const during = await it.call();
    await logIn(during);
    now = trunk;
    during.send("BYE");
    await during.client.next(answered("BYE", 200));
  });

  test("neither passwords nor what is computed of them are logged or traced", async () => {
    await using it = await createTestServer(byAddress(() => guarded));
    const call = await it.call();
    const challenged = await logIn(call);
    const wrong = await it.call();
    wrong.send("INVITE", invite(credentials(challenged, "INVITE", 4, "guess")));
    await wrong.client.response(401);
    it.time.advance(5_000);
    expect(it.invitations).toHaveLength(2);
    const told = it.logged.join() + JSON.stringify(it.invitations);
    expect(told).toContain('username=\\"sbc\\"');
    for (const [, header] of [credentials(challenged, "INVITE"), credentials(challenged, "INVITE", 4, "guess")]) expect(told).not.toContain(/response="(\w+)"/.exec(header)![1]);
    expect(told).not.toContain('cnonce=\\"abc');
  });
});
