import { digestChallenge, digestHa1, digestResponse, parseDigestAuthorization } from "@earwitness/media";
import { demand, harness, refused, taken, text } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const digest = 'Digest username="Mufasa", realm="http-auth@example.org", uri="sip:rec@example.org", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';

function run(input: Uint8Array): Verdict {
  const value = text(input);
  const result = parseDigestAuthorization(value);
  digestChallenge({ realm: value, nonce: "n", algorithm: "MD5", stale: false });
  demand(!/[\r\n\0]/.test(digestChallenge({ realm: value, nonce: "n", algorithm: "MD5", stale: true })), "a challenge stays on its line");
  if (!result.ok) {
    demand(result.reason.length < 200, "a refusal gives a short reason");
    return "refused";
  }
  const { nonceCount, qop, algorithm } = result.value;
  demand((qop === null) === (nonceCount === null), "a count stands exactly where there is a qop");
  demand(nonceCount === null || (Number.isInteger(nonceCount) && nonceCount >= 0 && nonceCount < 2 ** 32), "a count has 32 bits");
  const response = digestResponse(algorithm === "SHA-256" ? "SHA-256" : "MD5", digestHa1("MD5", result.value.username, result.value.realm, "secret"), "INVITE", result.value);
  demand(/^(?:[0-9a-f]{32}|[0-9a-f]{64})$/.test(response), "a response is a hash");
  return "taken";
}

export const sipDigest = harness({
  name: "sip-digest",
  run,
  alone: (input) => parseDigestAuthorization(text(input)),
  words: ["Digest ", "username=", "realm=", "nonce=", "uri=", "response=", "algorithm=MD5", "algorithm=SHA-256-sess", "qop=auth", "qop=auth-int", "nc=00000001", "nc=ffffffff", "cnonce=", "userhash=true", "opaque=", "\"", "\\\"", ",", "="],
  seeds: [
    taken("RFC 7616's own", digest),
    taken("RFC 2069", 'Digest username="a", realm="b", nonce="c", uri="sip:d", response="e"'),
    refused("Basic", "Basic QWxhZGRpbg=="),
    refused("a parameter twice", `${digest}, nonce="other"`),
    refused("qop without a count", 'Digest username="a", realm="b", nonce="c", uri="sip:d", response="e", qop=auth'),
    refused("too long", `Digest realm="${"a".repeat(5_000)}"`),
    refused("nothing", ""),
  ],
});
