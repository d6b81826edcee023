import { createHash, randomUUID, type KeyObject } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { withTenant } from "#db";
import { addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { createOidc, type OidcSettings } from "./oidc.ts";

/*
 * The portal against identity providers that lie, in Microsoft Entra's shape and in the standard's. Nothing is on the network:
 * what a provider answers is made here, and signed with real keys.
 */

const publicUrl = "https://portal.example";
const clientId = "b7a1a5a0-0000-4000-8000-00000000c11e";
const clientSecret = "made for this test only";
const microsoft = "https://login.microsoftonline.com";
const [contoso, fabrikam, stranger] = [randomUUID(), randomUUID(), randomUUID()];
const personal = "9188040d-6c67-4c5b-b112-36a304b66dad";

interface Key {
  readonly kid: string;
  readonly secret: CryptoKey | KeyObject;
  readonly jwk: JWK & { issuer?: string };
  readonly pem: string;
}

async function newKey(alg: "RS256" | "ES256", issuer?: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = randomUUID();
  return { kid, secret: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: "sig", ...(issuer === undefined ? {} : { issuer }) }, pem: await exportSPKI(publicKey) };
}

type Claims = Record<string, unknown>;
/** What the provider makes of the token that it should answer; undefined: none at all. */
type Forge = (claims: Claims) => Promise<string | undefined>;

interface Grant {
  readonly nonce: string;
  readonly challenge: string;
}

/** As much of a provider as a browser and the portal see. */
function createProvider({ base, issuer, metadata = {} }: { base: string; issuer: string; metadata?: object }) {
  const grants = new Map<string, Grant>();
  const asked: string[] = [];
  const provider = {
    asked,
    keys: [] as Key[],
    forge: (async () => undefined) as Forge,
    claims: {} as Claims,
    checksPkce: true,
    codesOnce: true,
    isAway: false,
    /** The browser at the provider: somebody signs in there, and is sent back. */
    grant(url: URL): URL {
      const code = randomUUID();
      grants.set(code, { nonce: url.searchParams.get("nonce")!, challenge: url.searchParams.get("code_challenge")! });
      expect(url.searchParams.get("code_challenge_method")).toBe("S256");
      const back = new URL(url.searchParams.get("redirect_uri")!);
      back.searchParams.set("code", code);
      back.searchParams.set("state", url.searchParams.get("state")!);
      return back;
    },
    fetch: (async (url: string, init: { body?: unknown } = {}) => {
      asked.push(url);
      if (provider.isAway) throw new TypeError("fetch failed");
      const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
      if (url === `${base}/.well-known/openid-configuration`) {
        return json({ issuer, authorization_endpoint: `${base}/authorize`, token_endpoint: `${base}/token`, jwks_uri: `${base}/keys`, id_token_signing_alg_values_supported: ["RS256"], ...metadata });
      }
      if (url === `${base}/keys`) return json({ keys: provider.keys.map(({ jwk }) => jwk) });
      if (url !== `${base}/token`) return json({}, 404);
      const form = new URLSearchParams(String(init.body));
      const grant = grants.get(form.get("code") ?? "");
      const isProven = grant?.challenge === createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
      if (form.get("client_secret") !== clientSecret || grant === undefined || (provider.checksPkce && !isProven)) return json({ error: "invalid_grant" }, 400);
      if (provider.codesOnce) grants.delete(form.get("code")!);
      const idToken = await provider.forge({ aud: clientId, nonce: grant.nonce, ...provider.claims });
      return json({ access_token: "a", token_type: "Bearer", expires_in: 3599, ...(idToken === undefined ? {} : { id_token: idToken }) });
    }) as unknown as NonNullable<OidcSettings["fetch"]>,
  };
  return provider;
}

const now = () => Math.floor(Date.now() / 1_000);
const signed = (key: Key, claims: Claims, { alg = "RS256", kid = key.kid }: { alg?: string; kid?: string } = {}) =>
  new SignJWT({ iat: now(), nbf: now(), exp: now() + 3_600, ...claims }).setProtectedHeader({ alg, kid, typ: "JWT" }).sign(key.secret as CryptoKey);

let address = 0;
/** Keeps the portal's cookies; each comes from an address of its own, so that none uses up another's tries. */
function createBrowser(stage: TestPortal) {
  const jar = new Map<string, string>();
  const remoteAddress = `10.0.${address >> 8}.${address++ & 255}`;
  const ask = async (url: string, { method = "GET", headers = {} }: { method?: "GET" | "POST" | "PUT" | "DELETE"; headers?: Record<string, string> } = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await stage.portal.app.inject({ method, url, remoteAddress, headers: { host: "portal.example", "user-agent": "Test browser", ...(cookie === "" ? {} : { cookie }), ...headers } });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [name = "", value = ""] = (line.split(";")[0] ?? "").split(/=(.*)/s);
      if (value === "" || /1970/.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  };
  return {
    jar,
    ask,
    start: async (returnTo = "/interactions?q=a") => new URL((await ask(`/api/v1/sign-in?returnTo=${encodeURIComponent(returnTo)}`)).headers.location!),
    /** Where the portal sends the browser that comes back with this. */
    back: async (url: URL) => (await ask(url.pathname + url.search)).headers.location,
    session: async () => (await ask("/api/v1/session", { headers: { "sec-fetch-site": "same-origin" } })).statusCode,
  };
}

const refused = (error: string) => `/sign-in?error=${error}`;

describe("Microsoft Entra, any directory", () => {
  const provider = createProvider({ base: `${microsoft}/organizations/v2.0`, issuer: `${microsoft}/{tenantid}/v2.0` });
  let stage: TestPortal;
  let [good, consumers, unpublished]: Key[] = [];
  let tenantId: string;
  const [adele, guest] = [randomUUID(), randomUUID()];

  const claims = (tid: string, more: Claims = {}): Claims => ({ iss: `${microsoft}/${tid}/v2.0`, tid, sub: `pairwise ${tid}`, oid: adele, preferred_username: "adele@contoso.example", ...more });

  beforeAll(async () => {
    [good, consumers, unpublished] = await Promise.all([newKey("RS256", `${microsoft}/{tenantid}/v2.0`), newKey("RS256", `${microsoft}/${personal}/v2.0`), newKey("RS256")]);
    provider.keys = [good!, consumers!];
    stage = await createTestPortal({ publicUrl, oidc: { issuer: `${microsoft}/organizations/v2.0`, clientId, clientSecret, fetch: provider.fetch } });
    tenantId = await addSealingTenant(stage, "contoso", contoso);
    await addSealingTenant(stage, "fabrikam", fabrikam);
    for (const [personId, upn] of [[adele, "adele@contoso.example"], [guest, "gast@partner.example"]] as const) {
      await withTenant(stage.db, tenantId, (tx) => tx.insertInto("people").values({ tenant_id: tenantId, person_id: personId, upn, display_name: upn, role: "Admin" }).execute());
    }
  });
  afterAll(() => stage.close());
  afterEach(() => {
    provider.checksPkce = provider.codesOnce = true;
    provider.isAway = false;
    vi.useRealTimers();
  });

  async function signIn(given: Claims, forge: Forge = (all) => signed(good!, all)) {
    provider.claims = given;
    provider.forge = forge;
    const browser = createBrowser(stage);
    const location = await browser.back(provider.grant(await browser.start()));
    expect(browser.jar.has(stage.sessionCookie)).toBe(!location!.startsWith("/sign-in"));
    return location;
  }

  const minutes = (count: number) => now() + count * 60;
  const hmac = (secret: string) => (all: Claims) => new SignJWT({ iat: now(), exp: now() + 3_600, ...all }).setProtectedHeader({ alg: "HS256", kid: good!.kid }).sign(new TextEncoder().encode(secret));
  const tokens: readonly [what: string, location: string, given: () => Claims, forge?: Forge][] = [
    ["a member", "/interactions?q=a", () => claims(contoso)],
    ["a clock that is 50 s behind", "/interactions?q=a", () => claims(contoso, { iat: now() + 50, nbf: now() + 50 })],
    ["a clock that is 50 s ahead", "/interactions?q=a", () => claims(contoso, { exp: now() - 50 })],
    ["groups that are elsewhere, which nobody reads", "/interactions?q=a", () => claims(contoso, { _claim_names: { groups: "src1" }, _claim_sources: { src1: { endpoint: "https://evil.example/groups" } }, roles: ["Admin"] })],
    ["a guest who is known by object id", "/interactions?q=a", () => claims(contoso, { oid: guest, acct: 1, idp: `${microsoft}/${stranger}/v2.0`, preferred_username: "adele@contoso.example" })],
    ["a guest with a member's name", refused("unknown_person"), () => claims(contoso, { oid: randomUUID(), acct: 1 })],
    ["a guest of another provider with a member's name", refused("unknown_person"), () => claims(contoso, { oid: randomUUID(), idp: "live.com" })],
    ["a guest's own kind of name", refused("unknown_person"), () => claims(contoso, { oid: randomUUID(), upn: "adele_contoso.example#EXT#@contoso.example" })],
    ["a directory that is no tenant", refused("unknown_tenant"), () => claims(stranger)],
    ["no directory", refused("refused"), () => ({ ...claims(contoso), tid: undefined })],
    ["a personal account", refused("personal_account"), () => claims(personal), (all) => signed(consumers!, all)],
    ["another directory's issuer", refused("refused"), () => claims(contoso, { iss: `${microsoft}/${fabrikam}/v2.0` })],
    ["another directory's token that names a tenant of ours", refused("refused"), () => claims(stranger, { tid: contoso })],
    ["the template itself as issuer", refused("refused"), () => claims(contoso, { iss: `${microsoft}/{tenantid}/v2.0` })],
    ["a stranger as issuer", refused("refused"), () => claims(contoso, { iss: "https://evil.example/v2.0" })],
    ["another client's audience", refused("refused"), () => claims(contoso, { aud: "another client" })],
    ["two audiences and no word for which", refused("refused"), () => claims(contoso, { aud: [clientId, "another client"] })],
    ["an expired token", refused("refused"), () => claims(contoso, { exp: minutes(-10) })],
    ["no end", refused("refused"), () => claims(contoso, { exp: undefined })],
    ["a token of later", refused("refused"), () => claims(contoso, { nbf: minutes(10) })],
    ["another sign-in's nonce", refused("refused"), () => claims(contoso, { nonce: "another" })],
    ["no nonce", refused("refused"), () => claims(contoso, { nonce: undefined })],
    ["nobody", refused("refused"), () => claims(contoso, { sub: undefined })],
    ["no token", refused("refused"), () => claims(contoso), async () => undefined],
    ["no signature (alg none)", refused("refused"), () => claims(contoso), async (all) => new UnsecuredJWT({ iat: now(), exp: now() + 3_600, ...all }).encode()],
    ["a signature taken away", refused("refused"), () => claims(contoso), async (all) => (await signed(good!, all)).replace(/[^.]+$/, "")],
    ["the public key as a secret (HS256)", refused("refused"), () => claims(contoso), (all) => hmac(good!.pem)(all)],
    ["the client secret as the key (HS256)", refused("refused"), () => claims(contoso), hmac(clientSecret)],
    ["another algorithm with the right key", refused("refused"), () => claims(contoso), async (all) => (await signed(good!, all)).replace(/^[^.]+/, Buffer.from(JSON.stringify({ alg: "PS256", kid: good!.kid })).toString("base64url"))],
    ["a key that nobody published", refused("refused"), () => claims(contoso), (all) => signed(unpublished!, all)],
    ["the same under a published key's name", refused("refused"), () => claims(contoso), (all) => signed(unpublished!, all, { kid: good!.kid })],
    ["a key of personal accounts for a directory's token", refused("refused"), () => claims(contoso), (all) => signed(consumers!, all)],
  ];

  test.each(tokens)("OVR-17 %s: %s", async (_what, location, given, forge) => {
    expect(await signIn(given(), forge)).toBe(location);
    expect(provider.asked.filter((url) => !url.startsWith(microsoft))).toEqual([]);
  });

  test("OVR-17 whoever was read out of the directory is known by object id, whatever they are called today; their name is nobody else's", async () => {
    const [object, { personId }] = [randomUUID(), await addPerson(stage.db, tenantId, "irvin@contoso.example", "Admin")];
    await withTenant(stage.db, tenantId, (tx) => tx.insertInto("directory_people").values({ tenant_id: tenantId, object_id: object, person_id: personId, pass: 1 }).execute());
    expect(await signIn(claims(contoso, { oid: object, preferred_username: "renamed@contoso.example" }))).toBe("/interactions?q=a");
    expect(await signIn(claims(contoso, { oid: randomUUID(), preferred_username: "irvin@contoso.example" }))).toBe(refused("name_taken"));
  });

  test("OVR-17 keys that are new are fetched when a token names one, at most once a minute", async () => {
    const [second, third] = await Promise.all([newKey("RS256"), newKey("RS256")]);
    const fetched = () => provider.asked.filter((url) => url.endsWith("/keys")).length;
    const later = (seconds: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + seconds * 1_000 });
    later(61);
    provider.keys = [second];
    const before = fetched();
    expect(await signIn(claims(contoso), (all) => signed(second, all))).toBe("/interactions?q=a");
    expect(fetched() - before).toBe(1);
    // The old key is gone with that.
    for (let tries = 0; tries < 5; tries++) expect(await signIn(claims(contoso))).toBe(refused("refused"));
    expect(fetched() - before, "unknown keys within the minute").toBe(1);
    provider.keys = [third];
    later(61);
    expect(await signIn(claims(contoso), (all) => signed(third, all))).toBe("/interactions?q=a");
    provider.keys = [good!];
    later(61);
    expect(await signIn(claims(contoso))).toBe("/interactions?q=a");
  });

  test("OVR-17 an answer to another browser, another sign-in, or of another provider is refused", async () => {
    provider.claims = claims(contoso);
    provider.forge = (all) => signed(good!, all);
    const [victim, attacker] = [createBrowser(stage), createBrowser(stage)];
    const own = provider.grant(await attacker.start());
    expect(await createBrowser(stage).back(own), "no sign-in was begun here").toBe(refused("expired"));
    await victim.start();
    expect(await victim.back(own), "state").toBe(refused("refused"));
    // The code alone, under the victim's own state: the provider sees another PKCE verifier, and one that does not look, another nonce.
    for (const checks of [true, false]) {
      provider.checksPkce = checks;
      const injected = provider.grant(await victim.start());
      injected.searchParams.set("code", provider.grant(await attacker.start()).searchParams.get("code")!);
      expect(await victim.back(injected), `code of another, PKCE ${checks}`).toBe(refused("refused"));
    }
    const edited = async (edit: (url: URL) => void) => {
      const back = provider.grant(await victim.start());
      edit(back);
      return await victim.back(back);
    };
    expect(await edited((url) => url.searchParams.delete("state"))).toBe(refused("refused"));
    expect(await edited((url) => url.searchParams.set("iss", "https://evil.example")), "mix-up (RFC 9207)").toBe(refused("refused"));
    expect(await edited((url) => (url.searchParams.delete("code"), url.searchParams.set("error", "access_denied")))).toBe(refused("cancelled"));
    expect(await edited((url) => (url.searchParams.delete("code"), url.searchParams.set("error", "server_error")))).toBe(refused("provider_away"));
    expect(await edited(() => (provider.isAway = true))).toBe(refused("provider_away"));
    expect(victim.jar.has(stage.sessionCookie)).toBe(false);
  });

  test("OVR-17 an answer that is sent again makes no second session, also where the provider takes a code twice", async () => {
    provider.claims = claims(contoso);
    provider.forge = (all) => signed(good!, all);
    provider.codesOnce = false;
    const browser = createBrowser(stage);
    const back = provider.grant(await browser.start());
    const kept = new Map(browser.jar);
    expect(await browser.back(back)).toBe("/interactions?q=a");
    const thief = createBrowser(stage);
    for (const [name, value] of kept) thief.jar.set(name, value);
    expect(await thief.back(back)).toBe(refused("expired"));
    expect(thief.jar.size).toBe(0);
    expect(await browser.session()).toBe(200);
  });

  test("OVR-17 a session that somebody planted is not taken over, and a link leads nowhere else", async () => {
    provider.claims = claims(contoso);
    provider.forge = (all) => signed(good!, all);
    const { personId } = await addPerson(stage.db, tenantId, "mallory@contoso.example", "User Self View");
    const planted = (await stage.sessions.create(tenantId, personId, { remoteAddress: "10.9.9.9" }))!.cookie;
    const browser = createBrowser(stage);
    browser.jar.set(stage.sessionCookie, planted);
    expect(await browser.back(provider.grant(await browser.start("//evil.example/x")))).toBe("/");
    expect(browser.jar.get(stage.sessionCookie)).not.toBe(planted);
    expect((await browser.ask("/api/v1/session", { headers: { "sec-fetch-site": "same-origin" } })).json()).toMatchObject({ profile: "Admin" });
    expect(await stage.sessions.verify(planted)).toMatchObject({ personId });
  });

  test("OVR-17 no other site makes a signed-in browser change anything, or reads with it", async () => {
    provider.claims = claims(contoso);
    provider.forge = (all) => signed(good!, all);
    const browser = createBrowser(stage);
    await browser.back(provider.grant(await browser.start()));
    for (const headers of [{ "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }, { origin: "https://evil.example" }, { origin: "null" }, {}] as Record<string, string>[]) {
      for (const [method, url] of [["POST", "/api/v1/sign-out"], ["DELETE", "/api/v1/sessions"], ["PUT", "/api/v1/session-limits"]] as const) {
        expect((await browser.ask(url, { method, headers })).json(), `${method} ${url} ${JSON.stringify(headers)}`).toMatchObject({ code: "FOREIGN_ORIGIN" });
      }
    }
    expect((await browser.ask("/api/v1/sessions", { headers: { "sec-fetch-site": "cross-site" } })).statusCode).toBe(403);
    expect(await browser.session()).toBe(200);
  });

  test("OVR-17 guessing at the callback comes to an end, on the page that says so; other addresses go on", async () => {
    const browser = createBrowser(stage);
    const guess = new URL("/api/v1/sign-in/callback?code=x&state=y", publicUrl);
    const locations = new Map<string, number>();
    for (let tries = 0; tries < 70; tries++) {
      const location = (await browser.back(guess))!;
      locations.set(location, (locations.get(location) ?? 0) + 1);
    }
    expect([...locations]).toEqual([[refused("expired"), 60], [refused("too_many"), 10]]);
    expect(await createBrowser(stage).back(guess)).toBe(refused("expired"));
    expect((await createBrowser(stage).ask(`/api/v1/sign-in?returnTo=/${"x".repeat(3_000)}`)).headers.location).toBe(refused("refused"));
  });
});

describe("a provider whose tokens name no directory", () => {
  const issuer = "https://id.fabrikam.example";
  const provider = createProvider({ base: issuer, issuer, metadata: { authorization_response_iss_parameter_supported: true, id_token_signing_alg_values_supported: ["ES256", "RS256", "none", "HS256"] } });
  let stage: TestPortal;
  let key: Key;
  let tenantId: string;

  beforeAll(async () => {
    key = await newKey("ES256");
    provider.keys = [key];
    stage = await createTestPortal({ publicUrl, oidc: { issuer, clientId, clientSecret, tenant: "fabrikam", fetch: provider.fetch } });
    tenantId = await addSealingTenant(stage, "fabrikam");
    await addSealingTenant(stage, "contoso", contoso);
  });
  afterAll(() => stage.close());

  async function signIn(given: Claims, { iss = issuer, forge = (all: Claims) => signed(key, all, { alg: "ES256" }) }: { iss?: string | null; forge?: Forge } = {}) {
    provider.claims = { iss: issuer, ...given };
    provider.forge = forge;
    const browser = createBrowser(stage);
    const back = provider.grant(await browser.start());
    if (iss !== null) back.searchParams.set("iss", iss);
    return await browser.back(back);
  }

  test("OVR-17 everybody of it is of the one tenant, whatever directory a token names", async () => {
    await addPerson(stage.db, tenantId, "joni@fabrikam.example", "Admin");
    expect(await signIn({ sub: "joni", preferred_username: "Joni@fabrikam.example", tid: contoso })).toBe("/interactions?q=a");
    expect(await signIn({ sub: "x", preferred_username: "adele@contoso.example", tid: contoso })).toBe(refused("unknown_person"));
    expect(await signIn({ sub: "joni", preferred_username: "joni@fabrikam.example" }, { iss: null }), "it promises to say who it is").toBe(refused("refused"));
    expect(await signIn({ sub: "joni" }, { iss: "https://other.example" })).toBe(refused("refused"));
    for (const forge of [async (all: Claims) => new UnsecuredJWT({ iat: now(), exp: now() + 60, ...all }).encode(), (all: Claims) => new SignJWT({ iat: now(), exp: now() + 60, ...all }).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(clientSecret))]) {
      expect(await signIn({ sub: "joni" }, { forge }), "also where the provider says that it does that").toBe(refused("refused"));
    }
  });

  test("OVR-17 whoever came by name first is that person from then on, until an administrator forgets the account", async () => {
    const { personId } = await addPerson(stage.db, tenantId, "lee@fabrikam.example", "Admin");
    expect(await signIn({ sub: "lee 1", email: "lee@fabrikam.example", email_verified: false }), "nobody vouches for it").toBe(refused("unknown_person"));
    await withTenant(stage.db, tenantId, (tx) => tx.insertInto("local_accounts").values({ tenant_id: tenantId, person_id: personId, password_hash: "h", code_sealed: "c", code_step: 0, since: new Date() }).execute());
    expect(await signIn({ sub: "lee 1", email: "lee@fabrikam.example", email_verified: true })).toBe("/interactions?q=a");
    expect(await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("local_accounts").select("person_id").where("person_id", "=", personId).execute()), "no password beside the provider").toEqual([]);
    expect(await signIn({ sub: "lee 1", preferred_username: "renamed@fabrikam.example" })).toBe("/interactions?q=a");
    expect(await signIn({ sub: "lee 2", preferred_username: "lee@fabrikam.example" })).toBe(refused("name_taken"));
    const { personId: adminId } = await addPerson(stage.db, tenantId, "boss@fabrikam.example", "Admin");
    const boss = createBrowser(stage);
    boss.jar.set(stage.sessionCookie, (await stage.sessions.create(tenantId, adminId, { remoteAddress: "10.1.1.1" }))!.cookie);
    const headers = { "sec-fetch-site": "same-origin" };
    expect((await boss.ask(`/api/v1/people/${personId}/sign-in`, { headers })).json()).toMatchObject({ accounts: [{ issuer, subject: "lee 1" }], sessions: [{ current: false, userAgent: "Test browser" }, {}] });
    expect((await boss.ask(`/api/v1/people/${personId}/accounts`, { method: "DELETE", headers })).statusCode).toBe(204);
    expect((await boss.ask(`/api/v1/people/${personId}/sign-in`, { headers })).json()).toMatchObject({ accounts: [], sessions: [] });
    expect(await signIn({ sub: "lee 2", preferred_username: "lee@fabrikam.example" })).toBe("/interactions?q=a");
    expect(await signIn({ sub: "lee 1", preferred_username: "lee@fabrikam.example" })).toBe(refused("name_taken"));
    const told = await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "detail"]).where("item", "=", "User").where("subject", "=", personId).where("action", "=", "Modify").orderBy("recorded_at").execute());
    expect(told.map(({ detail }) => detail)).toMatchObject([[[], [`${issuer} lee 1`]], [[`${issuer} lee 1`], []], [[], [`${issuer} lee 2`]]].map(([from, to]) => ({ change: { sign_in_accounts: { from, to } } })));
  });

  test("one that lets in every directory is never a single tenant's", async () => {
    const any = createProvider({ base: `${microsoft}/common/v2.0`, issuer: `${microsoft}/{tenantid}/v2.0` });
    const oidc = createOidc({ issuer: `${microsoft}/common/v2.0`, clientId, clientSecret, tenant: "fabrikam", fetch: any.fetch });
    await expect(oidc.start(`${publicUrl}/back`, "/")).rejects.toThrow("EARWITNESS_OIDC_TENANT");
  });
});
