import { sql } from "kysely";
import type { LogTransaction, TenantTransaction } from "#db";

/** A head that was kept: what witnesses, timestamps and everybody outside hold on to. */
export interface KeptCheckpoint {
  readonly size: number;
  /** Signed by the log, then by witnesses. */
  readonly note: string;
  readonly keptAt: Date;
  readonly timestampToken: Uint8Array | null;
}

/** The newest signed head; nobody outside has seen it before it is kept. */
export async function signedHead(tx: TenantTransaction): Promise<{ note: string; size: number; root: Uint8Array } | null> {
  const log = await tx.selectFrom("logs").select(["size", "root", "head"]).executeTakeFirst();
  return log === undefined || log.head === null ? null : { note: log.head, size: log.size, root: log.root };
}

/** Keeps a signed head. The first who keeps one of a size wins; `isNew` says whether it was us. */
export async function keepCheckpoint(tx: LogTransaction, { size, note, keptAt }: Pick<KeptCheckpoint, "size" | "note" | "keptAt">): Promise<KeptCheckpoint & { readonly isNew: boolean }> {
  const made = await tx
    .insertInto("checkpoints")
    .values({ tenant_id: tx.tenantId, size, note, kept_at: keptAt })
    .onConflict((conflict) => conflict.columns(["tenant_id", "size"]).doNothing())
    .returning("size")
    .executeTakeFirst();
  const row = await tx.selectFrom("checkpoints").selectAll().where("size", "=", size).executeTakeFirstOrThrow();
  return { ...keptOf(row), isNew: made !== undefined };
}

/** Adds what witnesses and the timestamp authority signed. Lines that stand there already are not added again. */
export async function addToCheckpoint(tx: LogTransaction, size: number, { lines = [], timestampToken }: { readonly lines?: readonly string[]; readonly timestampToken?: Uint8Array }): Promise<void> {
  const row = await tx.selectFrom("checkpoints").select("note").where("size", "=", size).forUpdate().executeTakeFirstOrThrow();
  const fresh = lines.map((line) => (line.endsWith("\n") ? line : `${line}\n`)).filter((line) => !row.note.includes(line));
  await tx
    .updateTable("checkpoints")
    .set({ note: row.note + fresh.join(""), ...(timestampToken === undefined ? {} : { timestamp_token: timestampToken }) })
    .where("size", "=", size)
    .execute();
}

/** The newest kept checkpoint, or the newest of at most this size. */
export async function newestCheckpoint(tx: TenantTransaction, atMost?: number): Promise<KeptCheckpoint | null> {
  const query = tx.selectFrom("checkpoints").selectAll().orderBy("size", "desc").limit(1);
  const row = await (atMost === undefined ? query : query.where("size", "<=", atMost)).executeTakeFirst();
  return row === undefined ? null : keptOf(row);
}

/** The newest first; `before` is the size of the last one already seen. */
export async function listCheckpoints(tx: TenantTransaction, { limit, before }: { readonly limit: number; readonly before?: number }): Promise<KeptCheckpoint[]> {
  const query = tx.selectFrom("checkpoints").selectAll().orderBy("size", "desc").limit(limit);
  const rows = await (before === undefined ? query : query.where("size", "<", before)).execute();
  return rows.map(keptOf);
}

const keptOf = (row: { size: number; note: string; kept_at: Date; timestamp_token: Uint8Array | null }): KeptCheckpoint => ({ size: row.size, note: row.note, keptAt: row.kept_at, timestampToken: row.timestamp_token });

/** Rows of the tenant that have no place yet. */
export async function waitingRows(tx: TenantTransaction): Promise<{ rows: number; oldest: Date | null }> {
  const { rows } = await sql<{ rows: number; oldest: Date | null }>`select count(*) as rows, min(recorded_at) as oldest from evidence where tenant_id = ${tx.tenantId} and tree_index is null`.execute(tx);
  return rows[0]!;
}
