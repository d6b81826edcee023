import type { Socket } from "node:net";
import { Kysely, PostgresDialect } from "kysely";
import { Client, Pool, types as pgTypes, type PoolClient } from "pg";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { Database } from "./schema.ts";

export interface DbOptions {
  /** The server itself: migrations, LISTEN, jobs. */
  readonly url: string;
  /** Where transactions go, when not to `url`: a pgbouncer in transaction mode (core decision 3). */
  readonly poolUrl?: string;
  readonly log: Log;
  readonly poolSize?: number;
  /** A server that leaves a statement unanswered for so long is taken for gone. */
  readonly silenceMs?: number;
}

/** Queries outside a scope are for this room alone: the symbol does not leave it. */
export const pooled = Symbol("pooled");

/**
 * The database. It has no query methods of its own: work goes through `withTenant`, `withSystem` or a search, so that
 * nothing is ever read or written without a role and, for tenants' rows, a tenant.
 */
export interface Db {
  readonly url: string;
  readonly log: Log;
  readonly [pooled]: Kysely<Database>;
  close(): Promise<void>;
}

const int8 = 20;
const date = 1082;

/** Counters and sizes are numbers here; a value that a number cannot hold is an error, never a rounded one. */
export function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 ${text} cannot be held by a number`);
  return value;
}

/** As pg reads values (timestamptz as Date, jsonb parsed), but for int8, which it leaves as text, and days, which it makes moments of this machine's zone. */
const types = {
  getTypeParser: ((oid: number, format: "text") => (oid === int8 ? parseInt8 : oid === date ? (text: string) => text : pgTypes.getTypeParser(oid, format))) as typeof pgTypes.getTypeParser,
};

export function createDb({ url, poolUrl, log, poolSize = 10, silenceMs = 30_000 }: DbOptions): Db {
  const pool = new Pool({
    connectionString: poolUrl ?? url,
    max: poolSize,
    types,
    application_name: "earwitness",
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  // A connection that dies and has no listener ends the process. The pool listens while it is idle and passes that on; while
  // it is lent out nobody does: the query that runs on it fails, but a dead connection may well have more than one error.
  pool.on("error", (error) => log.warn({ error: messageOf(error) }, "an idle database connection was lost"));
  pool.on("connect", (client) => client.on("error", (error) => log.debug({ error: messageOf(error) }, "a database connection was lost")));
  // A machine that stops, or a firewall that forgets, closes no connection: whoever waited would do so for ever. pg's own
  // query_timeout gives the connection back in the middle of its transaction, so the connection itself is ended.
  pool.on("acquire", (client) => {
    const wire = wireOf(client);
    wire.setTimeout(silenceMs, () => wire.destroy(Object.assign(new Error(`the database said nothing for ${silenceMs / 1000} s`), { code: "ETIMEDOUT" })));
  });
  pool.on("release", (_error, client) => wireOf(client).setTimeout(0).removeAllListeners("timeout"));
  const kysely = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  let closing: Promise<void> | null = null;
  return {
    url,
    log,
    [pooled]: kysely,
    close: () => (closing ??= kysely.destroy()),
  };
}

/** The socket of a connection, which pg has and its types do not tell of. */
const wireOf = (client: PoolClient): Socket => (client as unknown as { connection: { stream: Socket } }).connection.stream;

/** One connection straight to the server, past any pooler: for sessions' own things such as LISTEN and advisory locks. */
export async function connectDirect(url: string, purpose: string): Promise<Client> {
  const client = new Client({
    connectionString: url,
    types,
    application_name: `earwitness ${purpose}`,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  // The promise of the running query, or the "end" event, tells the owner; an unheard "error" event would end the process.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Runs `work` on a direct connection of its own. */
export async function withDirect<T>(url: string, purpose: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectDirect(url, purpose);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined); // it may be dead already; what mattered was said by `work`
  }
}
