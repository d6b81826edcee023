import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLog } from "#log";
import { createFactLog, type FactFile, type FactLog, type StoredFact } from "./fact-log.ts";
import type { Fact } from "./facts.ts";

const log = createLog("silent");
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-facts-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const openLog = (): Promise<FactLog> => createFactLog({ dir: join(dir, "facts"), keyPath: join(dir, "facts.key"), log });
const ended = (recordingId: string, endReason = "released"): Fact => ({ kind: "recording.ended", tenantId: "t", recordingId, atMs: 1, endReason });
const files = async () => (await readdir(join(dir, "facts"))).toSorted();

describe("the call journal", () => {
  test("PLT-03 facts survive a restart in order, and numbers never fall", async () => {
    const first = await openLog();
    const [one] = await first.append(ended("a"));
    const [two, three] = await first.append(ended("b"), ended("c"));
    expect([two!.seq, three!.seq]).toEqual([one!.seq + 1, one!.seq + 2]);
    await first.close();
    const second = await openLog();
    expect(second.earlier).toEqual([one, two, three]);
    const [four] = await second.append(ended("d"));
    expect(four!.seq).toBeGreaterThan(three!.seq);
    await second.close();
  });

  test("facts that are appended together are told together, after they are on disk", async () => {
    const facts = await openLog();
    const told: StoredFact[] = [];
    facts.onDurable((stored) => told.push(...stored));
    await Promise.all(Array.from({ length: 200 }, (_, index) => facts.append(ended(String(index)))));
    expect(told.map(({ fact }) => ("recordingId" in fact ? fact.recordingId : ""))).toEqual(Array.from({ length: 200 }, (_, index) => String(index)));
    await facts.close();
  });

  test.for([1, 5, 17])("PLT-03 a tail torn by %i bytes costs the last fact only, and the next start goes on", async (bytes) => {
    const facts = await openLog();
    await facts.append(ended("a"));
    await facts.append(ended("b"));
    await facts.close();
    const path = join(dir, "facts", (await files())[0]!);
    await truncate(path, (await readFile(path)).length - bytes);
    const again = await openLog();
    expect(again.earlier.map(({ fact }) => ("recordingId" in fact ? fact.recordingId : ""))).toEqual(["a"]);
    await again.append(ended("c"));
    await again.close();
    expect((await openLog()).earlier).toHaveLength(2);
  });

  test("a flipped byte is noticed; what stands before it is kept", async () => {
    const facts = await openLog();
    await facts.append(ended("a"));
    await facts.append(ended("b"));
    await facts.close();
    const path = join(dir, "facts", (await files())[0]!);
    const bytes = await readFile(path);
    bytes[bytes.length - 20]! ^= 1;
    await writeFile(path, bytes);
    expect((await openLog()).earlier).toHaveLength(1);
  });

  test("OVR-16 nothing of a fact can be read on the disk", async () => {
    const facts = await openLog();
    await facts.append(ended("recording-of-someone", "a very particular reason"));
    await facts.close();
    const bytes = await readFile(join(dir, "facts", (await files())[0]!), "latin1");
    expect(bytes).not.toContain("particular");
    expect(bytes).not.toContain("someone");
  });

  test("files go when all is applied and no recording needs them, and only then", async () => {
    const first = await openLog();
    await first.append(ended("a"));
    await first.close();
    const second = await openLog();
    const [last] = await second.append(ended("b"));
    await second.trim(last!.seq, (id) => id === "a");
    expect(await files()).toHaveLength(2);
    await second.trim(1, () => false);
    expect(await files()).toHaveLength(2);
    await second.trim(last!.seq, () => false);
    expect(await files()).toHaveLength(1);
    await second.close();
  });

  test("PLT-03 a fact of any size survives a restart, and so do those behind it", async () => {
    const facts = await openLog();
    await facts.append(ended("a", "x".repeat(5_000_000)), ended("b"));
    await facts.close();
    expect((await openLog()).earlier).toHaveLength(2);
  });
});

describe("a disk that does not take the call journal", () => {
  const full = (): Error => Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  /** Takes so many bytes, then none; `Infinity`: a disk as it should be. */
  async function openOn(disk: { leftBytes: number }): Promise<FactLog> {
    const openFile = async (path: string): Promise<FactFile> => {
      const file = await open(path, "wx", 0o600);
      return {
        async writev(buffers: readonly NodeJS.ArrayBufferView[]) {
          const bytes = Buffer.concat(buffers as Uint8Array[]);
          if (disk.leftBytes <= 0) throw full();
          // As a file system does: what still has room is written, and that is no error.
          const { bytesWritten } = await file.write(bytes.subarray(0, Math.min(bytes.length, disk.leftBytes)));
          disk.leftBytes -= bytesWritten;
          return { bytesWritten, buffers };
        },
        datasync: () => file.datasync(),
        sync: () => file.sync(),
        truncate: (length) => file.truncate(length),
        close: () => file.close(),
      } as FactFile;
    };
    return createFactLog({ dir: join(dir, "facts"), keyPath: join(dir, "facts.key"), log, openFile });
  }
  const recordings = (facts: FactLog) => facts.earlier.map(({ fact }) => ("recordingId" in fact ? fact.recordingId : ""));

  test("PLT-03 a fact of which only a part was written was not written", async () => {
    const disk = { leftBytes: Infinity };
    const facts = await openOn(disk);
    await facts.append(ended("a"));
    disk.leftBytes = 50;
    await expect(facts.append(ended("b"))).rejects.toThrow(/no space/);
    expect(facts.fault()).toMatch(/no space/);
    await facts.close();
    expect(recordings(await openLog())).toEqual(["a"]);
  });

  test("PLT-03 with room again it goes on, in another file, and what it refused stays refused", async () => {
    const disk = { leftBytes: Infinity };
    const facts = await openOn(disk);
    await facts.append(ended("a"));
    disk.leftBytes = 500;
    await expect(facts.append(ended("b", "x".repeat(1_000)))).rejects.toThrow(/no space/);
    await expect(facts.append()).rejects.toThrow(/no space/);
    disk.leftBytes = Infinity;
    await facts.append();
    expect(facts.fault()).toBeNull();
    await facts.append(ended("c"));
    await facts.close();
    const again = await openLog();
    expect(recordings(again)).toEqual(["a", "c"]);
    expect(again.earlier[1]!.seq).toBeGreaterThan(again.earlier[0]!.seq + 1);
  });
});
