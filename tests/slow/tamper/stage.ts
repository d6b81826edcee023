/** What is changed: an installation as it was made, and what of it whoever changes it needs to know. */
import { hashBytes } from "@earwitness/verify";
import { sql } from "kysely";
import type { TenantTransaction } from "../../../packages/server/src/db/index.ts";
import { openHead, type LogSigner } from "../../../packages/server/src/evidence/index.ts";
import { emptyEdge, entryLevel, growTree } from "../../../packages/server/src/evidence/tree-edge.ts";
import type { Finding } from "../../../packages/server/src/fsck/index.ts";
import type { Random } from "./tally.ts";

export interface Stage {
  readonly tenantId: string;
  readonly otherTenantId: string;
  readonly size: number;
  readonly vkeys: readonly string[];
  readonly signer: LogSigner;
  readonly entries: readonly Uint8Array[];
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[];
  readonly recordings: readonly { readonly recordingId: string; readonly interactionId: string }[];
  readonly storeDir: string;
  readonly random: Random;
}

/** What was done, and whether the findings name it. */
export interface Done {
  readonly what: string;
  readonly names: (findings: readonly Finding[]) => boolean;
}

export type Change = (tx: TenantTransaction, stage: Stage) => Promise<Done>;
export type Changes<One> = readonly (readonly [kind: string, weight: number, change: One])[];

export async function entriesOf(tx: TenantTransaction): Promise<Uint8Array[]> {
  const { rows } = await sql<{ hashes: Buffer }>`select hashes from log_tiles where tenant_id = ${tx.tenantId} and level = ${entryLevel} order by index`.execute(tx);
  return rows.flatMap(({ hashes }) => Array.from({ length: hashes.length / hashBytes }, (_, at) => hashes.subarray(at * hashBytes, (at + 1) * hashBytes)));
}

export async function writeTree(tx: TenantTransaction, entries: readonly Uint8Array[]): Promise<{ size: number; root: Uint8Array }> {
  const { tiles, edge } = await growTree(emptyEdge, entries);
  await sql`delete from log_tiles where tenant_id = ${tx.tenantId}`.execute(tx);
  await sql`insert into log_tiles (tenant_id, level, index, hashes) select ${tx.tenantId}, * from unnest(${tiles.map(({ level }) => level)}::int[], ${tiles.map(({ index }) => index)}::bigint[], ${tiles.map(({ hashes }) => Buffer.from(hashes))}::bytea[])`.execute(tx);
  return edge;
}

/** The database as a backup of it had it. */
export async function setBack(tx: TenantTransaction, { entries, vkeys, signer }: Stage, size: number, note: string): Promise<void> {
  const { root } = await writeTree(tx, entries.slice(0, size));
  await sql`delete from evidence where tenant_id = ${tx.tenantId} and tree_index >= ${size}`.execute(tx);
  await sql`delete from checkpoints where tenant_id = ${tx.tenantId} and size > ${size}`.execute(tx);
  const isSigned = openHead(note, signer.key.name, vkeys);
  await sql`update logs set size = ${isSigned.size}, root = ${Buffer.from(root)}, head = ${note} where tenant_id = ${tx.tenantId}`.execute(tx);
}
