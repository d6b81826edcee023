import type { Static, TSchema } from "typebox";
import { systemClock } from "#clock";
import { createAppToken } from "./app-token.ts";
import { GraphError, foreignText } from "./graph-error.ts";
import { BatchReply, pageOf, parseAs, parseJson, readError } from "./graph-replies.ts";
import { createSend, plainLimits, type Answer, type Limits, type Usage, type World } from "./send.ts";
import { abandon, backoffMs, readRetryAfterMs, sleep } from "./waits.ts";

export interface GraphSettings {
  /** With its version: `https://graph.microsoft.com/v1.0`, or a national cloud's. http only on this machine. */
  readonly graphUrl: string;
  /** `https://login.microsoftonline.com`, or a national cloud's. */
  readonly loginUrl: string;
  readonly m365TenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface Asking {
  /** Ends waits and requests; what was asked rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** For queries that only Graph's index answers: `$search`, `$count`, a cast of members. The index lags a little behind. */
  readonly eventual?: boolean;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where it goes on; kept, the walk can go on from here after a restart. */
  readonly nextLink: string | null;
  /** At the end of a delta query: where the next one begins. Lives for seven days. */
  readonly deltaLink: string | null;
}

export interface DeltaPage<T> extends Page<T> {
  /** true on the first page of a reading of everything: what is not seen from here to the deltaLink is gone. */
  readonly startsOver: boolean;
}

export type BatchResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: GraphError };

/** One tenant's Microsoft Graph, read with an app's own rights. Safe to use from many places at once. */
export interface GraphClient {
  /** `path` begins with `/` and has its query, encoded. */
  get<T extends TSchema>(path: string, schema: T, asking?: Asking): Promise<Static<T>>;
  /** From a path, or from the nextLink of a page before. */
  pages<T extends TSchema>(from: string, item: T, asking?: Asking): AsyncGenerator<Page<Static<T>>>;
  /**
   * Changes since `link`: a deltaLink, or the nextLink of a walk that was stopped. Where there is none, or it is too old,
   * everything that `path` names, and the first page says so.
   */
  delta<T extends TSchema>(path: string, link: string | null, item: T, asking?: Asking): AsyncGenerator<DeltaPage<Static<T>>>;
  /** Many GETs in few requests; what each became, in the order asked. */
  batch<T extends TSchema>(paths: readonly string[], schema: T, asking?: Asking): Promise<readonly BatchResult<Static<T>>[]>;
  usage(): Readonly<Usage>;
}

/** Graph's own limit for one request to /$batch. */
const mostInBatch = 20;
/** Graph's hold a few hundred characters of state. */
const longestLink = 32_768;
/** No walk is longer: twenty million objects. */
const mostPages = 20_000;
const tooOld = new Set(["syncstatenotfound", "syncstateinvalid", "resyncrequired", "directory_expiredpagetoken"]);

export function createGraphClient(settings: GraphSettings, { world = {}, limits = {} }: { world?: Partial<World>; limits?: Partial<Limits> } = {}): GraphClient {
  const [graphUrl, loginUrl] = [settings.graphUrl, settings.loginUrl].map((url) => new URL(url).href.replace(/\/+$/, "")) as [string, string];
  for (const url of [graphUrl, loginUrl]) assertSecure(url);
  const here: World = { ...systemClock, fetch, sleep, random: Math.random, ...world };
  const held: Limits = { ...plainLimits, ...limits };
  const usage: Usage = { requests: 0, repeated: 0, waitedMs: 0 };
  const send = createSend(here, held, usage);
  const token = createAppToken({ ...settings, loginUrl, scope: `${new URL(graphUrl).origin}/.default` }, send, here);

  /** A request with a token; 401 is answered with a new one, once. */
  async function ask(method: "GET" | "POST", url: string, { signal, eventual }: Asking, body?: string): Promise<unknown> {
    const where = `${method} ${new URL(url).pathname}`;
    for (let fresh = false; ; fresh = true) {
      const bearer = await abandon(token.current(), signal);
      const answer = await send({
        method, url, where, signal, ...(body === undefined ? {} : { body }),
        headers: {
          Authorization: `Bearer ${bearer}`,
          Accept: "application/json",
          ...(eventual === true ? { ConsistencyLevel: "eventual" } : {}),
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
      });
      if (answer.status === 401) token.discard(bearer);
      if (answer.status === 401 && !fresh) continue;
      if (answer.status !== 200) throw errorOf(answer.status, answer.headers, parseOrNull(answer), where, here.now());
      return parseJson(answer.body, where);
    }
  }

  /** Null: it is no address. */
  const urlOf = (link: string): URL | null => (link.length <= longestLink && URL.canParse(link) ? new URL(link) : null);
  const isWithin = (url: URL): boolean => url.username === "" && url.password === "" && url.href.startsWith(`${graphUrl}/`);

  /** A link that Graph wrote is followed only within Graph: the token goes with it. */
  function within(link: string, where: string): string {
    const url = urlOf(link);
    if (url !== null && isWithin(url)) return url.href;
    throw new GraphError("malformed", where, `the answer goes on at ${url === null ? "what is no address" : foreignText(url.origin, 100)}, which is not ${graphUrl}`);
  }

  /** What somebody kept may be of a Graph that was set up before. */
  function kept(link: string): string {
    const url = urlOf(link);
    if (url !== null && isWithin(url)) return url.href;
    throw new GraphError("resync", "GET the link that was kept", `it is not of ${graphUrl}`);
  }

  async function* pages<T extends TSchema>(from: string, item: T, asking: Asking = {}): AsyncGenerator<Page<Static<T>>> {
    const seen = new Set<string>();
    for (let url: string | null = from.startsWith("/") ? graphUrl + from : kept(from); url !== null; ) {
      const where: string = `GET ${new URL(url).pathname}`;
      if (seen.has(url)) throw new GraphError("malformed", where, "its pages go round in a circle");
      if (seen.size >= mostPages) throw new GraphError("malformed", where, `there are more than ${mostPages} pages`);
      seen.add(url);
      const { items, nextLink, deltaLink }: Page<Static<T>> = pageOf(await ask("GET", url, asking), item, where);
      if (nextLink !== null && deltaLink !== null) throw new GraphError("malformed", where, "the answer both goes on and ends");
      // Told before anybody keeps it.
      url = nextLink === null ? null : within(nextLink, where);
      yield { items, nextLink: url, deltaLink: deltaLink === null ? null : within(deltaLink, where) };
    }
  }

  async function* delta<T extends TSchema>(path: string, link: string | null, item: T, asking: Asking = {}): AsyncGenerator<DeltaPage<Static<T>>> {
    for (let from = link; ; from = null) {
      let startsOver = from === null;
      let ended = false;
      try {
        for await (const page of pages(from ?? path, item, asking)) {
          ended = page.deltaLink !== null;
          yield { ...page, startsOver };
          startsOver = false;
        }
        if (!ended) throw new GraphError("malformed", `GET ${path.split("?")[0]}`, "the changes end without a link for the next ones");
        return;
      } catch (error) {
        if (from === null || !(error instanceof GraphError) || error.kind !== "resync") throw error;
      }
    }
  }

  async function batch<T extends TSchema>(paths: readonly string[], schema: T, asking: Asking = {}): Promise<readonly BatchResult<Static<T>>[]> {
    const results: BatchResult<Static<T>>[] = [];
    for (let at = 0; at < paths.length; at += mostInBatch) results.push(...(await oneBatch(paths.slice(at, at + mostInBatch), schema, asking)));
    return results;
  }

  async function oneBatch<T extends TSchema>(paths: readonly string[], schema: T, asking: Asking): Promise<readonly BatchResult<Static<T>>[]> {
    const done = new Map<number, BatchResult<Static<T>>>();
    for (let made = 1; done.size < paths.length; made++) {
      const requests = [...paths.keys()]
        .filter((index) => !done.has(index))
        .map((index) => ({ id: String(index), method: "GET", url: paths[index], ...(asking.eventual === true ? { headers: { ConsistencyLevel: "eventual" } } : {}) }));
      const { responses } = parseAs(BatchReply, await ask("POST", `${graphUrl}/$batch`, asking, JSON.stringify({ requests })), "POST /$batch");
      const byId = new Map(responses.map((response) => [response.id, response]));
      let waitMs = 0;
      for (const { id } of requests) {
        const index = Number(id);
        const where = `GET ${paths[index]?.split("?")[0]}`;
        const response = byId.get(id);
        if (response === undefined) throw new GraphError("malformed", "POST /$batch", `one of ${requests.length} requests has no answer`);
        const headers = headersOf(response.headers ?? {});
        if (response.status === 200) done.set(index, settle(() => parseAs(schema, response.body, where)));
        else {
          const error = errorOf(response.status, headers, response.body, where, here.now());
          const canWait = error.retry && made < held.mostAttempts && (error.retryAfterMs ?? 0) <= held.longestWaitMs;
          if (canWait) waitMs = Math.max(waitMs, error.retryAfterMs ?? backoffMs(made - 1, here.random()));
          else done.set(index, { ok: false, error });
        }
      }
      if (done.size === paths.length) break;
      usage.repeated++;
      usage.waitedMs += waitMs;
      await here.sleep(waitMs, asking.signal);
    }
    return [...paths.keys()].map((index) => done.get(index)!);
  }

  return {
    get: async (path, schema, asking = {}) => parseAs(schema, await ask("GET", graphUrl + path, asking), `GET ${path.split("?")[0]}`),
    pages,
    delta,
    batch,
    usage: () => ({ ...usage }),
  };
}

function assertSecure(url: string): void {
  const { protocol, hostname } = new URL(url);
  const isOnThisMachine = hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && isOnThisMachine)) throw new Error(`${url} must be reached by https`);
}

function headersOf(written: Readonly<Record<string, string>>): Pick<Headers, "get"> {
  const lower = new Map(Object.entries(written).map(([name, value]) => [name.toLowerCase(), value]));
  return { get: (name) => lower.get(name.toLowerCase()) ?? null };
}

function settle<T>(make: () => T): BatchResult<T> {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    if (error instanceof GraphError) return { ok: false, error };
    throw error;
  }
}

/** Of an answer that is an error anyway, a body that cannot be read says nothing. */
function parseOrNull(answer: Answer): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    return null;
  }
}

function errorOf(status: number, headers: Pick<Headers, "get">, body: unknown, where: string, now: Date): GraphError {
  const error = readError(body);
  const code = error.code === "" ? null : foreignText(error.code, 80);
  const requestId = foreignText(headers.get("request-id") ?? error.requestId, 60);
  const detail = { status, code, requestId: requestId === "" ? null : requestId, retryAfterMs: readRetryAfterMs(headers, now) };
  const said = `answered ${status}${code === null ? "" : ` ${code}`}${error.message === "" ? "" : `: ${foreignText(error.message)}`}`;
  if (status === 410 || tooOld.has(error.code.toLowerCase())) return new GraphError("resync", where, said, detail);
  if (status === 401) return new GraphError("credentials", where, `${said}, with a new token too`, detail);
  if (status === 403) return new GraphError("forbidden", where, said, detail);
  if (status === 404) return new GraphError("missing", where, said, detail);
  if (status === 429) return new GraphError("throttled", where, said, detail);
  if (status >= 500) return new GraphError(detail.retryAfterMs === null ? "failed" : "throttled", where, said, detail);
  if (status >= 400) return new GraphError("refused", where, said, detail);
  return new GraphError("malformed", where, said, detail);
}
