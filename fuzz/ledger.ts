/** What fuzzing has been done, over all runs: `ledger.json` beside this file. Time adds up as long as a parser's sources are the ones it ran on. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

export interface LedgerEntry {
  /** Digest of the sources; with another one the entry begins anew. */
  readonly sources: string;
  readonly executions: number;
  /** Of the thread that searched: what other processes took does not count. */
  readonly processorSeconds: number;
  /** The dearest input of all, in processor time. */
  readonly worst: { readonly ms: number; readonly bytes: number };
  /** Blocks of the sources that have run. */
  readonly blocks: number;
  /** What failed; each once. */
  readonly findings: readonly string[];
}

export type Ledger = Readonly<Record<string, LedgerEntry>>;

/** What one run has to add. */
export type Run = LedgerEntry;

export const hourSeconds = 3_600;

export function readLedger(file: string): Ledger {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Ledger;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw thrown;
  }
}

/** Reads it again first: another run may have written meanwhile. Never leaves half a file. */
export function noteRun(file: string, parser: string, run: Run): void {
  const ledger = { ...readLedger(file) };
  ledger[parser] = added(ledger[parser], run);
  const sorted = Object.fromEntries(Object.entries(ledger).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const half = `${file}.${process.pid}`;
  writeFileSync(half, `${JSON.stringify(sorted, null, 2)}\n`);
  renameSync(half, file);
}

export function added(before: LedgerEntry | undefined, run: Run): LedgerEntry {
  if (before === undefined || before.sources !== run.sources) return rounded(run);
  return rounded({
    sources: run.sources,
    executions: before.executions + run.executions,
    processorSeconds: before.processorSeconds + run.processorSeconds,
    worst: run.worst.ms > before.worst.ms ? run.worst : before.worst,
    blocks: Math.max(before.blocks, run.blocks),
    findings: [...new Set([...before.findings, ...run.findings])],
  });
}

const tenths = (value: number): number => Math.round(value * 10) / 10;
const rounded = (entry: LedgerEntry): LedgerEntry => ({ ...entry, processorSeconds: tenths(entry.processorSeconds), worst: { ...entry.worst, ms: tenths(entry.worst.ms) } });

/** Seconds that count: those on the sources as they are now. */
export function secondsOf(ledger: Ledger, parser: string, sources: string): number {
  const entry = ledger[parser];
  return entry?.sources === sources ? entry.processorSeconds : 0;
}
