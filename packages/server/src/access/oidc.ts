import * as oidc from "openid-client";
import { Refusal } from "#errors";

export interface OidcSettings {
  /** Address of the issuer; https, but for one on this machine. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | null;
}

/** What is kept with the browser between going to the identity provider and coming back. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnTo: string;
}

/** Who the identity provider says it is; strings as they came, to be looked up, not believed. */
export interface Identity {
  /** Directory (tenant) id. */
  readonly tid: string;
  readonly oid: string | null;
  readonly upn: string | null;
}

export interface Oidc {
  start(redirectUri: string, returnTo: string): Promise<{ url: URL; pending: PendingSignIn }>;
  finish(callback: URL, pending: PendingSignIn): Promise<Identity>;
}

const scope = "openid profile email";
const timeoutSeconds = 10;

/** The authorization code flow with PKCE, state and nonce. Nothing is fetched before the first sign-in, so that we start without the provider. */
export function createOidc(settings: OidcSettings): Oidc {
  const issuer = new URL(settings.issuer);
  const isInsecure = issuer.protocol === "http:";
  if (isInsecure && !isLoopback(issuer.hostname)) throw new Error(`the identity provider ${settings.issuer} must be reached by https`);
  let discovering: Promise<oidc.Configuration> | null = null;

  /** Discovered once; a failure is not remembered, the next sign-in tries again. */
  function discover(): Promise<oidc.Configuration> {
    discovering ??= oidc
      .discovery(
        issuer,
        settings.clientId,
        settings.clientSecret ?? undefined,
        settings.clientSecret === null ? oidc.None() : oidc.ClientSecretPost(settings.clientSecret),
        { timeout: timeoutSeconds, ...(isInsecure ? { execute: [oidc.allowInsecureRequests] } : {}) },
      )
      .catch((error: unknown) => {
        discovering = null;
        throw new Refusal("PROVIDER_AWAY", 503, `The identity provider does not answer: ${error instanceof Error ? error.message : String(error)}`);
      });
    return discovering;
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
      const tokens = await oidc.authorizationCodeGrant(await discover(), callback, {
        pkceCodeVerifier: pending.verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      });
      const { tid, oid, upn, preferred_username: preferred }: Record<string, unknown> = tokens.claims() ?? {};
      return { tid: text(tid) ?? "", oid: text(oid), upn: text(upn) ?? text(preferred) };
    },
  };
}

function text(claim: unknown): string | null {
  return typeof claim === "string" && claim !== "" ? claim : null;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
