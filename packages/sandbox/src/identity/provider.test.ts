import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as oidc from "openid-client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { contosoPeople, contosoTenant } from "../contoso.ts";
import { callbackPath, clientId, createIdentity, type Identity } from "./provider.ts";

const publicUrl = "http://localhost:8123";
const redirectUri = `${publicUrl}${callbackPath}`;
const clientSecret = "made for this test only";
let directory: string;
let identity: Identity;
const problems: string[] = [];
const warnings = vi.spyOn(console, "warn");
const notices = vi.spyOn(console, "info");

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "earwitness-identity-"));
  identity = await createIdentity({ port: 0, publicUrl, directory, clientSecret, problem: (text) => problems.push(text) });
});
afterAll(async () => {
  await identity.close();
  rmSync(directory, { recursive: true });
});

const discover = async (secret = clientSecret): Promise<oidc.Configuration> =>
  await oidc.discovery(new URL(identity.issuer), clientId, undefined, oidc.ClientSecretPost(secret), { execute: [oidc.allowInsecureRequests] });

/** A browser without scripts: keeps cookies, follows redirects that stay with the provider. */
function browser() {
  const cookies = new Map<string, string>();
  const visit = async (url: string | URL, form?: Record<string, string>): Promise<Response> => {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "), accept: "text/html" },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [name = "", value = ""] = (line.split(";")[0] ?? "").split("=");
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location === null) return response;
    const next = new URL(location, url);
    return next.origin === publicUrl ? response : await visit(next);
  };
  return { visit };
}

async function begin(configuration: oidc.Configuration): Promise<{ url: URL; verifier: string; state: string; nonce: string }> {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri, scope: "openid profile email", state, nonce, code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  return { url, verifier, state, nonce };
}

test("one click signs a person in: code flow with PKCE, and the ID token names person and tenant", async () => {
  const configuration = await discover();
  const { visit } = browser();
  for (const person of contosoPeople.slice(0, 2)) {
    const { url, verifier, state, nonce } = await begin(configuration);
    const page = await visit(url);
    const html = await page.text();
    expect(page.status).toBe(200);
    expect(html).toContain("Sandbox identity provider:");
    for (const each of contosoPeople) expect(html).toContain(each.displayName);
    expect(html).not.toMatch(/<script|style=|password"/);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const back = await visit(page.url, { person: person.personId });
    const callback = new URL(back.headers.get("location") ?? "");
    expect(callback.href.startsWith(redirectUri)).toBe(true);
    const tokens = await oidc.authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
    expect(tokens.claims()).toMatchObject({
      sub: person.personId, oid: person.personId, tid: contosoTenant.m365TenantId, preferred_username: person.upn, name: person.displayName, email: person.upn,
    });
    expect((await oidc.fetchUserInfo(configuration, tokens.access_token, person.personId)).preferred_username).toBe(person.upn);
  }
});

test("without PKCE, with another secret, for another address or an unknown person nobody gets in", async () => {
  const configuration = await discover();
  const { visit } = browser();
  const plain = await visit(oidc.buildAuthorizationUrl(configuration, { redirect_uri: redirectUri, scope: "openid", state: "s" }));
  expect(plain.headers.get("location")).toContain("error=invalid_request");
  const { url, verifier, state, nonce } = await begin(configuration);
  url.searchParams.set("redirect_uri", "http://localhost:8123/elsewhere");
  const elsewhere = await visit(url);
  expect(elsewhere.status).toBe(400);
  expect(await elsewhere.text()).toContain("redirect_uri");
  url.searchParams.set("redirect_uri", redirectUri);
  const page = await visit(url);
  expect((await visit(page.url, { person: "00000000-0000-4000-8000-000000000000" })).status).toBe(400);
  const back = await visit(page.url, { person: contosoPeople[0]?.personId ?? "" });
  const callback = new URL(back.headers.get("location") ?? "");
  await expect(oidc.authorizationCodeGrant(await discover("wrong"), callback, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })).rejects.toThrow();
});

test("a foreign sign-in and a foreign host name are refused in plain words", async () => {
  const foreign = await fetch(`${identity.issuer}/interaction/made-up`);
  expect(foreign.status).toBe(400);
  expect(await foreign.text()).toContain("expired");
  const { request } = await import("node:http");
  const status = await new Promise<number>((resolve, reject) => {
    request({ host: "127.0.0.1", port: new URL(identity.issuer).port, headers: { host: "evil.example" } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on("error", reject).end();
  });
  expect(status).toBe(421);
  expect((await fetch(`${identity.issuer}/sandbox.css`)).headers.get("content-type")).toContain("text/css");
});

test("keys outlive a restart and are readable by nobody else", async () => {
  const path = join(directory, "identity-keys.json");
  const before = readFileSync(path, "utf8");
  expect(statSync(path).mode & 0o077).toBe(0);
  const again = await createIdentity({ port: 0, publicUrl, directory, clientSecret, problem: (text) => problems.push(text) });
  const jwks = async (issuer: string): Promise<unknown> => await (await fetch(`${issuer}/jwks`)).json();
  expect(await jwks(again.issuer)).toEqual(await jwks(identity.issuer));
  expect(JSON.stringify(await jwks(again.issuer))).not.toContain('"d"');
  expect(readFileSync(path, "utf8")).toBe(before);
  await again.close();
});

test("nothing is printed and nothing failed", () => {
  expect(problems).toEqual([]);
  expect(warnings).not.toHaveBeenCalled();
  expect(notices).not.toHaveBeenCalled();
});
