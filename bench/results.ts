/** The raw runs of a benchmark, in a file that is written anew after each of them: a run that is cut off loses at most one. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";

export interface Results<Run> {
  readonly runs: readonly Run[];
  readonly path: string;
  add(run: Run): void;
}

interface File<Run> {
  readonly bench: string;
  readonly at: string;
  readonly machine: object;
  readonly options: object;
  readonly runs: Run[];
}

/** `continued`: a file whose runs count with those to come. `into`: the file's name; otherwise it is named by time and benchmark. */
export function openResults<Run>(bench: string, options: object, { continued, into }: { readonly continued?: string | undefined; readonly into?: string | undefined } = {}): Results<Run> {
  const at = new Date().toISOString();
  const path = resolve(continued ?? into ?? join(import.meta.dirname, "results", `${at.slice(0, 19).replaceAll(":", "")}-${bench}.json`));
  const file = continued === undefined ? { bench, at, machine: machine(), options, runs: [] as Run[] } : readResults<Run>(path, bench);
  mkdirSync(dirname(path), { recursive: true });
  return {
    runs: file.runs,
    path,
    add(run) {
      file.runs.push(run);
      const { runs, ...head } = file;
      // One line for each run: a thousand samples of a soak stay readable, and small.
      writeFileSync(path, `${JSON.stringify(head).slice(0, -1)},"runs":[\n${runs.map((one) => JSON.stringify(one)).join(",\n")}\n]}\n`);
    },
  };
}

export function readResults<Run>(path: string, bench: string): File<Run> {
  const file = JSON.parse(readFileSync(path, "utf8")) as File<Run>;
  if (file.bench !== bench) throw new Error(`${path} holds runs of ${file.bench}, not of ${bench}`);
  return file;
}

export const machine = (): object => ({ cpu: cpus()[0]?.model, cores: availableParallelism(), memoryGb: Math.round(totalmem() / 2 ** 30), kernel: release(), node: process.version });

/** Figures as they are worth keeping: microseconds of a millisecond are noise. */
export const rounded = (value: number, places = 3): number => Math.round(value * 10 ** places) / 10 ** places;
