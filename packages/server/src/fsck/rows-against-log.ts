/** Every row of evidence against the entry at its place, every place against its row, and the rows that have none. */
import { withTenant } from "#db";
import { checkRows, rowsBeyondHead, unplacedRows, type Difference, type StoredRow } from "#evidence";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import type { Finding } from "./finding.ts";

/** A multiple of a tile, some 10 to 20 ms of the database's time. */
const portionRows = 1_024;
const mostStrays = 1_000;

/** Places from `from` to the head's size, then what lies outside of them. */
export async function* rowsAgainstLog({ db, twice, clock }: Checking, tenant: CheckedTenant, size: number, from: number): AsyncGenerator<Portion<number>> {
  const { tenantId } = tenant;
  for (let at = from; at < size; ) {
    const start = at;
    const end = Math.min(size, at + portionRows);
    const { rows, findings } = await twice(async () => {
      const { rows: counted, differences } = await withTenant(db, tenantId, (tx) => checkRows(tx, start, end));
      return { rows: counted, findings: differences.map((difference) => findingOf(tenant, difference)) };
    });
    at = end;
    yield { cursor: at, findings, done: at, of: size, counted: { rows } };
  }
  const { findings } = await twice(async () => ({ findings: await outside(tenant) }));
  const waiting = await notes(tenant);
  yield { cursor: Math.max(size, from), findings: [...findings, ...waiting], done: size, of: size };

  async function outside(of: CheckedTenant): Promise<Finding[]> {
    const finding = finder("rows", of);
    const beyond = await withTenant(db, tenantId, (tx) => rowsBeyondHead(tx, mostStrays));
    const strange = await eachUnplaced((row) => row.flaw !== null);
    return [
      ...beyond.map((row) => finding("ROW_BEYOND_HEAD", `row ${row.treeIndex}`, `${named(row)} claims place ${row.treeIndex}, which the log does not have.`)),
      ...strange.map((row) => finding("ROW_NOT_OURS", `row without a place, ${row.row.evidenceId}`, `${named(row)}: ${row.flaw}.`)),
    ];
  }

  async function notes(of: CheckedTenant): Promise<Finding[]> {
    let oldest: string | null = null;
    let count = 0;
    await eachUnplaced((row) => {
      if (row.flaw === null) {
        oldest ??= row.row.recordedAt;
        count += 1;
      }
      return false;
    });
    if (oldest === null || clock.now().getTime() - Date.parse(oldest) < 5_000) return [];
    return [finder("rows", of)("ROWS_WAIT", "rows without a place", `${count} ${count === 1 ? "row waits" : "rows wait"}, the oldest since ${String(oldest)}.`)];
  }

  async function eachUnplaced(isWanted: (row: StoredRow) => boolean): Promise<StoredRow[]> {
    const wanted: StoredRow[] = [];
    for (let last: StoredRow | null = null; ; ) {
      const after: StoredRow | null = last;
      const page: StoredRow[] = await withTenant(db, tenantId, (tx) => unplacedRows(tx, after, portionRows));
      wanted.push(...page.filter(isWanted).slice(0, mostStrays - wanted.length));
      last = page.at(-1) ?? null;
      // Behind times that are none, or finer than ours, a page can come again: all of it is strange, and told.
      if (page.length < portionRows || last === null || last.row.recordedAt === "" || last.row.evidenceId === after?.row.evidenceId) return wanted;
    }
  }
}

const named = ({ row: { evidenceId, recordedAt, action, item } }: StoredRow): string => `Row ${evidenceId}${recordedAt === "" ? "" : ` of ${recordedAt}`}${action === "" ? "" : ` (${action} of ${item})`}`;

function findingOf(tenant: CheckedTenant, difference: Difference): Finding {
  const finding = finder("rows", tenant);
  const where = `row ${difference.place}`;
  switch (difference.kind) {
    case "missing":
      return finding("ROW_MISSING", where, `The database has no row at place ${difference.place}.`);
    case "altered":
      return finding("ROW_ALTERED", where, `Row ${difference.evidenceId}: ${difference.why}.`);
    case "moved":
      return finding("ROW_MOVED", where, `Row ${difference.evidenceId} stands at place ${difference.place} and belongs to place ${difference.belongsTo}.`);
    case "doubled":
      return finding("ROW_DOUBLED", where, `Place ${difference.place} is claimed by ${difference.evidenceIds.join(" and ")}.`);
    case "erased without certificate":
      return finding("ROW_ERASED_WITHOUT_CERTIFICATE", where, `Row ${difference.evidenceId} is empty: ${difference.why}.`);
    case "certificate waits":
      return finding("ERASURE_WAITS", where, `Row ${difference.evidenceId} is empty, and the row that says so has no place yet.`);
    case "tiles":
      return finding("ENTRY_ALTERED", where, `At place ${difference.place} ${difference.why}.`);
  }
}
