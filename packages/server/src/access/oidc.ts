import * as oidc from "openid-client";
import { Refusal } from "#errors";
import { identityOf, isKeyOf, isTemplate, type Identity } from "./identity.ts";

export interface OidcSettings {
  /** Address of the issuer; https, but for one on this machine. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | null;
  /** Short name of the one tenant whose people this issuer knows, where its tokens name no directory. */
  readonly tenant?: string | null;
  /** By which the provider is asked, where it is not the network. */
  readonly fetch?: oidc.CustomFetch;
}

/** What is kept with the browser between going to the identity provider and coming back. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnTo: string;
}

export interface Oidc {
  start(redirectUri: string, returnTo: string): Promise<{ url: URL; pending: PendingSignIn }>;
  finish(callback: URL, pending: PendingSignIn): Promise<Identity>;
}

const scope = "openid profile email";
const timeoutSeconds = 10;
/** Clocks of providers are kept; those of servers not always. A token lives for an hour, so a minute gives nothing away. */
const clockToleranceSeconds = 60;
/** Addresses of a provider move once in years; its keys are read by themselves, whenever one is not known. */
const discoveredForMs = 24 * 3_600_000;

/** The authorization code flow with PKCE, state and nonce. Nothing is fetched before the first sign-in, so that we start without the provider. */
export function createOidc(settings: OidcSettings): Oidc {
  const issuer = new URL(settings.issuer);
  const tenant = settings.tenant ?? null;
  const isInsecure = issuer.protocol === "http:";
  if (isInsecure && !isLoopback(issuer.hostname)) throw new Error(`the identity provider ${settings.issuer} must be reached by https`);
  let discovered: { readonly configuration: oidc.Configuration; readonly atMs: number } | null = null;
  let discovering: Promise<oidc.Configuration> | null = null;

  async function discoverNow(): Promise<oidc.Configuration> {
    const client = { ...(settings.clientSecret === null ? {} : { client_secret: settings.clientSecret }), [oidc.clockTolerance]: clockToleranceSeconds };
    const authentication = settings.clientSecret === null ? oidc.None() : oidc.ClientSecretPost(settings.clientSecret);
    // The answer comes from the provider itself over TLS, which the standard lets pass for a signature. It is held against its keys all the
    // same: a proxy in between that ends TLS would otherwise say who signs in. Keys are read again when one is not known, once a minute at most.
    const execute = [oidc.enableNonRepudiationChecks, ...(isInsecure ? [oidc.allowInsecureRequests] : [])];
    const configuration = await oidc.discovery(issuer, settings.clientId, client, authentication, { timeout: timeoutSeconds, execute, ...(settings.fetch === undefined ? {} : { [oidc.customFetch]: settings.fetch }) });
    if (tenant !== null && isTemplate(configuration.serverMetadata().issuer)) throw new Error(`${settings.issuer} lets in every directory, so it cannot be the provider of one tenant (EARWITNESS_OIDC_TENANT)`);
    discovered = { configuration, atMs: Date.now() };
    return configuration;
  }

  /** A failure is not remembered, the next sign-in tries again; what was known a day ago does until the provider is back. */
  async function discover(): Promise<oidc.Configuration> {
    const known = discovered;
    if (known !== null && Date.now() - known.atMs < discoveredForMs) return known.configuration;
    discovering ??= discoverNow().finally(() => (discovering = null));
    try {
      return await discovering;
    } catch (error) {
      if (known !== null) return known.configuration;
      throw new Refusal("PROVIDER_AWAY", 503, `The identity provider does not answer: ${tellOf(error)}`);
    }
  }

  return {
    async start(redirectUri, returnTo) {
      const configuration = await discover();
      const pending: PendingSignIn = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier(), returnTo };
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: "S256",
      });
      return { url, pending };
    },

    async finish(callback, pending) {
      const configuration = await discover();
      const tokens = await oidc
        .authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: pending.verifier, expectedState: pending.state, expectedNonce: pending.nonce, idTokenExpected: true })
        .catch((error: unknown) => {
          throw refusalOf(error);
        });
      const identity = identityOf(tokens.claims() ?? {}, { issuer: configuration.serverMetadata().issuer, tenant });
      const { kid } = JSON.parse(Buffer.from((tokens.id_token ?? "").split(".")[0] ?? "", "base64url").toString("utf8")) as { kid?: unknown };
      const key = oidc.getJwksCache(configuration)?.jwks.keys.find((one) => one.kid === kid);
      if (key !== undefined && !isKeyOf(key, identity)) throw new Refusal("FOREIGN_KEY", 403, "The token is signed with a key of another directory.");
      return identity;
    },
  };
}

/** What went wrong, so that it can be told apart: the person gave up, the provider is away, or its answer is not to be trusted. */
function refusalOf(error: unknown): Refusal {
  const isAnswer = error instanceof oidc.AuthorizationResponseError;
  const isAway = isAnswer ? /^(server_error|temporarily_unavailable)$/.test(error.error) : (error instanceof TypeError && error.message === "fetch failed") || codeOf(error) === "OAUTH_TIMEOUT" || statusOf(error) >= 500;
  if (isAway) return new Refusal("PROVIDER_AWAY", 503, tellOf(error));
  return isAnswer ? new Refusal("CANCELLED", 403, tellOf(error)) : new Refusal("NOT_TRUSTED", 403, tellOf(error));
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

function statusOf(error: unknown): number {
  if (error instanceof oidc.ResponseBodyError) return error.status;
  return error instanceof Error && error.cause instanceof Response ? error.cause.status : 0;
}

/** For the log: what failed and where, nothing of what was sent. */
function tellOf(error: unknown): string {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) return `${error.message} (${error.error})`;
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== error.message ? `${error.message}: ${error.cause.message}` : error.message;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
