/** A witness in a directory, for tests; made anew on the same directory, it is the one that was there before. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatAddCheckpoint } from "@earwitness/verify";
import { disk, type Files } from "./durable-file.ts";
import { createHeads, type Heads } from "./heads.ts";
import { createJournal } from "./journal.ts";
import type { TestLog } from "./test-log.ts";
import { createTrustedLogs } from "./trusted-logs.ts";
import { generateWitnessKey, parsePrivateKey, type WitnessKey } from "./witness-key.ts";
import { createWitness, type Answer, type Witness } from "./witness.ts";

export interface TestWitness {
  readonly witness: Witness;
  readonly heads: Heads;
  readonly key: WitnessKey;
  readonly alarms: readonly string[];
}

export async function openWitness(dir: string, { files = disk, now = () => new Date(), vkeys = [] as readonly string[] }: { files?: Files; now?: () => Date; vkeys?: readonly string[] } = {}): Promise<TestWitness> {
  mkdirSync(join(dir, "heads"), { recursive: true });
  const keyPath = join(dir, "key");
  try {
    writeFileSync(keyPath, generateWitnessKey("witness.example/w1"), { flag: "wx" });
  } catch {
    // It is there already.
  }
  if (vkeys.length > 0) writeFileSync(join(dir, "logs"), vkeys.map((vkey) => `${vkey}\n`).join(""));
  const key = parsePrivateKey(readFileSync(keyPath, "utf8"));
  const heads = createHeads(dir, key.public, files);
  const alarms: string[] = [];
  const witness = createWitness({ key, logs: createTrustedLogs(dir), heads, journal: createJournal(dir, now), now, alarm: (sentence) => alarms.push(sentence) });
  return { witness, heads, key, alarms };
}

/** Asks for `second`, with the proof from `first`, as an honest log does. */
export async function ask(witness: Witness, log: TestLog, first: number, second: number): Promise<Answer> {
  const proof = first > second ? [] : await log.proof(first, second);
  return await witness.addCheckpoint(Buffer.from(formatAddCheckpoint({ oldSize: first, proof, note: await log.head(second) })));
}
