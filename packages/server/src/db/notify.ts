import type { Client } from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { messageOf } from "#errors";
import { connectDirect, pooled, type Db } from "./pool.ts";

/** What another node, or this one, changed. `lost`: some of it could not be told, so anything may have changed. */
export type Change =
  | { readonly kind: "interactions"; readonly tenantId: string; readonly ids: readonly string[] }
  | { readonly kind: "directory" }
  | { readonly kind: "lost" };

/**
 * Tells all nodes what changed. An aid to freshness, never to correctness: it loses news when the database is away, and
 * then says so. NOTIFY takes a lock of the whole database at commit; that is why it is sent from here, gathered, and never
 * from a call's or an evidence's transaction (core decision 3).
 */
export interface Notifier {
  /** After the commit. */
  announce(tenantId: string, interactionId: string): void;
  /** Tenants, people or trunks changed. */
  announceDirectory(): void;
  onChange(listener: (change: Change) => void): () => void;
  close(): Promise<void>;
}

const ChangeForm = Type.Union([
  Type.Object({ kind: Type.Literal("interactions"), tenantId: Type.String(), ids: Type.Array(Type.String()) }),
  Type.Object({ kind: Type.Literal("directory") }),
  Type.Object({ kind: Type.Literal("lost") }),
]);

export function parseChange(payload: string): Change | null {
  try {
    const change: unknown = JSON.parse(payload);
    return Value.Check(ChangeForm, change) ? change : null;
  } catch {
    return null;
  }
}

const channel = "earwitness_changes";
const gatherMs = 100;
/** A payload may have 8,000 bytes. */
const idsPerPayload = 200;
/** A connection that a firewall forgot says nothing at all. */
const heartbeatMs = 15_000;

export function createNotifier(db: Db): Notifier {
  const { log } = db;
  const listeners = new Set<(change: Change) => void>();
  const closed = new AbortController();
  let gathered = new Map<string, Set<string>>();
  let directoryChanged = false;
  let newsLost = false;
  let timer: NodeJS.Timeout | null = null;
  let sending: Promise<void> = Promise.resolve();

  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };

  const gather = (): void => {
    if (closed.signal.aborted) return;
    timer ??= setTimeout(() => {
      timer = null;
      sending = sending.then(send);
    }, gatherMs);
  };

  const takePayloads = (): string[] => {
    const changes: Change[] = [];
    if (newsLost) changes.push({ kind: "lost" });
    if (directoryChanged) changes.push({ kind: "directory" });
    for (const [tenantId, set] of gathered) {
      const ids = [...set];
      for (let at = 0; at < ids.length; at += idsPerPayload) changes.push({ kind: "interactions", tenantId, ids: ids.slice(at, at + idsPerPayload) });
    }
    gathered = new Map();
    directoryChanged = false;
    newsLost = false;
    return changes.map((change) => JSON.stringify(change));
  };

  const send = async (): Promise<void> => {
    const payloads = takePayloads();
    if (payloads.length === 0) return;
    try {
      await sql`select pg_notify(${channel}, payload) from unnest(${payloads}::text[]) as payload`.execute(db[pooled]);
    } catch (error) {
      newsLost = true; // the next one that goes out says so
      log.debug({ error: messageOf(error) }, "changes could not be announced");
    }
  };

  async function listen(): Promise<void> {
    let missed = false;
    for (let waitMs = 250; !closed.signal.aborted; waitMs = Math.min(waitMs * 2, 5_000)) {
      try {
        const client = await connectDirect(db.url, "notifier");
        try {
          const gone = new Promise<void>((resolve) => client.once("end", resolve));
          client.on("notification", ({ payload }) => hear(payload ?? ""));
          await client.query(`listen ${channel}`);
          waitMs = 250;
          if (missed) tell({ kind: "lost" });
          if (newsLost) gather();
          missed = true; // from here on, whatever ends the connection
          await Promise.race([gone, beat(client)]);
        } finally {
          await client.end().catch(() => undefined); // gone already
        }
      } catch (error) {
        missed = true;
        log.debug({ error: messageOf(error) }, "not listening for changes");
      }
      await sleep(waitMs, undefined, { signal: closed.signal }).catch(() => undefined); // closed while asleep
    }
  }

  async function beat(client: Client): Promise<void> {
    while (!closed.signal.aborted) {
      await sleep(heartbeatMs, undefined, { signal: closed.signal }).catch(() => undefined); // closed while asleep
      if (closed.signal.aborted) return;
      const answer = await Promise.race([client.query("select 1"), sleep(heartbeatMs, null, { ref: false })]);
      if (answer === null) throw new Error("the connection is silent");
    }
  }

  const hear = (payload: string): void => {
    const change = parseChange(payload);
    if (change === null) log.warn("an announcement of changes that cannot be read"); // anybody with a login may NOTIFY
    else tell(change);
  };

  const listening = listen();
  return {
    announce(tenantId, interactionId) {
      const ids = gathered.get(tenantId) ?? new Set();
      gathered.set(tenantId, ids.add(interactionId));
      gather();
    },
    announceDirectory() {
      directoryChanged = true;
      gather();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed.abort();
      if (timer !== null) clearTimeout(timer);
      await Promise.all([sending, listening]);
    },
  };
}
