/** Holds rows of evidence against the log: whoever changed, took out, swapped or added one without the log's key shows here. */
import { hashBytes, leafHash, rowCommitment, tileWidth, toHex, type Tile } from "@earwitness/verify";
import type { TenantTransaction } from "#db";
import type { ErasedRow } from "./erase.ts";
import { believableRows } from "./intact-rows.ts";
import { readTiles } from "./log-tiles.ts";
import { sha256 } from "./sha256.ts";
import { rowsOf, type StoredRow } from "./stored-row.ts";
import { entryLevel } from "./tree-edge.ts";

export type Difference =
  /** The log has an entry here and the table no row: it was deleted, or its place was changed. */
  | { readonly kind: "missing"; readonly place: number }
  /** The row is not the one that was committed to. */
  | { readonly kind: "altered"; readonly place: number; readonly evidenceId: string; readonly why: string }
  /** The row is committed to, at another place. */
  | { readonly kind: "moved"; readonly place: number; readonly evidenceId: string; readonly belongsTo: number }
  /** More than one row claims the place. */
  | { readonly kind: "doubled"; readonly place: number; readonly evidenceIds: readonly string[] }
  /** The row is empty, and no intact row says that it was erased. */
  | { readonly kind: "erased without certificate"; readonly place: number; readonly evidenceId: string; readonly why: string }
  /** The row is empty, and the row that says why waits for its place: nothing vouches for it yet. */
  | { readonly kind: "certificate waits"; readonly place: number; readonly evidenceId: string }
  /** Entries and leaves of the log itself do not fit together, or are gone. */
  | { readonly kind: "tiles"; readonly place: number; readonly why: string };

export interface RowsChecked {
  readonly rows: number;
  /** Rows that were erased, with an intact certificate. */
  readonly erased: number;
  readonly differences: readonly Difference[];
}

/** Checks places `[from, to)`, of which there should be as many as the log has. Whether leaves make up the signed root is another question. */
export async function checkRows(tx: TenantTransaction, from: number, to: number): Promise<RowsChecked> {
  const differences: Difference[] = [];
  const { entries, leaves } = await readHashesOf(tx, from, to);
  const places = new Map(entries.flatMap((entry, at) => (entry === null ? [] : [[toHex(entry), from + at]])));
  for (const [at, entry] of entries.entries()) {
    const leaf = leaves[at]!;
    if (entry === null || leaf === null) differences.push({ kind: "tiles", place: from + at, why: `the ${entry === null ? "entry" : "leaf"} is missing` });
    else if (Buffer.compare(leafHash(sha256, entry), leaf) !== 0) differences.push({ kind: "tiles", place: from + at, why: "the entry is not what the leaf was made of" });
  }

  const found = Map.groupBy(await rowsOf(tx, { places: [from, to] }), ({ treeIndex }) => treeIndex!);
  const certificates = await certificatesOf(tx, [...found.values()].flat());
  let [rows, erased] = [0, 0];
  for (let place = from; place < to; place += 1) {
    const here = found.get(place) ?? [];
    rows += here.length;
    if (here.length === 0) differences.push({ kind: "missing", place });
    if (here.length > 1) differences.push({ kind: "doubled", place, evidenceIds: here.map(({ row }) => row.evidenceId) });
    for (const stored of here) {
      const { evidenceId } = stored.row;
      if (stored.erasedBy !== null) {
        const certificate = certificates.get(stored.erasedBy);
        const why = whyNotErased(stored, certificate);
        if (why === null && certificate?.treeIndex === null) differences.push({ kind: "certificate waits", place, evidenceId });
        else if (why === null) erased += 1;
        else differences.push({ kind: "erased without certificate", place, evidenceId, why });
        continue;
      }
      const entry = entries[place - from]!;
      if (stored.flaw !== null) differences.push({ kind: "altered", place, evidenceId, why: stored.flaw });
      else if (entry !== null) {
        const commitment = rowCommitment(sha256, stored.row, stored.salt!);
        if (Buffer.compare(commitment, entry) === 0) continue;
        const belongsTo = places.get(toHex(commitment));
        if (belongsTo !== undefined) differences.push({ kind: "moved", place, evidenceId, belongsTo });
        else differences.push({ kind: "altered", place, evidenceId, why: "it is not the row that was committed to" });
      }
    }
  }
  return { rows, erased, differences };
}

/** Entries and leaf hashes of the places, null where they are missing. */
async function readHashesOf(tx: TenantTransaction, from: number, to: number): Promise<{ entries: (Uint8Array | null)[]; leaves: (Uint8Array | null)[] }> {
  const indexes: number[] = [];
  for (let index = Math.floor(from / tileWidth); index * tileWidth < to; index += 1) indexes.push(index);
  const tilesAt = (level: number): Tile[] => indexes.map((index) => ({ level, index, width: tileWidth }));
  const tiles = await readTiles(tx, [...tilesAt(entryLevel), ...tilesAt(0)]);
  const read = (offset: number) =>
    Array.from({ length: Math.max(0, to - from) }, (_, at) => {
      const place = from + at;
      const tile = tiles[offset + Math.floor(place / tileWidth) - indexes[0]!]!;
      const start = (place % tileWidth) * hashBytes;
      return tile.length >= start + hashBytes ? tile.subarray(start, start + hashBytes) : null;
    });
  return { entries: read(0), leaves: read(indexes.length) };
}

/** Rows that say what was erased, if they are intact themselves, or have no place yet. */
async function certificatesOf(tx: TenantTransaction, rows: readonly StoredRow[]): Promise<Map<string, StoredRow>> {
  const ids = [...new Set(rows.flatMap(({ erasedBy }) => (erasedBy === null ? [] : [erasedBy])))];
  if (ids.length === 0) return new Map();
  const found = await rowsOf(tx, { evidenceIds: ids });
  // Of one that waits for its place, whoever asks is told that it waits.
  return new Map([...(await believableRows(tx, found))].map((stored) => [stored.row.evidenceId, stored]));
}

/** The rules of the table (evidence_erased_whole) are held here too: whoever may change rows may drop rules. */
function whyNotErased({ row, salt, treeIndex, flaw }: StoredRow, certificate: StoredRow | undefined): string | null {
  if (certificate === undefined) return "the row that should say so is missing, changed, or erased itself";
  if (certificate.row.action !== "Erase" || certificate.row.item !== "Evidence") return "the row that should say so says something else";
  const named = erasedRows(certificate.row.detail).find(([place, evidenceId]) => place === treeIndex && evidenceId === row.evidenceId);
  if (named === undefined) return "the row that should say so does not name it";
  const { actor } = row;
  const isEmpty =
    flaw === null && salt === null && row.recordedAt === named[2] && row.occurredAt === row.recordedAt && JSON.stringify(row.detail) === "{}" &&
    [row.nodeId, actor.id, actor.name, row.action, row.item].every((text) => text === "") && actor.kind === "machine" &&
    row.subject === null && row.remoteAddress === null && row.reason === null;
  return isEmpty ? null : "it holds something that no entry covers";
}

/** Of a certificate that waits for its place nothing vouches for its shape. */
function erasedRows(detail: unknown): readonly ErasedRow[] {
  return typeof detail === "object" && detail !== null && "rows" in detail && Array.isArray(detail.rows) ? (detail.rows as unknown[]).filter((row): row is ErasedRow => Array.isArray(row)) : [];
}
