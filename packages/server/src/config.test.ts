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
      EARWITNESS_ROLES: "portal,barista",
      DATABASE_URL: "mysql://root:hunter2@db/x",
      EARWITNESS_OIDC_ISSUER: "https://login.example",
      EARWITNESS_HTPP_PORT: "1",
    });
    expect(mistakes).toHaveLength(7);
    expect(mistakes.join("\n")).toMatch(/EARWITNESS_HTPP_PORT is not a key .* Did you mean .*EARWITNESS_HTTP_PORT/);
    expect(mistakes.join("\n")).not.toContain("hunter2");
  });

  test("an issuer without TLS is taken on this machine only", () => {
    expect(mistakesOf({ EARWITNESS_OIDC_ISSUER: "http://localhost:8081", EARWITNESS_OIDC_CLIENT_ID: "portal" })).toEqual([]);
    expect(mistakesOf({ EARWITNESS_OIDC_ISSUER: "http://login.example", EARWITNESS_OIDC_CLIENT_ID: "portal" })).toHaveLength(1);
  });

  test("the portal and SIP cannot share a port", () => {
    expect(mistakesOf({ EARWITNESS_HTTP_PORT: "5060" })).toHaveLength(1);
  });
});
