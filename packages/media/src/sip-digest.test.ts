import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestChallenge, digestHa1, digestResponse, parseDigestAuthorization } from "./sip-digest.ts";

const rfc7616 = (algorithm: string, response: string): string =>
  `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="${response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;

describe("responses", () => {
  test.each([
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ] as const)("RFC 7616 §3.9.1, %s", (algorithm, expected) => {
    const claimed = parseDigestAuthorization(rfc7616(algorithm, expected));
    if (!claimed.ok) throw new Error(claimed.reason);
    const ha1 = digestHa1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
    expect(digestResponse(algorithm, ha1, "GET", claimed.value)).toBe(expected);
    expect(claimed.value).toMatchObject({ username: "Mufasa", algorithm, qop: "auth", nonceCount: 1, response: expected, hashedName: false });
    expect(digestResponse(algorithm, ha1, "BYE", claimed.value)).not.toBe(expected);
  });

  test("RFC 2617 §3.5", () => {
    const ha1 = digestHa1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life");
    expect(digestResponse("MD5", ha1, "GET", { nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", uri: "/dir/index.html", qop: "auth", nonceCount: 1, cnonce: "0a4f113b" })).toBe("6629fae49393a05397450978507c4ef1");
  });

  test("RFC 2069 §2.4, corrected by its erratum: a client without qop", () => {
    const claimed = parseDigestAuthorization(
      'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    );
    if (!claimed.ok) throw new Error(claimed.reason);
    expect(claimed.value).toMatchObject({ algorithm: "MD5", qop: null, nonceCount: null });
    expect(digestResponse("MD5", digestHa1("MD5", "Mufasa", "testrealm@host.com", "CircleOfLife"), "GET", claimed.value)).toBe("1949323746fe6a43ef61f9606e7febea");
  });
});

describe("reading Authorization", () => {
  test("quotes are optional where clients leave them out, escapes are resolved, case of names does not matter", () => {
    const claimed = parseDigestAuthorization(String.raw`digest USERNAME="a\"b,c", realm=r, NC=0000000A, cnonce="x", qop="AUTH", nonce=n, uri="sip:a,b@h", response=0f, Algorithm=sha-256, userhash=true`);
    expect(claimed).toEqual({
      ok: true,
      value: { username: 'a"b,c', realm: "r", nonce: "n", uri: "sip:a,b@h", response: "0f", algorithm: "SHA-256", qop: "auth", nonceCount: 10, cnonce: "x", hashedName: true },
    });
  });

  test.each([
    ["", "another scheme"],
    ["Digest", "another scheme"],
    ["Basic YTpi", "another scheme"],
    ["Digest ,,,", "without username"],
    ['Digest username="a", username="b"', "twice"],
    ['Digest username="a, realm=b', "malformed"],
    ['Digest username="', "malformed"],
    ["Digest =x", "malformed"],
    [rfc7616("MD5", "0").replace("nc=00000001, ", ""), "eight digits"],
    [rfc7616("MD5", "0").replace("nc=00000001", "nc=1"), "eight digits"],
    [rfc7616("MD5", "0").replace("nc=00000001", "nc=-0000001"), "eight digits"],
    [rfc7616("MD5", "0").replace(/cnonce="[^"]+", /, ""), "without cnonce"],
    [rfc7616("MD5", "0").replace(/nonce="[^"]+", nc/, "nc"), "without nonce"],
    [`Digest ${Array.from({ length: 50 }, (_, index) => `p${index}=x`).join(",")}`, "too many"],
    [`Digest username="${"x".repeat(5_000)}"`, "too long"],
  ])("%#: %.60s … is refused", (value, reason) => {
    const claimed = parseDigestAuthorization(value);
    expect(claimed.ok ? "taken" : claimed.reason).toContain(reason);
  });

  test("whatever is sent is answered and never thrown", () => {
    const pieces = fc.constantFrom("Digest ", "username", "nonce", "nc", "response", "=", '"', "\\", ",", " ", "\t", "00000001", "\u0000", "é");
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.array(pieces).map((all) => `Digest ${all.join("")}`)), (value) => typeof parseDigestAuthorization(value).ok === "boolean"));
  });
});

test("a challenge reads as RFC 8760 writes it, and a realm cannot break out of it", () => {
  expect(digestChallenge({ realm: "rec.example", nonce: "abc", algorithm: "SHA-256", stale: false })).toBe('Digest realm="rec.example", nonce="abc", qop="auth", algorithm=SHA-256');
  expect(digestChallenge({ realm: 'a"b\\c\r\nd', nonce: "abc", algorithm: "MD5", stale: true })).toBe(String.raw`Digest realm="a\"b\\c  d", nonce="abc", qop="auth", algorithm=MD5, stale=true`);
});
