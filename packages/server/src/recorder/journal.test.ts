import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createOpeningKey, createSealingKey, NotAuthentic, type MintedKey, type SealingKey } from "#vault";
import { readFrame, type FrameHeader } from "./journal-frame.ts";
import { createJournal, type JournalRefused } from "./journal.ts";

let dir: string;
let key: MintedKey;
let sealing: SealingKey;
const header = (more: Partial<FrameHeader> = {}): FrameHeader => ({ kind: "packets", recordingId: "65f0aa00aabbccddeeff0011", tenantId, keyId: key.keyId, track: 1, startedAtMs: 1_790_000_000_123, fromMs: 400, toMs: 780, ...more });
const tenantId = randomUUID();
const other = "65f0aa00aabbccddeeff0022";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-journal-"));
  key = { origin: "minted", keyId: randomBytes(12).toString("hex"), bytes: randomBytes(32) };
  sealing = createSealingKey(key, "journal");
});
afterEach(() => rm(dir, { recursive: true }));

const frame = (second: number | null, more: Partial<FrameHeader> = {}, bytes = 300) => ({ sealing, header: header({ kind: second === null ? "mark" : "packets", ...more }), body: randomBytes(bytes), second });

describe("journal", () => {
  test("frames come back with their headers, and open only as they were written", async () => {
    const synced: FrameHeader[] = [];
    const journal = createJournal({ dir, owner: "a-1", onSynced: (frames) => synced.push(...frames) });
    const body = randomBytes(900);
    journal.append({ sealing, header: header(), body, second: 0 });
    journal.append(frame(0, { track: 2 }));
    await journal.commit();
    expect(synced).toHaveLength(2);
    await journal.close();
    const bytes = await readFile(join(dir, (await readdir(dir))[0]!));
    const first = readFrame(bytes, 0)!;
    expect(first.frame.header).toEqual(header());
    const opening = createOpeningKey({ ...key, origin: "stored" }, "journal");
    expect(Buffer.compare(first.frame.open(opening), body)).toBe(0);
    const second = readFrame(bytes, first.next)!;
    expect(second.frame.header.track).toBe(2);
    expect(readFrame(bytes, second.next)).toBeNull();
    // The body of one under the header of the other is not a frame.
    const headerBytes = bytes.subarray(0, 80);
    const moved = Buffer.concat([headerBytes, bytes.subarray(second.next - 900 - 16, second.next)]);
    const forged = readFrame(moved, 0);
    if (forged !== null) expect(() => forged.frame.open(opening)).toThrow(NotAuthentic);
  });

  test("many commits at once share a write and a sync, in order, and whoever asked waits for his own frames", async () => {
    const synced: number[] = [];
    let syncs = 0;
    const openFile = async (path: string) => {
      const file = await open(path, "wx", 0o600);
      return { writev: (parts: Uint8Array[]) => file.writev(parts), datasync: () => (syncs += 1, file.datasync()), close: () => file.close() };
    };
    const journal = createJournal({ dir, owner: "a-1", openFile, onSynced: (frames) => synced.push(...frames.map((one) => one.fromMs)) });
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        if (i >= 10) await new Promise((resolve) => setImmediate(resolve)); // while the first write is under way
        journal.append(frame(0, { fromMs: i }));
        await journal.commit();
        expect(synced).toContain(i);
      }),
    );
    expect(synced).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(syncs).toBeLessThanOrEqual(3);
    await journal.close();
    const bytes = await readFile(join(dir, (await readdir(dir))[0]!));
    const read: number[] = [];
    for (let at = 0, one = readFrame(bytes, at); one !== null; one = readFrame(bytes, at)) {
      read.push(one.frame.header.fromMs);
      at = one.next;
    }
    expect(read).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("a segment goes when every recording in it is in pieces, and not before", async () => {
    const journal = createJournal({ dir, owner: "a-1", segmentBytes: 1 });
    const one = header().recordingId;
    journal.append(frame(null));
    journal.append(frame(4));
    journal.append(frame(7, { recordingId: other }));
    await journal.commit();
    const marks = journal.marks();
    journal.append(frame(9));
    await journal.commit();
    const names = async (): Promise<string[]> => (await readdir(dir)).toSorted();
    expect(await names()).toEqual(["a-1-000001.ewj", "a-1-000002.ewj"]);
    journal.covered(one, 4, marks); // second 4 is still needed
    journal.covered(other, 8, marks);
    await journal.commit();
    expect(await names()).toHaveLength(2);
    journal.covered(one, 5, marks - 1); // the mark is newer than the piece's state
    await journal.commit();
    expect(await names()).toHaveLength(2);
    journal.covered(one, 5, marks);
    await journal.commit();
    expect(await names()).toEqual(["a-1-000002.ewj"]);
    journal.forget(one);
    await journal.close();
    expect(await names()).toEqual([]);
  });

  test("a write that fails names its recordings; nothing is ever written behind the torn frame", async () => {
    let failing = false;
    const journal = createJournal({
      dir,
      owner: "a-1",
      openFile: async (path) => {
        const file = await open(path, "wx");
        return {
          async writev(buffers) {
            if (!failing) return file.writev(buffers);
            failing = false;
            await file.write(buffers[0]!, 0, 40); // a full disk takes a part
            throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
          },
          datasync: () => file.datasync(),
          close: () => file.close(),
        };
      },
    });
    journal.append(frame(1));
    await journal.commit();
    failing = true;
    journal.append(frame(2));
    journal.append(frame(2, { recordingId: other }));
    await expect(journal.commit()).rejects.toMatchObject({ name: "JournalRefused", recordingIds: [header().recordingId, other] } satisfies Partial<JournalRefused>);
    journal.append(frame(3));
    await journal.commit();
    await journal.close();
    expect((await readdir(dir)).toSorted()).toEqual(["a-1-000001.ewj", "a-1-000002.ewj"]);
  });
});
