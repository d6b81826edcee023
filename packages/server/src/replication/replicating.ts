import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import type { Action, Item } from "@earwitness/contract";
import type { Limits, World } from "#directory";
import type { Actor, EvidenceEntry } from "#evidence";
import type { Log } from "#log";
import type { Vault } from "#vault";

/** What every part of the room works with. */
export interface Parts {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeId: string;
  readonly vault: Vault;
  /** Microsoft's, a national cloud's, or the sandbox's. */
  readonly graphUrl: string;
  readonly loginUrl: string;
  /** People and groups are others now: the nodes' snapshots follow. */
  readonly announce: () => void;
  /** A job for a run, in the transaction that makes the run. */
  readonly enqueue: (tx: TenantTransaction, runId: string) => Promise<void>;
  /** For tests: how requests are made, and how long they may take. */
  readonly client?: { readonly world?: Partial<World>; readonly limits?: Partial<Limits> };
}

/** Who does something, from where. */
export interface Act {
  readonly tenantId: string;
  readonly by: Actor;
  readonly remoteAddress?: string;
}

/** Changes of a tenant's connection and runs wait for each other. */
export const changing = <T>({ db }: Pick<Parts, "db">, tenantId: string, work: (tx: TenantTransaction) => Promise<T>): Promise<T> =>
  withTenant(db, tenantId, async (tx) => {
    await tx.selectFrom("tenants").select("tenant_id").forNoKeyUpdate().execute();
    return await work(tx);
  });

export function evidenceOf({ clock, nodeId }: Pick<Parts, "clock" | "nodeId">, { by, remoteAddress }: Act, action: Action, detail: Record<string, unknown>, item: Item = "Auto Sync with AAD"): EvidenceEntry {
  return { actor: by, action, item, occurredAt: clock.now(), nodeId, ...(remoteAddress === undefined ? {} : { remoteAddress }), detail };
}
