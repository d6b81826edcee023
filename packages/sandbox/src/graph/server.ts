import type { IncomingMessage, ServerResponse } from "node:http";
import { contosoDomain, contosoTenant } from "../contoso.ts";
import { isLoopbackHost, listenOnLoopback } from "../loopback.ts";
import { createTokenIssuer, type GraphApp, type TokenIssuer } from "./access-token.ts";
import { answerBatch } from "./batch.ts";
import { createDelta } from "./delta.ts";
import type { GraphDirectory } from "./directory.ts";
import { createOpaqueTokens } from "./opaque-token.ts";
import { GraphRefusal, type Reply } from "./reply.ts";
import { answerAsked, type Stage } from "./routes.ts";
import { createThrottle, type Quota } from "./throttle.ts";

/** What goes wrong on command: the next requests that fit. */
export interface Fault {
  /** Part of method and path, as in `GET /v1.0/users/delta`; left out: any request. */
  readonly on?: string;
  /** How many requests; once, if left out. */
  readonly times?: number;
  /** `hang`: no answer ever; `cut`: half an answer, and the connection is closed. */
  readonly what: "hang" | "cut" | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown };
}

/** Microsoft's side of the directory: Entra's token endpoint and Microsoft Graph v1.0, over a directory in memory. */
export interface SandboxGraph {
  /** Where tokens are had: `<origin>/<tenant>/oauth2/v2.0/token`. In reality this is another host than Graph's. */
  readonly origin: string;
  readonly graphUrl: string;
  readonly directory: GraphDirectory;
  readonly mint: TokenIssuer["mint"];
  /** null: no limit. */
  throttle(quota: Quota | null): void;
  fail(fault: Fault): void;
  /** Nothing goes wrong any more: faults that no request came for are forgotten. */
  mend(): void;
  /** Every delta and next link that was given out is too old from now on. */
  expireDeltaLinks(): void;
  /** Requests answered or failed so far, tokens included. */
  requests(): number;
  close(): Promise<void>;
}

export interface SandboxGraphOptions {
  /** 0 takes any free one. */
  readonly port: number;
  readonly directory: GraphDirectory;
  readonly apps: readonly GraphApp[];
  readonly problem: (text: string) => void;
  readonly quota?: Quota | null;
  readonly tokenLivesS?: number;
  /** Pages have at most so many, whatever was asked for, as Graph's own may. */
  readonly mostOnPage?: number;
  readonly now?: () => Date;
}

const mostBodyBytes = 256 * 1024;
const version = "/v1.0";

export async function createGraph({ port, directory, apps, problem, quota = null, tokenLivesS = 3_599, mostOnPage = 999, now = () => new Date() }: SandboxGraphOptions): Promise<SandboxGraph> {
  let answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> = async (_, response) => void response.writeHead(503).end();
  const server = await listenOnLoopback(port, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      problem(`Graph: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      if (response.headersSent) response.destroy();
      else write(response, new GraphRefusal(500, "InternalServerError", "The sandbox's Graph failed. Its reason is in the terminal.").reply(now()));
    });
  });
  const origin = `http://localhost:${server.port}`;
  const graphUrl = origin + version;
  const tokens = createOpaqueTokens();
  const issuer = await createTokenIssuer({ origin, tenantId: contosoTenant.m365TenantId, domains: [contosoDomain], apps, livesS: tokenLivesS, now });
  const delta = createDelta({ graphUrl, directory, tokens, mostOnPage, now });
  const throttle = createThrottle(quota, now);
  const stage: Stage = { graphUrl, directory, tokens, delta, throttle, mostOnPage };
  const faults: { fault: Fault; left: number }[] = [];
  let requests = 0;

  answer = async (request, response) => {
    requests++;
    const url = new URL(request.url ?? "/", origin);
    const fault = takeFault(`${request.method} ${url.pathname}`);
    if (fault !== null) return fail(response, fault.what);
    if (!isLoopbackHost(request.headers.host, server.port)) return write(response, { status: 421, headers: {}, body: { error: { code: "MisdirectedRequest", message: `The sandbox is at ${origin}.` } } });
    try {
      write(response, await respond(request, url));
    } catch (error) {
      if (!(error instanceof GraphRefusal)) throw error;
      write(response, error.reply(now()));
    }
  };

  async function respond(request: IncomingMessage, url: URL): Promise<Reply> {
    const { pathname, searchParams: query } = url;
    const tenant = /^\/([^/]+)\/oauth2\/v2\.0\/token$/.exec(pathname)?.[1];
    if (tenant !== undefined && request.method === "POST") return issuer.issue(decodeURIComponent(tenant), new URLSearchParams(await readBody(request)));
    if (pathname === "/") return { status: 200, headers: {}, body: { sandbox: "Contoso's made-up Microsoft Graph. Nothing here is Microsoft's." } };
    if (!pathname.startsWith(`${version}/`)) throw new GraphRefusal(400, "BadRequest", `Invalid version: ${pathname.split("/")[1] ?? ""}`);
    const permissions = issuer.permissionsOf(request.headers.authorization);
    const path = pathname.slice(version.length);
    const body = request.method === "POST" ? readJson(await readBody(request)) : null;
    if (path === "/$batch" && request.method === "POST") return answerBatch(stage, body, permissions, now());
    return answerAsked(stage, { method: request.method ?? "GET", path, query, eventual: request.headers["consistencylevel"] === "eventual", body }, permissions);
  }

  function takeFault(asked: string): Fault | null {
    const index = faults.findIndex(({ fault }) => asked.includes(fault.on ?? ""));
    const found = faults[index];
    if (found === undefined) return null;
    if (--found.left === 0) faults.splice(index, 1);
    return found.fault;
  }

  return {
    origin,
    graphUrl,
    directory,
    mint: issuer.mint,
    throttle: throttle.set,
    fail: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    mend: () => void faults.splice(0),
    expireDeltaLinks: delta.expire,
    requests: () => requests,
    close: server.close,
  };
}

function fail(response: ServerResponse, what: Fault["what"]): void {
  if (what === "hang") return;
  if (what === "cut") {
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "1000" });
    response.write('{"value":[', () => response.destroy());
    return;
  }
  write(response, { status: what.status, headers: what.headers ?? {}, body: what.body ?? "" });
}

/** Text goes out as it is, so that a fault can be anything. */
function write(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, { "Content-Type": typeof body === "string" ? "text/html" : "application/json; odata.metadata=minimal", "Cache-Control": "no-store", "x-earwitness-sandbox": "contoso", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new GraphRefusal(400, "BadRequest", "Unable to read JSON request payload.");
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > mostBodyBytes) throw new GraphRefusal(413, "RequestEntityTooLarge", `A request has at most ${mostBodyBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
