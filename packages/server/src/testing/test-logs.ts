import { randomBytes } from "node:crypto";
import { systemClock, type Clock } from "#clock";
import type { Db } from "#db";
import { createSequencer, type LogSeeds, type RememberedHeads, type Sequencer } from "#evidence";
import { quietLog } from "./test-tenant.ts";

/** Keys and heads of logs in memory, and sequencers over them: what a node has on its disk. */
export interface TestLogs {
  readonly seeds: LogSeeds;
  readonly heads: RememberedHeads;
  readonly remembered: Map<string, string>;
  sequencer(db: Db, options?: Partial<Parameters<typeof createSequencer>[0]>): Sequencer;
}

export function createTestLogs(clock: Clock = systemClock): TestLogs {
  const seeds = new Map<string, Uint8Array[]>();
  const remembered = new Map<string, string>();
  const logs: TestLogs = {
    remembered,
    seeds: {
      read: async (tenantId) => seeds.get(tenantId) ?? [],
      make: async (tenantId) => seeds.get(tenantId)?.[0] ?? (await logs.seeds.add(tenantId)),
      add: async (tenantId) => {
        const seed = randomBytes(32);
        seeds.set(tenantId, [...(seeds.get(tenantId) ?? []), seed]);
        return seed;
      },
      destroy: async (tenantId, gone) => void seeds.set(tenantId, (seeds.get(tenantId) ?? []).filter((seed) => !gone.includes(seed))),
    },
    heads: {
      list: async () => [...remembered.keys()],
      read: async (tenantId) => remembered.get(tenantId) ?? null,
      write: async (tenantId, note) => void (note === null ? remembered.delete(tenantId) : remembered.set(tenantId, note)),
    },
    sequencer: (db, options = {}) =>
      createSequencer({ db, seeds: logs.seeds, heads: logs.heads, clock, log: quietLog, nodeId: "n1", originOf: (tenantId) => `earwitness.example/log/${tenantId}`, beatMs: 20, ...options }),
  };
  return logs;
}
