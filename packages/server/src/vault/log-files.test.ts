import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFileLogHeads, createFileLogSeeds } from "./log-files.ts";

let dir: string;
const tenantId = "5c6a7b5e-0000-4000-8000-000000000001";
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), "earwitness-log-"))));
afterEach(() => rm(dir, { recursive: true }));

test("a log's key is made once, for its own user alone, and found again", async () => {
  const seeds = createFileLogSeeds(join(dir, "keys"));
  expect(await seeds.read(tenantId)).toEqual([]);
  const made = await seeds.make(tenantId);
  expect(made).toHaveLength(32);
  expect(await seeds.make(tenantId)).toEqual(made);
  expect(await createFileLogSeeds(join(dir, "keys")).read(tenantId)).toEqual([made]);
  expect((await stat(join(dir, "keys", `${tenantId}.key`))).mode & 0o777).toBe(0o600);
  await writeFile(join(dir, "keys", `${tenantId}.key`), "short");
  await expect(seeds.read(tenantId)).rejects.toThrow("should hold 32 bytes, not 5. Restore it from its escrow copy");
});

test("a head is remembered, replaced and forgotten; a half-written file is no head", async () => {
  const heads = createFileLogHeads(join(dir, "log"));
  expect([await heads.list(), await heads.read(tenantId)]).toEqual([[], null]);
  await heads.write(tenantId, "one\n");
  await heads.write(tenantId, "two\n");
  await writeFile(join(dir, "log", `.tmp-${tenantId}.head-123`), "half");
  expect([await heads.list(), await heads.read(tenantId)]).toEqual([[tenantId], "two\n"]);
  await heads.write(tenantId, null);
  expect([await heads.list(), await heads.read(tenantId), await readdir(join(dir, "log"))]).toEqual([[], null, [`.tmp-${tenantId}.head-123`]]);
});
