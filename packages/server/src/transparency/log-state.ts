import { parseCheckpoint, parseNote, toBase64 } from "@earwitness/verify";
import type { Checkpoint, LogState } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { newestCheckpoint, waitingRows, type KeptCheckpoint } from "#evidence";

/** A kept checkpoint as the API tells it. */
export function describeCheckpoint({ size, note, keptAt, timestampToken }: KeptCheckpoint): Checkpoint {
  const { text, signatures } = parseNote(note);
  const { origin, root } = parseCheckpoint(text);
  return {
    size,
    root: toBase64(root),
    note,
    keptAt: keptAt.toISOString(),
    cosignatures: [...new Set(signatures.map(({ name }) => name))].filter((name) => name !== origin),
    timestamped: timestampToken !== null,
  };
}

export async function readLogState(tx: TenantTransaction, stopped: string | null): Promise<LogState> {
  const log = await tx.selectFrom("logs").selectAll().executeTakeFirst();
  const keys = await tx.selectFrom("log_keys").selectAll().orderBy("from_size").orderBy("created_at").execute();
  const checkpoint = await newestCheckpoint(tx);
  const { rows, oldest } = await waitingRows(tx);
  return {
    origin: log?.origin ?? null,
    size: log?.size ?? 0,
    waiting: { rows, oldest: oldest?.toISOString() ?? null },
    head: log?.head ?? null,
    signedAt: log?.signed_at?.toISOString() ?? null,
    keys: keys.map((key) => ({ vkey: key.vkey, fromSize: key.from_size, createdAt: key.created_at.toISOString(), retiredAt: key.retired_at?.toISOString() ?? null })),
    checkpoint: checkpoint === null ? null : describeCheckpoint(checkpoint),
    stopped,
  };
}
