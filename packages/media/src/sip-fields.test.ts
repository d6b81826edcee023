import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCSeq, parseNameAddr, parseRAck, parseRSeq, parseSessionExpires, parseTokenList, parseVia } from "./sip-fields.ts";
import { parseSipUri } from "./sip-uri.ts";
import type { Parsed } from "./parsed.ts";

function value<T>(result: Parsed<T>): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

describe("Via", () => {
  test("transport, host, port and parameters", () => {
    const via = value(parseVia("SIP/2.0/udp 192.0.2.1:5070;branch=z9hG4bKa;rport"));
    expect(via).toMatchObject({ transport: "UDP", host: "192.0.2.1", port: 5070 });
    expect([...via.params]).toEqual([
      ["branch", "z9hG4bKa"],
      ["rport", ""],
    ]);
  });
  test("IPv6 and the white space RFC 4475 allows", () => {
    expect(value(parseVia("SIP / 2.0 / TCP   [2001:db8::9] : 5061 ;received=x"))).toMatchObject({ host: "2001:db8::9", port: 5061 });
  });
  test.each(["", "SIP/2.0/UDP", "HTTP/2.0/UDP h", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP [::1"])("%j is refused", (input) => {
    expect(parseVia(input).ok).toBe(false);
  });
});

describe("addresses in headers", () => {
  test("display name, URI and header parameters", () => {
    const from = value(parseNameAddr('"Trader \\"One\\" <x>" <sip:t1@bank.example;user=phone>;tag=a1;+sip.src'));
    expect(from).toMatchObject({ displayName: 'Trader "One" <x>', uri: "sip:t1@bank.example;user=phone" });
    expect(from.params.get("tag")).toBe("a1");
    expect(from.params.has("+sip.src")).toBe(true);
  });
  test("without brackets the parameters are the header's", () => {
    const to = value(parseNameAddr("sip:a@b;tag=9"));
    expect([to.uri, to.params.get("tag")]).toEqual(["sip:a@b", "9"]);
  });
  test("a parameter inside the brackets is found in the URI", () => {
    expect(value(parseSipUri(value(parseNameAddr("<sip:sbc@h;+sip.src>")).uri)).params.has("+sip.src")).toBe(true);
  });
  test("an unquoted name and the wildcard", () => {
    expect(value(parseNameAddr("Trader One <sip:a@b>")).displayName).toBe("Trader One");
    expect(value(parseNameAddr("*")).uri).toBe("*");
  });
  test.each(["", "<>", "<sip:a@b", '"quote <sip:a@b>'])("%j is refused or read without a bracket", (input) => {
    const result = parseNameAddr(input);
    expect(result.ok && result.value.uri.includes(">") && !input.startsWith('"')).toBe(false);
  });
});

describe("URIs", () => {
  test("all parts", () => {
    const uri = value(parseSipUri("SIPS:+49301;ext=5:secret@[2001:DB8::1]:5061;transport=TLS;lr?Subject=a@b"));
    expect(uri).toMatchObject({ scheme: "sips", user: "+49301", host: "2001:db8::1", port: 5061 });
    expect([...uri.params]).toEqual([
      ["transport", "TLS"],
      ["lr", ""],
    ]);
    expect(uri.userParams.get("ext")).toBe("5");
  });
  test("without a user", () => {
    expect(value(parseSipUri("sip:rec.example.net"))).toMatchObject({ user: "", host: "rec.example.net", port: null });
  });
  test("tel", () => {
    const uri = value(parseSipUri("tel:+49-30-1234;phone-context=example.com"));
    expect([uri.user, uri.host, uri.params.get("phone-context")]).toEqual(["+49-30-1234", "", "example.com"]);
  });
  test.each(["", "sip:", "sip:@", "http://x", "tel:", "sip:a@b:70000", "sip:a@[::1", "sip:a@b c", "sip:a@b:"])("%j is refused", (input) => {
    expect(parseSipUri(input).ok).toBe(false);
  });
});

test("CSeq, RSeq, RAck", () => {
  expect(value(parseCSeq(" 4294967295   INVITE "))).toEqual({ sequence: 4_294_967_295, method: "INVITE" });
  expect(value(parseRSeq("1"))).toBe(1);
  expect(value(parseRAck("776656 1 INVITE"))).toEqual({ rseq: 776_656, sequence: 1, method: "INVITE" });
  for (const bad of ["", "1", "x INVITE", "4294967296 INVITE", "1 INVITE x", "-1 A"]) expect(parseCSeq(bad).ok).toBe(false);
  for (const bad of ["", "0", "4294967296", "a"]) expect(parseRSeq(bad).ok).toBe(false);
  for (const bad of ["", "1", "1 1", "0 1 INVITE"]) expect(parseRAck(bad).ok).toBe(false);
});

test("Session-Expires with and without a refresher", () => {
  expect(value(parseSessionExpires("1800;refresher=UAC"))).toEqual({ seconds: 1800, refresher: "uac" });
  expect(value(parseSessionExpires("90"))).toEqual({ seconds: 90, refresher: null });
  expect(parseSessionExpires("soon").ok).toBe(false);
});

test("token lists leave out what is no token", () => {
  expect(parseTokenList(["siprec, timer ,", " 100rel;x=y, a b"])).toEqual(["siprec", "timer", "100rel"]);
  expect(parseTokenList("siprec")).toEqual(["siprec"]);
});

test("any text is read or refused by every reader", () => {
  const readers = [parseVia, parseNameAddr, parseSipUri, parseCSeq, parseRSeq, parseRAck, parseSessionExpires];
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(..."sip:@<>\";,=[]\\ \t1a") }));
  fc.assert(
    fc.property(text, (input) => {
      for (const reader of readers) expect(typeof reader(input).ok).toBe("boolean");
      expect(Array.isArray(parseTokenList(input))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
