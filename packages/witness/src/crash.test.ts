import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCheckpoint, parseNote, toHex, verifyNote } from "@earwitness/verify";
import { expect, test } from "vitest";
import { Died, dyingFiles } from "./dying-files.ts";
import { disk } from "./durable-file.ts";
import { hashOfOrigin } from "./heads.ts";
import { createTestKey, createTestLog, type TestLog } from "./test-log.ts";
import { ask, openWitness, type TestWitness } from "./test-witness.ts";

const key = createTestKey("log.example/a");
const fork = 6;
/** Two histories of one log that part after six entries, as a log would show them to two readers. */
const histories = [createTestLog(key, "shown to one", fork, 40), createTestLog(key, "shown to the other", fork, 40)] as const;

interface Step {
  readonly history: 0 | 1;
  readonly grow: number;
  /** After how many calls on the disk the process dies; null: it lives. */
  readonly diesAfter: number | null;
  readonly lastIsDone: boolean;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({ history: fc.constantFrom(0 as const, 1 as const), grow: fc.integer({ min: 0, max: 9 }), diesAfter: fc.option(fc.integer({ min: 1, max: 24 }), { nil: null, freq: 2 }), lastIsDone: fc.boolean() }),
  { minLength: 4, maxLength: 12 },
);

/** What the world saw of the witness: every head that was answered for, and every one that it shows. */
async function collect(seen: Map<number, Set<string>>, note: string, { key: own }: TestWitness): Promise<void> {
  expect(await verifyNote(parseNote(note), [own.public])).toHaveLength(1);
  const { size, root } = parseCheckpoint(parseNote(note).text);
  seen.set(size, (seen.get(size) ?? new Set()).add(toHex(root)));
}

async function sizeOf(log: TestLog, size: number): Promise<string> {
  return toHex(await log.root(size));
}

test("MON-21 PLT-14 a witness never signs two histories, wherever between deciding, writing and answering it dies", async () => {
  let deaths = 0;
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const dir = mkdtempSync(join(tmpdir(), "ew-witness-"));
      const seen = new Map<number, Set<string>>();
      try {
        let last = 0;
        let open = await openWitness(dir, { vkeys: [key.vkey] });
        for (const { history, grow, diesAfter, lastIsDone } of plan) {
          if (diesAfter !== null) open = await openWitness(dir, { files: dyingFiles({ calls: diesAfter, lastIsDone }) });
          const log = histories[history];
          try {
            // As a log's own client: from where it believes the witness is, and once more from where the witness says it is.
            let size = Math.min(40, last + grow);
            let answer = await ask(open.witness, log, last, size);
            if (answer.status === 409) {
              last = Number(answer.body);
              size = Math.max(size, last);
              answer = await ask(open.witness, log, last, size);
            }
            if (answer.status === 200) {
              answered += 1;
              await collect(seen, `${await log.head(size)}${answer.body}`, open);
              last = size;
            } else expect([409, 422]).toContain(answer.status);
          } catch (error) {
            if (!(error instanceof Died)) throw error;
            deaths += 1;
          }
          open = await openWitness(dir);
          const shown = await open.heads.show(hashOfOrigin(key.public.name));
          if (shown !== null) await collect(seen, shown, open);
        }
        // One root for each size, and all of them of one history.
        for (const [size, roots] of seen) expect(roots.size, `size ${size}`).toBe(1);
        const ofHistory = await Promise.all(histories.map(async (log) => (await Promise.all([...seen].map(async ([size, roots]) => roots.has(await sizeOf(log, size))))).every(Boolean)));
        expect(ofHistory).toContain(true);
      } finally {
        rmSync(dir, { recursive: true });
      }
    }),
    { numRuns: 150 },
  );
  // The plan must really have met both.
  expect(deaths).toBeGreaterThan(100);
  expect(answered).toBeGreaterThan(300);
}, 120_000);

test("what died while a first head was written leaves a witness that goes on, at each of its steps", async () => {
  for (let calls = 1; ; calls += 1) {
    const dir = mkdtempSync(join(tmpdir(), "ew-witness-"));
    try {
      const life = { calls, lastIsDone: calls % 2 === 0 };
      const dying = await openWitness(dir, { vkeys: [key.vkey], files: dyingFiles(life) });
      const died = await ask(dying.witness, histories[0], 0, 3).then(() => false, (error: unknown) => error instanceof Died);
      const after = await openWitness(dir, { files: disk });
      const { status, body } = await ask(after.witness, histories[0], 0, 5);
      if (status === 409) expect(await ask(after.witness, histories[0], Number(body), 5)).toMatchObject({ status: 200 });
      else expect(status).toBe(200);
      if (!died) return expect(calls).toBeGreaterThan(8);
    } finally {
      rmSync(dir, { recursive: true });
    }
  }
});
