import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { formatAddCheckpoint, parseNote, parseVkey, toHex, verifyNote } from "@earwitness/verify";
import { expect, test } from "vitest";
import { runCommand } from "./command.ts";
import { createTestKey, createTestLog } from "./test-log.ts";

const rounds = 20;
const key = createTestKey("log.example/a");
const histories = [createTestLog(key, "shown to one", 8, 4_000), createTestLog(key, "shown to the other", 8, 4_000)] as const;

async function startProcess(dir: string): Promise<{ child: ChildProcess; url: string; vkey: string }> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "main.ts"), "--dir", dir, "--name", "witness.example/w1", "--listen", "127.0.0.1:0", "--rate", "100000"], { stdio: ["ignore", "pipe", "pipe"] });
  const [[vkey], [said]] = await Promise.all([once(createInterface(child.stdout!), "line"), once(createInterface(child.stderr!), "line")]) as [[string], [string]];
  return { child, vkey, url: /http:\/\/[^/]+\//.exec(said)![0] };
}

test("MON-21 PLT-14 a witness that is killed 20 times under writers of two histories signs one of them, and remembers all that it answered", async () => {
  const dir = mkdtempSync(join(tmpdir(), "ew-witness-"));
  await runCommand(["trust", key.vkey, "--dir", dir], { print: () => undefined, report: () => undefined, env: {} });
  /** Every head that the witness answered for: the history it is of, and its size. */
  const answered: { history: number; size: number }[] = [];
  let known = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const { child, url, vkey } = await startProcess(dir);
      const exited = once(child, "exit");
      // In the moment of an answer, the other writers' requests are on their way, at the proof, at the disk.
      let answersLeft = 2 + Math.floor(Math.random() * 8);
      const post = async (history: number, oldSize: number, size: number): Promise<{ status: number; text: string } | null> => {
        const log = histories[history]!;
        const body = formatAddCheckpoint({ oldSize, proof: await log.proof(oldSize, size), note: await log.head(size) });
        const sent = await fetch(`${url}add-checkpoint`, { method: "POST", body }).then(async (answer) => ({ status: answer.status, text: await answer.text() }), () => null);
        if (sent?.status !== 200) return sent;
        expect(await verifyNote(parseNote(`${await log.head(size)}${sent.text}`), [parseVkey(vkey)])).toHaveLength(1);
        answered.push({ history, size });
        answersLeft -= 1;
        if (answersLeft <= 0) setTimeout(() => child.kill("SIGKILL"), Math.random() * 5);
        return sent;
      };
      const largestAnswered = Math.max(0, ...answered.map(({ size }) => size));
      const probe = await post(0, 0, 1);
      if (answered.length > 1) expect(Number(probe!.text), "what was answered is remembered").toBeGreaterThanOrEqual(largestAnswered);
      const writers = [0, 1, 0, 1].map(async (history) => {
        for (;;) {
          const answer = await post(history, known, Math.min(4_000, known + 1 + Math.floor(Math.random() * 3)));
          if (answer === null) return;
          if (answer.status === 409) known = Number(answer.text);
        }
      });
      await Promise.all(writers);
      await exited;
    }
    const roots = new Map<number, Set<string>>();
    for (const { history, size } of answered) roots.set(size, (roots.get(size) ?? new Set()).add(toHex(await histories[history]!.root(size))));
    expect([...roots.values()].filter((found) => found.size > 1)).toEqual([]);
    expect(new Set(answered.filter(({ size }) => size > 8).map(({ history }) => history)).size).toBe(1);
    expect(answered.length).toBeGreaterThan(2 * rounds);
  } finally {
    rmSync(dir, { recursive: true });
  }
}, 120_000);
