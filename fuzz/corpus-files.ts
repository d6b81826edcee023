/** Inputs that reached something, kept from run to run; one file each, named by what it holds. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function readCorpus(dir: string, parser: string): Uint8Array[] {
  const own = join(dir, parser);
  mkdirSync(own, { recursive: true });
  return readdirSync(own).toSorted().map((name) => new Uint8Array(readFileSync(join(own, name))));
}

/** In place of what was there: what no longer reaches anything that others do not is gone. */
export function writeCorpus(dir: string, parser: string, inputs: readonly Uint8Array[]): void {
  const own = join(dir, parser);
  mkdirSync(own, { recursive: true });
  const named = new Map(inputs.map((input) => [createHash("sha256").update(input).digest("hex").slice(0, 24), input]));
  for (const [name, input] of named) writeFileSync(join(own, name), input);
  for (const name of readdirSync(own)) if (!named.has(name)) rmSync(join(own, name));
}
