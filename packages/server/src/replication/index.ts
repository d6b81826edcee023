import type { Actor } from "#evidence";
import { createConnectionStore, type ConnectionStore } from "./connection-store.ts";
import { createFailing } from "./failing.ts";
import { createPerformRun, type PerformRun } from "./perform-run.ts";
import { provisionConnection, type ProvisionedConnection } from "./provision-connection.ts";
import type { Parts } from "./replicating.ts";
import { createWatch, type Watch } from "./watch.ts";

export { replicationRoutes } from "./routes.ts";
export type { ConnectionStore } from "./connection-store.ts";
export type { Parts as ReplicationParts } from "./replicating.ts";
export type { Watch as ReplicationWatch } from "./watch.ts";

export interface Replication {
  readonly store: ConnectionStore;
  /** What the queue calls. */
  readonly perform: PerformRun;
  /** Begins to look for runs that are due; for nodes with the role worker. */
  watch(ready: Promise<void>): Watch;
  provision(tenantId: string, by: Actor, connection: ProvisionedConnection): Promise<void>;
  /** Tenants whose directory could not be read, as far as this node has looked. */
  failing(): number;
  warnings(): string[];
  /** Runs are laid down, and go on where they are at the next start. */
  close(): Promise<void>;
}

export function createReplication(parts: Parts): Replication {
  const failing = createFailing();
  const running = new Set<string>();
  const closing = new AbortController();
  const perform = createPerformRun(parts, running);
  const under = new Set<Promise<void>>();
  let watch: Watch | null = null;
  return {
    store: createConnectionStore(parts),
    perform: async (tenantId, runId, signal) => {
      const done = perform(tenantId, runId, AbortSignal.any([signal, closing.signal]));
      under.add(done);
      await done.finally(() => under.delete(done));
    },
    watch: (ready) => (watch = createWatch(parts, running, failing, ready)),
    provision: (tenantId, by, connection) => provisionConnection(parts, tenantId, by, connection),
    failing: failing.count,
    warnings: failing.warnings,
    async close() {
      closing.abort(new Error("Earwitness is stopping"));
      await watch?.close();
      await Promise.allSettled(under);
    },
  };
}
