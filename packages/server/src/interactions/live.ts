/** Tells signed-in clients what changes while they look: rows as they appear and settle, voices as they speak. */
import type { LiveEvent } from "@earwitness/contract";
import { can, type Origin, type Principal } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Change, type Db } from "#db";
import { messageOf } from "#errors";
import { append } from "#evidence";
import { newUuid } from "#ids";
import type { Log } from "#log";
import { createLiveClient, type LiveClient } from "./live-client.ts";
import { createActivityMap, type RecordingActivity } from "./activity.ts";
import { readRows } from "./rows.ts";
import { toInteraction } from "./row.ts";
import { whoIsSeen } from "./scope.ts";

export interface LiveSources {
  /** The notifier's. */
  onChange(listener: (change: Change) => void): () => void;
  /** Of this node's recorder. */
  onActivity(listener: (recordings: readonly RecordingActivity[]) => void): () => void;
}

export interface Live {
  /** Opens a stream for the principal, and writes that down; also, when it ends. `recheck` answers the principal as it is now, or null when it may no longer listen. */
  open(principal: Principal, origin: Origin, recheck: () => Promise<Principal | null>, resumed: boolean): Promise<LiveClient>;
  count(): number;
  close(): Promise<void>;
}

/** Changes of this long become one reading of the rows (foundations §7: 2,000 clients live off one notification). */
const coalesceMs = 150;
const heartbeatMs = 15_000;
/** A session that ends, or a key that is revoked, loses its streams within 5 s (core decision 15). */
const recheckMs = 4_000;
/** More rows than this at once are cheaper read as a page. */
const mostRowsAtOnce = 400;

export function createLive({ db, clock, log, sources }: { db: Db; clock: Clock; log: Log; sources: LiveSources }): Live {
  const clients = new Set<LiveClient>();
  const activityMap = createActivityMap(db);
  /** Per tenant what has to be read again; null: too much, start over. */
  let changed = new Map<string, Set<string> | null>();
  let timer: NodeJS.Timeout | null = null;
  let delivering: Promise<void> = Promise.resolve();
  let closed = false;
  /** Rows that say that a stream ended and are being written. */
  const endings = new Set<Promise<void>>();

  const watched = (tenantId: string) => [...clients].some((client) => client.principal.tenantId === tenantId);

  function onChange(change: Change): void {
    if (change.kind === "lost") {
      for (const client of clients) client.reset();
      return;
    }
    if (change.kind !== "interactions") return;
    if (!watched(change.tenantId)) return;
    const ids = changed.has(change.tenantId) ? changed.get(change.tenantId) : new Set<string>();
    if (ids !== null && ids !== undefined) {
      for (const id of change.ids) ids.add(id);
      changed.set(change.tenantId, ids.size > mostRowsAtOnce ? null : ids);
    }
    timer ??= setTimeout(deliverSoon, coalesceMs);
  }

  function deliverSoon(): void {
    timer = null;
    const batch = changed;
    changed = new Map();
    // One after the other, so that an older state of a row never follows a newer one.
    delivering = delivering.then(async () => {
      for (const [tenantId, ids] of batch) await deliver(tenantId, ids);
    });
  }

  async function deliver(tenantId: string, ids: ReadonlySet<string> | null): Promise<void> {
    // Who sees the same rows shares one reading of them.
    const groups = Map.groupBy([...clients].filter((client) => client.principal.tenantId === tenantId), (client) => client.seen.key);
    for (const [key, group] of groups) {
      const [first] = group;
      if (first === undefined) continue;
      try {
        if (ids === null) throw new Error("too many rows changed at once");
        const rows = await withTenant(db, tenantId, (tx) => readRows(tx, first.principal, [...ids]));
        const now = clock.now();
        for (const row of rows) {
          const event: LiveEvent = { kind: "interaction", interaction: toInteraction(row, now) };
          for (const client of group) if (client.seen.key === key) client.send(event); // it may have changed meanwhile
        }
      } catch (error) {
        log.warn({ error: messageOf(error) }, "live rows could not be read; clients start over");
        for (const client of group) client.reset();
      }
    }
  }

  function onActivity(recordings: readonly RecordingActivity[]): void {
    const byTenant = Map.groupBy(recordings, (recording) => recording.tenantId);
    for (const [tenantId, ofTenant] of byTenant) {
      if (!watched(tenantId)) continue;
      activityMap
        .name(tenantId, ofTenant)
        .then((named) => {
          for (const client of clients) {
            if (client.principal.tenantId === tenantId) client.sendActivity(named);
          }
        })
        // Levels are decoration; the rows' own path says that the database is away.
        .catch((error: unknown) => log.debug({ error: messageOf(error) }, "speaking levels could not be mapped to interactions"));
    }
  }

  const stops = [sources.onChange(onChange), sources.onActivity(onActivity)];
  const heartbeat = setInterval(() => {
    for (const client of clients) client.beat();
  }, heartbeatMs);

  async function recheckClient(client: LiveClient, recheck: () => Promise<Principal | null>): Promise<void> {
    try {
      const principal = await recheck();
      if (principal === null || principal.tenantId !== client.principal.tenantId || !can(principal, "interaction.list")) return client.close();
      // Who is in a group that is seen may have changed, though the rights have not.
      const seen = await whoIsSeen(db, principal);
      if (seen.key !== client.seen.key) client.reset();
      client.principal = principal;
      client.seen = seen;
    } catch (error) {
      // Who cannot be checked may not go on listening; the client comes back by itself.
      log.warn({ error: messageOf(error) }, "a live stream's session could not be checked");
      client.close();
    }
  }

  return {
    async open(principal, origin, recheck, resumed) {
      const streamId = newUuid();
      const note = (occurredAt: Date, detail: Record<string, unknown>) =>
        withTenant(db, principal.tenantId, (tx) => append(tx, { ...origin, action: "Monitor", item: "Interactions", subject: streamId, occurredAt, detail }));
      if (!closed) await note(origin.occurredAt, { stream: "opened" });
      const client = createLiveClient(principal, await whoIsSeen(db, principal));
      if (closed) {
        client.close();
        return client;
      }
      clients.add(client);
      let checking = false;
      const beat = setInterval(() => {
        if (checking) return;
        checking = true;
        void recheckClient(client, recheck).finally(() => (checking = false));
      }, recheckMs);
      client.stream.once("close", () => {
        clearInterval(beat);
        clients.delete(client);
        const endedAt = clock.now();
        const ending = note(endedAt, { stream: "closed", durationMs: endedAt.getTime() - origin.occurredAt.getTime() })
          .then(() => undefined)
          .catch((error: unknown) => log.error({ error: messageOf(error), streamId }, "that a live stream ended could not be written down"))
          .finally(() => endings.delete(ending));
        endings.add(ending);
      });
      // There is no history to resume from: whoever comes back reads the page again.
      if (resumed) client.reset();
      return client;
    },
    count: () => clients.size,
    async close() {
      closed = true;
      for (const stop of stops) stop();
      clearInterval(heartbeat);
      if (timer !== null) clearTimeout(timer);
      const streams = [...clients].map(({ stream }) => new Promise((ended) => stream.once("close", ended)));
      for (const client of clients) client.close();
      await delivering;
      await Promise.all(streams);
      await Promise.all(endings);
    },
  };
}
