import type { IncomingMessage, ServerResponse } from "node:http";
import Provider, { interactionPolicy, type Context } from "oidc-provider";
import { contosoPeople, contosoTenant } from "../contoso.ts";
import { isLoopbackHost, listenOnLoopback } from "../loopback.ts";
import { loadKeys } from "./keys.ts";
import { createMemoryStore } from "./memory-store.ts";
import { problemPage, signInPage, styleSheet } from "./page.ts";

/** Contoso's identity provider: OpenID Connect as Microsoft Entra speaks it to us, with a click in place of a password. */
export interface Identity {
  readonly issuer: string;
  close(): Promise<void>;
}

export interface IdentityOptions {
  /** 0 takes any free one. */
  readonly port: number;
  /** Where the portal is; sign-ins go back to `<publicUrl>/api/v1/sign-in/callback` and nowhere else. */
  readonly publicUrl: string;
  /** Where keys are kept. */
  readonly directory: string;
  readonly clientSecret: string;
  readonly problem: (text: string) => void;
}

export const clientId = "earwitness-portal";
export const callbackPath = "/api/v1/sign-in/callback";

/** A person's choice is 43 bytes. */
const mostFormBytes = 1024;

export async function createIdentity({ port, publicUrl, directory, clientSecret, problem }: IdentityOptions): Promise<Identity> {
  const keys = loadKeys(directory);
  let answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => void response.writeHead(503).end();
  const { port: bound, close } = await listenOnLoopback(port, (request, response) => answer(request, response));
  const issuer = `http://localhost:${bound}`;
  const redirectUri = new URL(callbackPath, publicUrl);

  const provider = new Provider(issuer, {
    adapter: createMemoryStore(),
    jwks: keys.jwks,
    cookies: { keys: keys.cookieKeys, names: { session: "contoso_session", interaction: "contoso_interaction", resume: "contoso_resume" } },
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        client_name: "Earwitness",
        redirect_uris: [redirectUri.href],
        response_types: ["code"],
        grant_types: ["authorization_code"],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    claims: { openid: ["sub", "oid", "tid"], profile: ["name", "preferred_username", "given_name", "family_name"], email: ["email"] },
    // Entra puts them into the ID token, so whoever signs in with us looks for them there.
    conformIdTokenClaims: false,
    scopes: ["openid", "profile", "email"],
    responseTypes: ["code"],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    interactions: { url: (_: Context, interaction: { uid: string }) => `/interaction/${interaction.uid}`, policy: signInPolicy() },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, Grant: 3600, Interaction: 3600, Session: 3600 },
    clientBasedCORS: () => false,
    findAccount: (_: Context, accountId: string) => accountOf(accountId),
    loadExistingGrant: async (context: Context) => {
      // Nobody is asked for consent: the portal is Contoso's own.
      const grant = new context.oidc.provider.Grant({ clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
      grant.addOIDCScope("openid profile email");
      await grant.save();
      return grant;
    },
    renderError: (context: Context, out: { error: string; error_description?: string }) => {
      context.type = "html";
      context.body = problemPage("That did not work", out.error_description ?? out.error);
    },
  });
  provider.on("server_error", (_, error) => problem(`identity provider: ${error.stack ?? error.message}`));

  const protocol = provider.callback();
  answer = (request, response) => {
    respond(request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy();
      // An expired or foreign sign-in; whoever went back in the browser meets it.
      if (error instanceof Error && error.name === "SessionNotFound") return page(response, 400, problemPage("This sign-in has expired", "Go back to Earwitness and sign in again."));
      problem(`identity provider: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return page(response, 500, problemPage("That did not work", "The sandbox's identity provider failed. Its reason is in the terminal."));
    });
  };

  const page = (response: ServerResponse, status: number, html: string): void => {
    response.writeHead(status, {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      // The form's answer is a chain of redirects that ends at the portal, and browsers hold each to form-action.
      "Content-Security-Policy": `default-src 'none'; style-src 'self'; img-src data:; form-action 'self' ${redirectUri.origin}; frame-ancestors 'none'; base-uri 'none'`,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    });
    response.end(html);
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isLoopbackHost(request.headers.host, bound)) return page(response, 421, problemPage("Wrong address", `The sandbox is at ${issuer}.`));
    const { pathname } = new URL(request.url ?? "/", issuer);
    if (pathname === "/sandbox.css") {
      response.writeHead(200, { "Content-Type": "text/css; charset=utf-8", "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff" });
      response.end(styleSheet);
      return;
    }
    if (pathname === "/") return page(response, 200, problemPage("Contoso sandbox", "This is where Contoso's people sign in. Open Earwitness to begin."));
    if (!pathname.startsWith("/interaction/")) return await protocol(request, response);
    const details = await provider.interactionDetails(request, response);
    if (request.method !== "POST") return page(response, 200, signInPage(contosoPeople, pathname));
    const personId = new URLSearchParams(await readForm(request)).get("person");
    const person = contosoPeople.find((each) => each.personId === personId);
    if (person === undefined) return page(response, 400, problemPage("Nobody of that name", "Go back and choose somebody of Contoso."));
    const onward = await provider.interactionResult(request, response, { login: { accountId: person.personId } });
    // Whoever this browser was before is forgotten; the protocol would otherwise have the old person sign out by hand.
    const session = details.session === undefined ? undefined : await provider.Session.findByUid(details.session.uid);
    if (session !== undefined) {
      session.accountId = undefined;
      session.authorizations = undefined;
      await session.persist();
    }
    response.writeHead(303, { Location: onward, "Cache-Control": "no-store" }).end();
  }

  return { issuer, close };
}

/** Asks at every sign-in who one wants to be, even in a browser that signed in before: trying out another person is what the sandbox is for. */
function signInPolicy(): object {
  const policy = interactionPolicy.base();
  policy.remove("consent");
  policy.get("login").checks.push(
    new interactionPolicy.Check("choose_person", "the person has to be chosen", "login_required", (context) => context.oidc.result?.login === undefined),
  );
  return policy;
}

function accountOf(accountId: string): object | undefined {
  const person = contosoPeople.find((each) => each.personId === accountId);
  if (person === undefined) return undefined;
  return {
    accountId,
    claims: () => ({
      sub: person.personId,
      oid: person.personId,
      tid: contosoTenant.m365TenantId,
      preferred_username: person.upn,
      name: person.displayName,
      given_name: person.givenName,
      family_name: person.familyName,
      email: person.upn,
    }),
  };
}

async function readForm(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostFormBytes) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
