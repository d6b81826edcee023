/** A log gets a new key: with a hand-over that both keys sign, or, where the old one is lost, without, which nobody can take for the same. */
import { formatHandover, formatNote } from "@earwitness/verify";
import type { Clock } from "#clock";
import { asLog, withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { append, type Actor } from "./append.ts";
import { createLogSigner, type LogSeeds } from "./log-key.ts";

export interface LogKeyChange {
  readonly vkey: string;
  /** Larger heads are signed by it alone. */
  readonly fromSize: number;
  /** Null where the old key was lost. */
  readonly handover: string | null;
}

export interface LogKeyWish {
  readonly reason: string;
  readonly by: Actor;
  /** The old key is nowhere. */
  readonly isLost: boolean;
}

/** Change and evidence are one transaction. The old private key is destroyed behind it; a crash before that leaves it there, retired. */
export async function changeLogKey({ db, seeds, clock, nodeId }: { readonly db: Db; readonly seeds: LogSeeds; readonly clock: Clock; readonly nodeId: string }, tenantId: string, { reason, by, isLost }: LogKeyWish): Promise<LogKeyChange> {
  const held = await seeds.read(tenantId);
  const log = await withTenant(db, tenantId, (tx) => tx.selectFrom("logs").select("origin").executeTakeFirst());
  if (log === undefined) throw new Refusal("LOG_MISSING", 409, "The tenant has no log yet; its first row of evidence makes one.");
  // On disk before the database hears of it: a key that is only in a row could sign nothing.
  const seed = await seeds.add(tenantId);
  const next = createLogSigner(log.origin, seed);
  try {
    const change = await withTenant(db, tenantId, async (tx) => {
      const made = await asLog(tx, async (writing): Promise<LogKeyChange & { readonly old: string | null }> => {
        const { size: fromSize } = await writing.selectFrom("logs").select("size").forUpdate().executeTakeFirstOrThrow();
        const known = await writing.selectFrom("log_keys").select(["vkey"]).where("retired_at", "is", null).orderBy("from_size", "desc").orderBy("created_at", "desc").executeTakeFirst();
        const old = held.map((one) => createLogSigner(log.origin, one)).find(({ vkey }) => vkey === known?.vkey) ?? null;
        if (old === null && !isLost) throw new Refusal("LOG_KEY_NOT_HERE", 409, "This node does not hold the log's key, so it cannot hand over. Do it on the node that does, or bring the key back from escrow (earwitness keys import).");
        if (old !== null && isLost) throw new Refusal("LOG_KEY_HERE", 409, "This node holds the log's key: let it hand over to the new one.");
        const text = old === null ? "" : formatHandover({ origin: log.origin, old: old.key, new: next.key, fromSize });
        const handover = old === null ? null : formatNote({ text, signatures: [old.signatureOf(text), next.signatureOf(text)] });
        await writing.updateTable("log_keys").set({ retired_at: clock.now() }).where("retired_at", "is", null).execute();
        await writing.insertInto("log_keys").values({ tenant_id: tenantId, vkey: next.vkey, from_size: fromSize, handover }).execute();
        return { vkey: next.vkey, fromSize, handover, old: known?.vkey ?? null };
      });
      const detail = { name: isLost ? "key, without a hand-over: the old one is lost" : "key", ...made };
      await append(tx, { actor: by, action: "Modify", item: "Log", subject: tenantId, occurredAt: clock.now(), nodeId, reason, detail });
      return made;
    });
    await seeds.destroy(tenantId, held);
    return { vkey: change.vkey, fromSize: change.fromSize, handover: change.handover };
  } catch (error) {
    // Only where it is sure that nothing was committed: otherwise the new key may be the log's.
    if (error instanceof Refusal) await seeds.destroy(tenantId, [seed]);
    throw error;
  }
}
