import { formatVkey, noteKey, noteTypes } from "@earwitness/verify";
import { describe, expect, test } from "vitest";
import { ConfigMistakes, parseConfig } from "./config.ts";

const mistakesOf = (env: Record<string, string>): readonly string[] => {
  try {
    parseConfig(env, 1000);
    return [];
  } catch (error) {
    if (error instanceof ConfigMistakes) return error.mistakes;
    throw error;
  }
};

describe("configuration", () => {
  test("an empty environment is a working installation", () => {
    const config = parseConfig({}, 1000);
    expect(config).toMatchObject({ http: { host: "127.0.0.1", port: 8080, publicUrl: "http://localhost:8080" }, sip: { port: 5060, host: "0.0.0.0" }, database: { url: null }, oidc: null, sandbox: false });
    expect(config.dataDir).toMatch(/\/data$/);
    expect(parseConfig({}, 0).dataDir).toBe("/var/lib/earwitness");
  });

  test("with the sandbox everything binds to loopback and lies apart, so that a start without it is clean", () => {
    const config = parseConfig({ EARWITNESS_SANDBOX: "1", EARWITNESS_DATA_DIR: "/srv/ew" }, 1000);
    expect([config.baseDir, config.dataDir]).toEqual(["/srv/ew", "/srv/ew/sandbox"]);
    expect([config.sip.host, config.rtp.host, config.http.host]).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
  });

  test("every mistake is told at once, with what would be right", () => {
    const mistakes = mistakesOf({
      EARWITNESS_HTTP_PORT: "eighty",
      EARWITNESS_RTP_PORTS: "9-8",
      EARWITNESS_LOG_LEVEL: "loud",
      EARWITNESS_UDP: "both",
      EARWITNESS_ROLES: "portal,barista",
      DATABASE_URL: "mysql://root:hunter2@db/x",
      EARWITNESS_OIDC_ISSUER: "https://login.example",
      EARWITNESS_HTPP_PORT: "1",
    });
    expect(mistakes).toHaveLength(8);
    expect(mistakes.join("\n")).toMatch(/EARWITNESS_HTPP_PORT is not a key .* Did you mean .*EARWITNESS_HTTP_PORT/);
    expect(mistakes.join("\n")).not.toContain("hunter2");
  });

  test("an issuer without TLS is taken on this machine only", () => {
    expect(mistakesOf({ EARWITNESS_OIDC_ISSUER: "http://localhost:8081", EARWITNESS_OIDC_CLIENT_ID: "portal" })).toEqual([]);
    expect(mistakesOf({ EARWITNESS_OIDC_ISSUER: "http://login.example", EARWITNESS_OIDC_CLIENT_ID: "portal" })).toHaveLength(1);
  });

  test("OVR-17 one tenant belongs to one issuer, and never to one that lets in every directory", () => {
    const provider = { EARWITNESS_OIDC_ISSUER: "https://id.example", EARWITNESS_OIDC_CLIENT_ID: "portal" };
    expect(parseConfig({ ...provider, EARWITNESS_OIDC_TENANT: "bank" }, 1000).oidc).toMatchObject({ tenant: "bank" });
    expect(mistakesOf({ EARWITNESS_OIDC_TENANT: "bank" })).toEqual(["EARWITNESS_OIDC_TENANT needs EARWITNESS_OIDC_ISSUER beside it."]);
    expect(mistakesOf({ ...provider, EARWITNESS_OIDC_TENANT: "The Bank" })).toHaveLength(1);
    for (const any of ["common", "organizations", "consumers"]) expect(mistakesOf({ ...provider, EARWITNESS_OIDC_ISSUER: `https://login.microsoftonline.com/${any}/v2.0`, EARWITNESS_OIDC_TENANT: "bank" }).join()).toContain("every directory");
  });

  test("the portal and SIP cannot share a port", () => {
    expect(mistakesOf({ EARWITNESS_HTTP_PORT: "5060" })).toHaveLength(1);
  });

  test("SIP over TLS needs a certificate and its key, and a port of its own", () => {
    const pair = { EARWITNESS_SIP_TLS_CERT: "/etc/earwitness/sip.pem", EARWITNESS_SIP_TLS_KEY: "/etc/earwitness/sip.key" };
    expect(parseConfig({}, 1000).sip.tls).toBeNull();
    expect(parseConfig(pair, 1000).sip.tls).toEqual({ port: 5061, certificatePath: "/etc/earwitness/sip.pem", keyPath: "/etc/earwitness/sip.key", authoritiesPath: null });
    expect(parseConfig({ ...pair, EARWITNESS_SIP_TLS_PORT: "5071", EARWITNESS_SIP_TLS_CA: "/etc/earwitness/sbc-ca.pem" }, 1000).sip.tls).toMatchObject({ port: 5071, authoritiesPath: "/etc/earwitness/sbc-ca.pem" });
    expect(mistakesOf({ EARWITNESS_SIP_TLS_CERT: "/etc/earwitness/sip.pem" })).toEqual(["EARWITNESS_SIP_TLS_CERT and EARWITNESS_SIP_TLS_KEY belong together: set both or neither."]);
    expect(mistakesOf({ EARWITNESS_SIP_TLS_PORT: "5061" })).toEqual(["EARWITNESS_SIP_TLS_PORT needs EARWITNESS_SIP_TLS_CERT and EARWITNESS_SIP_TLS_KEY beside it."]);
    for (const taken of ["5060", "8080"]) expect(mistakesOf({ ...pair, EARWITNESS_SIP_TLS_PORT: taken })).toHaveLength(1);
  });

  test("proxies are believed by address or network, and by nothing else", () => {
    const { trustedProxies } = parseConfig({ EARWITNESS_TRUSTED_PROXIES: "10.0.0.1, 192.0.2.0/24,2001:db8::/32" }, 1000).http;
    expect(trustedProxies).toEqual(["10.0.0.1", "192.0.2.0/24", "2001:db8::/32"]);
    expect(parseConfig({}, 1000).http.trustedProxies).toEqual([]);
    for (const wrong of ["true", "*", "proxy.example", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.1 10.0.0.2", "2001:db8::/129"]) expect(mistakesOf({ EARWITNESS_TRUSTED_PROXIES: `10.0.0.1,${wrong}` })).toHaveLength(1);
  });

  test("PLT-14 witnesses and a timestamp authority, and what is wrong with one", () => {
    const vkey = formatVkey(noteKey("witness.example/w1", noteTypes.cosignature, new Uint8Array(32).fill(1)));
    const other = formatVkey(noteKey("other.example", noteTypes.cosignature, new Uint8Array(32).fill(2)));
    const good = { EARWITNESS_WITNESSES: `https://witness.example/ ${vkey}, http://127.0.0.1:8091/w ${other}`, EARWITNESS_TSA_URL: "http://tsa.example/", EARWITNESS_TSA_POLICY: "1.2.3.4" };
    expect(parseConfig(good, 1000)).toMatchObject({
      witnesses: [{ url: "https://witness.example", key: { name: "witness.example/w1" } }, { url: "http://127.0.0.1:8091/w", key: { name: "other.example" } }],
      timestamps: { url: "http://tsa.example/", authoritiesPath: null, policy: "1.2.3.4" },
    });
    const ofLog = formatVkey(noteKey("log.example", noteTypes.ed25519, new Uint8Array(32).fill(1)));
    for (const wrong of ["https://witness.example", vkey, `ftp://witness.example ${vkey}`, `https://w.example?x ${vkey}`, `https://w.example ${vkey.slice(0, -4)}AAAA`, `https://w.example ${ofLog}`, `https://w.example ${vkey}, https://v.example ${vkey}`]) expect(mistakesOf({ EARWITNESS_WITNESSES: wrong }), wrong).toHaveLength(1);
    expect(mistakesOf({ EARWITNESS_TSA_CA: "/ca.pem", EARWITNESS_TSA_POLICY: "1.2.3.4" })).toEqual(["EARWITNESS_TSA_CA and EARWITNESS_TSA_POLICY need EARWITNESS_TSA_URL beside them."]);
    expect(mistakesOf({ ...good, EARWITNESS_TSA_POLICY: "best" })).toHaveLength(1);
  });

  test("what would be taken for something else is a mistake", () => {
    const mistakes = mistakesOf({ EARWITNESS_SANDBOX: "true", EARWITNESS_MEDIA_ADDRESS: "sbc.example", EARWITNESS_PUBLIC_URL: "https://portal.example/earwitness" });
    expect(mistakes.map((mistake) => mistake.split(" ")[0])).toEqual(["EARWITNESS_SANDBOX", "EARWITNESS_PUBLIC_URL", "EARWITNESS_MEDIA_ADDRESS"]);
    expect(parseConfig({ EARWITNESS_PUBLIC_URL: "https://portal.example/" }, 1000).http.publicUrl).toBe("https://portal.example");
  });
});
