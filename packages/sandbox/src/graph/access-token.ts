import { generateKeyPair, randomBytes, randomUUID, sign, timingSafeEqual, verify, createHash, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { GraphRefusal, type Reply } from "./reply.ts";

/** An app that Contoso's administrator consented to. */
export interface GraphApp {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Application permissions, such as `User.Read.All`. */
  readonly permissions: readonly string[];
  /** From then on the secret is refused. */
  readonly secretExpiresAt?: Date;
}

export interface TokenIssuer {
  /** `POST /{tenant}/oauth2/v2.0/token`: client credentials, as Entra answers them. */
  issue(tenant: string, form: URLSearchParams): Reply;
  /** Permissions that an Authorization header carries; refuses as Graph does. */
  permissionsOf(authorization: string | undefined): ReadonlySet<string>;
  /** A token of ours for somebody else's service, or an old one: for whoever wants to see it refused. */
  mint(app: GraphApp, differently?: { readonly audience?: string; readonly livesS?: number }): string;
}

export interface TokenIssuerOptions {
  readonly origin: string;
  readonly tenantId: string;
  /** Verified domain names of the tenant, which stand for its id. */
  readonly domains: readonly string[];
  readonly apps: readonly GraphApp[];
  /** How long tokens live. */
  readonly livesS: number;
  readonly now: () => Date;
}

const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const same = (a: string, b: string): boolean => timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());

/** One pair of keys for all issuers of a process: making one costs a tenth of a second, and they protect nothing. */
let pair: ReturnType<typeof makePair> | null = null;
const makePair = () => promisify(generateKeyPair)("rsa", { modulusLength: 2048 });

export async function createTokenIssuer({ origin, tenantId, domains, apps, livesS, now }: TokenIssuerOptions): Promise<TokenIssuer> {
  const { privateKey, publicKey } = await (pair ??= makePair());
  const kid = randomBytes(8).toString("hex");
  const seconds = (): number => Math.floor(now().getTime() / 1_000);

  const mint: TokenIssuer["mint"] = (app, { audience = origin, livesS: lives = livesS } = {}) => {
    const iat = seconds();
    const claims = {
      aud: audience, iss: `${origin}/${tenantId}/v2.0`, iat, nbf: iat, exp: iat + lives, tid: tenantId, appid: app.clientId, azp: app.clientId,
      idtyp: "app", roles: app.permissions, uti: randomUUID(), ver: "2.0",
    };
    const signed = `${json({ typ: "JWT", alg: "RS256", kid })}.${json(claims)}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
  };

  const refuse = (status: number, error: string, number: number, text: string): Reply => ({
    status,
    headers: {},
    body: {
      error,
      error_description: `AADSTS${number}: ${text} Trace ID: ${randomUUID()} Correlation ID: ${randomUUID()} Timestamp: ${now().toISOString()}`,
      error_codes: [number],
      timestamp: now().toISOString(),
      trace_id: randomUUID(),
      correlation_id: randomUUID(),
    },
  });

  return {
    mint,
    issue(tenant, form) {
      for (const name of ["grant_type", "client_id", "scope"]) {
        if (!form.get(name)) return refuse(400, "invalid_request", 900144, `The request body must contain the following parameter: '${name}'.`);
      }
      if (form.get("grant_type") !== "client_credentials") return refuse(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.");
      if (![tenantId, ...domains].includes(tenant.toLowerCase())) return refuse(400, "invalid_request", 90002, `Tenant '${tenant}' not found.`);
      const clientId = form.get("client_id") ?? "";
      const app = apps.find((each) => each.clientId === clientId);
      if (app === undefined) return refuse(400, "unauthorized_client", 700016, `Application with identifier '${clientId}' was not found in the directory 'Contoso'.`);
      const secret = form.get("client_secret");
      if (secret === null) return refuse(401, "invalid_client", 7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.");
      if (!same(secret, app.clientSecret)) return refuse(401, "invalid_client", 7000215, `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`);
      if (app.secretExpiresAt !== undefined && app.secretExpiresAt <= now()) return refuse(401, "invalid_client", 7000222, `The provided client secret keys for app '${clientId}' are expired.`);
      const scope = form.get("scope") ?? "";
      if (!scope.endsWith("/.default")) return refuse(400, "invalid_scope", 1002012, `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`);
      // Any resource gets its token; that it is not Graph's is for Graph to notice.
      const audience = scope.slice(0, -"/.default".length);
      return { status: 200, headers: { "cache-control": "no-store" }, body: { token_type: "Bearer", expires_in: livesS, ext_expires_in: livesS, access_token: mint(app, { audience }) } };
    },

    permissionsOf(authorization) {
      const refusal = (message: string): GraphRefusal => new GraphRefusal(401, "InvalidAuthenticationToken", message, { "www-authenticate": `Bearer realm="", authorization_uri="${origin}/common/oauth2/authorize"` });
      const token = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1];
      if (token === undefined) throw refusal("Access token is empty.");
      const claims = read(token, publicKey);
      if (claims === null) throw refusal("IDX14100: JWT is not well formed, or its signature is not valid.");
      if (claims.aud !== origin) throw refusal("Access token validation failure. Invalid audience.");
      if (claims.exp <= seconds()) throw refusal("Lifetime validation failed, the token is expired.");
      return new Set(claims.roles);
    },
  };
}

interface Claims {
  readonly aud: string;
  readonly exp: number;
  readonly roles: readonly string[];
}

/** Only what this issuer signed, so its claims are of the shape that it writes. */
function read(token: string, key: KeyObject): Claims | null {
  const [head, body, signature, ...more] = token.split(".");
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) return null;
  if (!verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"))) return null;
  return JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Claims;
}
