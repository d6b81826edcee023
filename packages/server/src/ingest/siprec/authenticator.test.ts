import { describe, expect, test } from "vitest";
import { digestHa1, digestResponse, SipHeaders } from "@earwitness/media";
import type { DigestAlgorithm } from "@earwitness/media";
import { createAuthenticator } from "./authenticator.ts";
import type { Incoming } from "./incoming.ts";

const credentials = {
  username: "sbc",
  realm: "rec.example",
  ha1Md5: digestHa1("MD5", "sbc", "rec.example", "secret"),
  ha1Sha256: digestHa1("SHA-256", "sbc", "rec.example", "secret"),
};

function incoming(authorizations: readonly string[], method = "INVITE", address = "192.0.2.1"): Incoming {
  const headers = new SipHeaders(authorizations.map((value) => ["Authorization", value] as const));
  return {
    request: { kind: "request", method, uri: "sip:srs@rec.example", headers, body: new Uint8Array() },
    flow: { kind: "udp", reliable: false, remote: { address, port: 5060 }, connection: null, certificates: [] },
    via: { transport: "UDP", host: "h", port: null, params: new Map() },
    from: { displayName: "", uri: "sip:a@b", params: new Map() },
    to: { displayName: "", uri: "sip:a@b", params: new Map() },
    callId: "c",
    cseq: { sequence: 1, method },
  };
}

interface Claim {
  readonly nonce: string;
  readonly algorithm?: DigestAlgorithm;
  readonly username?: string;
  readonly password?: string;
  readonly method?: string;
  readonly count?: number;
  readonly qop?: string | null;
}

function authorization({ nonce, algorithm = "SHA-256", username = "sbc", password = "secret", method = "INVITE", count = 1, qop = "auth" }: Claim): string {
  const ha1 = digestHa1(algorithm, username, "rec.example", password);
  const response = digestResponse(algorithm, ha1, method, { nonce, uri: "sip:x", qop, nonceCount: count, cnonce: "c" });
  const counted = qop === null ? "" : `, qop=${qop}, nc=${count.toString(16).padStart(8, "0")}, cnonce="c"`;
  return `Digest username="${username}", realm="rec.example", nonce="${nonce}", uri="sip:x", response="${response}", algorithm=${algorithm}${counted}`;
}

function setUp() {
  const time = { ms: 1_800_000_000_000 };
  const authenticator = createAuthenticator(() => time.ms);
  const ask = (authorizations: readonly string[], method?: string, address?: string) => {
    const answer = authenticator.challenge(incoming(authorizations, method, address), credentials);
    if (answer === null) return null;
    const challenges = answer.headers!.filter(([name]) => name === "WWW-Authenticate").map(([, value]) => value);
    return { ...answer, challenges, nonce: /nonce="([^"]+)"/.exec(challenges[0]!)![1]!, stale: challenges.every((one) => one.includes("stale=true")), words: answer.headers!.find(([name]) => name === "Warning")![1] };
  };
  return { time, ask };
}

describe("digest authentication (RFC 3261 §22, RFC 8760)", () => {
  test("who shows nothing is asked, SHA-256 first", () => {
    const { ask } = setUp();
    const answer = ask([])!;
    expect(answer).toMatchObject({ status: 401, reason: "CREDENTIALS_MISSING", stale: false });
    expect(answer.challenges.map((one) => /algorithm=([^,]+)/.exec(one)![1])).toEqual(["SHA-256", "MD5"]);
    expect(answer.challenges.every((one) => one.includes('qop="auth"') && one.includes('realm="rec.example"'))).toBe(true);
    expect(ask([])!.nonce).not.toBe(answer.nonce);
  });

  test.each(["SHA-256", "MD5"] as const)("the right password lets in, %s", (algorithm) => {
    const { ask } = setUp();
    const { nonce } = ask([])!;
    expect(ask([authorization({ nonce, algorithm })])).toBeNull();
    expect(ask([authorization({ nonce, algorithm, count: 2, method: "BYE" })], "BYE")).toBeNull();
  });

  test("credentials for another realm beside ours do no harm, ours are found", () => {
    const { ask } = setUp();
    const { nonce } = ask([])!;
    const other = authorization({ nonce }).replace("rec.example", "proxy.example");
    expect(ask([other])).toMatchObject({ reason: "CREDENTIALS_MISSING" });
    expect(ask([other, authorization({ nonce })])).toBeNull();
  });

  test("an unknown name and a wrong password are answered alike", () => {
    const { ask } = setUp();
    const { nonce } = ask([])!;
    const [name, password] = [ask([authorization({ nonce, username: "nobody" })])!, ask([authorization({ nonce, password: "guess" })])!];
    expect(name).toMatchObject({ status: 401, reason: "CREDENTIALS_WRONG", stale: false });
    expect(password).toMatchObject({ status: 401, reason: "CREDENTIALS_WRONG", stale: false, words: name.words });
    expect(ask([authorization({ nonce, method: "BYE" })])).toMatchObject({ reason: "CREDENTIALS_WRONG" });
    // What was refused used up nothing.
    expect(ask([authorization({ nonce })])).toBeNull();
  });

  test("the same count of a nonce works once; counts may overtake each other, far behind is too late", () => {
    const { ask } = setUp();
    const { nonce } = ask([])!;
    const uses = (count: number) => ask([authorization({ nonce, count })]);
    expect(uses(1)).toBeNull();
    expect(uses(1)).toMatchObject({ status: 401, stale: true });
    expect(uses(5)).toBeNull();
    expect(uses(3)).toBeNull();
    expect(uses(3)).toMatchObject({ stale: true });
    expect(uses(100)).toBeNull();
    expect(uses(36)).toMatchObject({ stale: true });
    expect(uses(37)).toBeNull();
    expect(uses(37)).toMatchObject({ stale: true });
    expect(uses(0xffff_ffff)).toBeNull();
    expect(uses(100)).toMatchObject({ stale: true });
  });

  test("a client that counts nothing (RFC 2069) gets one request for each nonce", () => {
    const { ask } = setUp();
    const { nonce } = ask([])!;
    expect(ask([authorization({ nonce, qop: null })])).toBeNull();
    const again = ask([authorization({ nonce, qop: null })])!;
    expect(again.stale).toBe(true);
    expect(ask([authorization({ nonce: again.nonce, qop: null })])).toBeNull();
  });

  test("a nonce ends after five minutes, and is of use to no other address: stale, and the next one works", () => {
    const { ask, time } = setUp();
    const { nonce } = ask([])!;
    expect(ask([authorization({ nonce })], "INVITE", "192.0.2.2")).toMatchObject({ stale: true });
    time.ms += 300_000;
    expect(ask([authorization({ nonce })])).toBeNull();
    time.ms += 1;
    const old = ask([authorization({ nonce, count: 2 })])!;
    expect(old).toMatchObject({ status: 401, stale: true });
    expect(ask([authorization({ nonce: old.nonce })])).toBeNull();
  });

  test("a client that leaves a challenge unanswered is asked for MD5 alone, and for both again if that does not help", () => {
    const { ask, time } = setUp();
    const asksFor = () => ask([])!.challenges.map((one) => /algorithm=([^,]+)/.exec(one)![1]);
    const both = ["SHA-256", "MD5"];
    expect([asksFor(), asksFor()]).toEqual([both, both]);
    time.ms += 2_001;
    expect([asksFor(), asksFor()]).toEqual([["MD5"], ["MD5"]]);
    time.ms += 2_001;
    expect(asksFor()).toEqual(both);
    time.ms += 2_001;
    expect(asksFor()).toEqual(["MD5"]);
    // It works: that is how it stays, for hours.
    for (let call = 0; call < 3; call += 1) {
      expect(ask([authorization({ nonce: ask([])!.nonce, algorithm: "MD5" })])).toBeNull();
      time.ms += 3_600_000;
    }
    expect(asksFor()).toEqual(["MD5"]);
    // A client that answers wrongly does answer; one that can do better is asked for it.
    expect(ask([authorization({ nonce: ask([])!.nonce, algorithm: "MD5", password: "guess" })])!.challenges).toHaveLength(1);
    expect(ask([authorization({ nonce: ask([])!.nonce })])).toBeNull();
    expect(asksFor()).toEqual(both);
    expect(ask([authorization({ nonce: ask([])!.nonce, algorithm: "MD5" })])).toBeNull();
    time.ms += 2_001;
    expect(asksFor()).toEqual(both);
  });

  test("a nonce that is not ours, or spelt otherwise, is not taken", () => {
    const { ask } = setUp();
    const { nonce } = ask([])!;
    const last = nonce.at(-1)!;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const respelt = nonce.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
    for (const wrong of ["", "x", "dcd98b7102dd2f0e8b11d0f600bfb0c093", nonce.toUpperCase(), `B${nonce.slice(1)}`, `${nonce}A`, respelt]) {
      expect(ask([authorization({ nonce: wrong })])).toMatchObject({ status: 401, stale: true });
    }
    expect(createAuthenticator(() => 1_800_000_000_000).challenge(incoming([authorization({ nonce })]), credentials)).toMatchObject({ status: 401 });
  });

  test.each([
    ["auth-int", (nonce: string) => authorization({ nonce, qop: "auth-int" }), "use auth"],
    ["another algorithm", (nonce: string) => authorization({ nonce }).replace("SHA-256", "SHA-512-256"), "use SHA-256 or MD5"],
    ["a session variant", (nonce: string) => authorization({ nonce }).replace("SHA-256", "MD5-sess"), "use SHA-256 or MD5"],
    ["a hashed name", (nonce: string) => `${authorization({ nonce })}, userhash=true`, "wrong credentials"],
    ["a doubled name", (nonce: string) => `${authorization({ nonce })}, username="sbc"`, "twice"],
    ["no digest", () => "Basic c2JjOnNlY3JldA==", "another scheme"],
    ["garbage", () => "Digest \u0000\"\\", "malformed"],
  ])("%s is refused in words", (_what, write, words) => {
    const { ask } = setUp();
    const answer = ask([write(ask([])!.nonce)])!;
    expect(answer).toMatchObject({ status: 401, reason: "CREDENTIALS_WRONG" });
    expect(answer.words).toContain(words);
  });

  test("the record of used nonces is bounded, and what had to make room does not work again", { timeout: 30_000 }, () => {
    const { ask, time } = setUp();
    const first = ask([])!.nonce;
    expect(ask([authorization({ nonce: first })])).toBeNull();
    for (let index = 0; index < 20_000; index += 1) {
      time.ms += 1;
      expect(ask([authorization({ nonce: ask([])!.nonce, algorithm: "MD5" })])).toBeNull();
    }
    expect(ask([authorization({ nonce: first, count: 1 })])).toMatchObject({ stale: true });
    expect(ask([authorization({ nonce: first, count: 2 })])).toMatchObject({ stale: true });
  });
});
