/** What the benchmarks of the whole platform share: the client processes, and figures of samples. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { LoadSays, OpenOrder } from "./load-client.ts";

export interface Load {
  open(order: Omit<OpenOrder, "kind">): Promise<Extract<LoadSays, { kind: "opened" }>>;
  end(): Promise<Extract<LoadSays, { kind: "ended" }>>;
  close(): void;
}

export function startLoad(): Load {
  const child: ChildProcess = fork(new URL("./load-client.ts", import.meta.url), { execArgv: ["--disable-warning=ExperimentalWarning"] });
  const ask = async <Kind extends LoadSays["kind"]>(order: OpenOrder | { kind: "end" }, kind: Kind): Promise<Extract<LoadSays, { kind: Kind }>> => {
    const answered = once(child, "message") as Promise<[LoadSays]>;
    child.send(order);
    const [says] = await answered;
    if (says.kind !== kind) throw new Error(`the load said ${says.kind} instead of ${kind}`);
    return says as Extract<LoadSays, { kind: Kind }>;
  };
  return {
    open: (order) => ask({ kind: "open", ...order }, "opened"),
    end: () => ask({ kind: "end" }, "ended"),
    close: () => void child.kill(),
  };
}

/** The value below which so much of the samples lies. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => String(row[at]).length)));
  const line = (cells: readonly (string | number)[]): string => cells.map((cell, at) => String(cell)[at === 0 ? "padEnd" : "padStart"](widths[at]!)).join("   ");
  console.log([line(head), ...rows.map(line)].map((text) => `  ${text}`).join("\n"));
}
