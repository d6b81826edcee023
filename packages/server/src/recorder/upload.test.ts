import { describe, expect, test, vi } from "vitest";
import { createLog } from "#log";
import { ObjectConflict, type ObjectStore } from "#vault";
import type { SealedPiece } from "./media.ts";
import { createUploader, QuotaExceeded } from "./upload.ts";

const log = createLog("silent");
const piece = (tenantId: string, recordingId: string, seq: number, sizeBytes = 100): SealedPiece => ({ tenantId, recordingId, seq, sizeBytes, keyId: "k", path: `/spool/${recordingId}/${seq}`, objectName: `${tenantId}/${recordingId}/${seq}`, sha256: "", fromMs: 0, toMs: 1 });

function storeThat(putFile: (name: string) => Promise<void>): ObjectStore {
  const never = () => Promise.reject(new Error("not for this test"));
  return { putFile, put: never, read: never, size: never, delete: never, list: async function* () {} };
}

describe("uploader", () => {
  test("tries again until the store takes it, each recording in order", async () => {
    const taken: string[] = [];
    let down = 5;
    const uploader = createUploader({ quotaBytes: 10_000, log, retryMs: [1], store: storeThat(async (name) => {
      if (down-- > 0) throw new Error("store is down");
      taken.push(name);
    }) });
    const pieces = [piece("t", "a", 0), piece("t", "a", 1), piece("t", "b", 0), piece("t", "a", 2)];
    const stored = await Promise.all(pieces.map((one) => uploader.enqueue(one)));
    expect(stored.map((one) => one.objectName)).toEqual(pieces.map((one) => one.objectName));
    expect(taken.filter((name) => name.startsWith("t/a"))).toEqual(["t/a/0", "t/a/1", "t/a/2"]);
    expect(uploader.lag().size).toBe(0);
    await uploader.close();
  });

  test("a tenant whose store is dead fails alone, at its quota", async () => {
    const uploader = createUploader({ quotaBytes: 1_000, log, retryMs: [60_000], store: storeThat((name) => (name.startsWith("dead/") ? new Promise(() => undefined) : Promise.resolve())) });
    for (let seq = 0; seq < 10; seq += 1) void uploader.enqueue(piece("dead", `r${seq}`, 0));
    await expect(uploader.enqueue(piece("dead", "r10", 0))).rejects.toThrow(QuotaExceeded);
    await expect(uploader.enqueue(piece("live", "r", 0))).resolves.toMatchObject({ objectName: "live/r/0" });
    expect(uploader.lag().get("dead")).toMatchObject({ bytes: 1_000, pieces: 10 });
    expect(uploader.lag().has("live")).toBe(false);
  });

  test("what cannot be mended by waiting is told at once", async () => {
    const uploader = createUploader({ quotaBytes: 1_000, log, store: storeThat((name) => Promise.reject(new ObjectConflict(name))) });
    await expect(uploader.enqueue(piece("t", "a", 0))).rejects.toThrow(ObjectConflict);
    await uploader.close();
  });

  test("the same piece twice is one upload", async () => {
    const putFile = vi.fn(async () => undefined);
    const uploader = createUploader({ quotaBytes: 1_000, log, store: storeThat(putFile) });
    await Promise.all([uploader.enqueue(piece("t", "a", 0)), uploader.enqueue(piece("t", "a", 0))]);
    expect(putFile).toHaveBeenCalledTimes(1);
    await uploader.close();
  });
});
