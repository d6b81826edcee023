import * as oidc from "openid-client";
import type { Clock } from "#clock";
import { GraphError, foreignText } from "./graph-error.ts";
import { readRetryAfterMs } from "./waits.ts";
import type { Answer, Outgoing } from "./send.ts";

export interface AppCredentials {
  /** `https://login.microsoftonline.com`, or a national cloud's. */
  readonly loginUrl: string;
  /** The Microsoft 365 tenant's id; never `common` or `organizations`, which have no app of their own. */
  readonly m365TenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What the token is for: `https://graph.microsoft.com/.default`. */
  readonly scope: string;
}

/** An app-only token by client credentials, kept until shortly before it ends. */
export interface AppToken {
  /** Whoever asks while one is fetched waits for the same. */
  current(): Promise<string>;
  /** This one was not accepted: the next is new, unless it is already. */
  discard(token: string): void;
}

/** Entra's live for an hour or more; a long request is still under way with an old one. */
const renewBeforeMs = 300_000;

interface Held {
  readonly value: string;
  readonly fetchedAtMs: number;
  readonly renewAtMs: number;
}

export function createAppToken(credentials: AppCredentials, send: (outgoing: Outgoing) => Promise<Answer>, clock: Clock): AppToken {
  const tokenUrl = `${credentials.loginUrl}/${credentials.m365TenantId}/oauth2/v2.0/token`;
  const where = `POST ${new URL(tokenUrl).pathname}`;
  const configuration = new oidc.Configuration(
    { issuer: `${credentials.loginUrl}/${credentials.m365TenantId}/v2.0`, token_endpoint: tokenUrl },
    credentials.clientId,
    undefined,
    oidc.ClientSecretPost(credentials.clientSecret),
  );
  if (tokenUrl.startsWith("http:")) oidc.allowInsecureRequests(configuration);
  configuration[oidc.customFetch] = async (url, { headers, body }) => {
    const answer = await send({ method: "POST", url, headers, body: String(body), where });
    if (answer.status >= 500 || answer.status === 429) {
      throw new GraphError(answer.status === 429 ? "throttled" : "failed", where, `the sign-in service answered ${answer.status}`, { status: answer.status, retryAfterMs: readRetryAfterMs(answer.headers, clock.now()) });
    }
    return new Response(answer.status === 204 ? null : answer.body, { status: answer.status, headers: answer.headers });
  };

  let held: Held | null = null;
  let fetching: Promise<Held> | null = null;

  async function fetchOne(): Promise<Held> {
    const fetchedAtMs = clock.now().getTime();
    const { access_token: value, expires_in: livesS = 0 } = await oidc.clientCredentialsGrant(configuration, { scope: credentials.scope }).catch((error: unknown) => {
      throw explain(error, where, credentials.clientSecret);
    });
    // Its life counts from when we asked, by our own clock alone: whether theirs agrees does not matter.
    const livesMs = livesS * 1_000;
    return { value, fetchedAtMs, renewAtMs: fetchedAtMs + Math.max(livesMs - renewBeforeMs, livesMs / 2) };
  }

  return {
    async current() {
      const now = clock.now().getTime();
      // A clock that was set back would keep it for too long.
      if (held !== null && now >= held.fetchedAtMs && now < held.renewAtMs) return held.value;
      fetching ??= fetchOne().finally(() => (fetching = null));
      held = await fetching;
      return held.value;
    },
    discard(token) {
      if (held?.value === token) held = null;
    },
  };
}

function explain(error: unknown, where: string, secret: string): GraphError {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof GraphError) return at;
  if (error instanceof oidc.ResponseBodyError) {
    // `AADSTS7000215: Invalid client secret provided. …`; the rest are ids that it repeats.
    const said = foreignText((error.error_description ?? "").replaceAll(secret, "[left out]").split(/[\r\n]|Trace ID:/)[0] ?? "");
    const code = /AADSTS\d{1,10}/.exec(said)?.[0] ?? foreignText(error.error, 60);
    return new GraphError("credentials", where, `the app was not let in: ${said === "" ? code : said}`, { status: error.status, code });
  }
  // Its text may hold what was answered; its code does not.
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "no token in it";
  return new GraphError("malformed", where, `the answer is no token (${code})`);
}
