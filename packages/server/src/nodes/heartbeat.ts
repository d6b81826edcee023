import type { Clock } from "#clock";
import { withSystem, type Db } from "#db";
import { messageOf } from "#errors";

export interface HeartbeatOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly roles: readonly string[];
  readonly version: string;
}

export interface Heartbeat {
  /** Resolves when this node stands in the table of nodes; facts can be applied from then on. */
  registered(): Promise<void>;
  close(): Promise<void>;
}

const beatMs = 10_000;
/** How soon to try again as long as the node is not known at all. */
const firstBeatMs = 500;

/** Tells the other nodes, and the portal, that this one is alive. */
export function createHeartbeat({ db, clock, nodeId, roles, version }: HeartbeatOptions): Heartbeat {
  const startedAt = clock.now();
  const first = Promise.withResolvers<void>();
  first.promise.catch(() => undefined); // whoever waits for it is told
  let isRegistered = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  async function beat(): Promise<void> {
    try {
      const now = { roles: [...roles], version, started_at: startedAt, seen_at: clock.now() };
      await withSystem(db, (tx) =>
        tx
          .insertInto("nodes")
          .values({ node_id: nodeId, ...now })
          .onConflict((conflict) => conflict.column("node_id").doUpdateSet(now))
          .execute(),
      );
      isRegistered = true;
      first.resolve();
    } catch (error) {
      db.log.debug({ error: messageOf(error) }, "heartbeat not written");
    }
    if (!closed) timer = setTimeout(() => (beating = beat()), isRegistered ? beatMs : firstBeatMs);
  }

  let beating = beat();
  return {
    registered: () => first.promise,
    async close() {
      closed = true;
      clearTimeout(timer);
      await beating;
      first.reject(new Error("closed before the node could be registered"));
    },
  };
}
