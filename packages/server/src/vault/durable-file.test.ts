import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { inDirectory, inNewDirectory } from "./durable-file.ts";

/** Syncs under way, by path; each waits for the test. */
const syncs = vi.hoisted(() => [] as { readonly path: string; readonly done: () => void; readonly fail: () => void }[]);
vi.mock("./sync-together.ts", () => ({
  syncTogether: (path: string) => new Promise<void>((done, reject) => void syncs.push({ path, done, fail: () => reject(new Error("the disk refuses")) })),
}));

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-names-"));
  syncs.length = 0;
});
afterEach(() => rm(dir, { recursive: true }));

const write = (path: string) => async (): Promise<string> => {
  await writeFile(path, "");
  return path;
};
const waiting = (): string[] => syncs.map(({ path }) => path);
const soon = <T>(promise: Promise<T>): Promise<T | "waits"> => Promise.race([promise, new Promise<"waits">((resolve) => setTimeout(resolve, 30, "waits"))]);

test("who finds a directory there whose name is not yet on disk waits for the name, too", async () => {
  const path = join(dir, "a/b");
  const maker = inNewDirectory(path, write(join(path, "1")));
  await vi.waitFor(() => expect(waiting()).toEqual([join(dir, "a"), dir]));
  const finder = inDirectory(path, write(join(path, "2")));
  await vi.waitFor(() => expect(waiting()).toHaveLength(4));
  expect(await soon(maker)).toBe("waits");
  for (const { done } of syncs.slice(0, 2)) done();
  expect(await maker).toBe(join(path, "1"));
  expect(await soon(finder)).toBe("waits");
  for (const { done } of syncs.slice(2)) done();
  expect(await finder).toBe(join(path, "2"));
  expect(await inDirectory(path, write(join(path, "3")))).toBe(join(path, "3"));
  expect(waiting()).toHaveLength(4); // both names are on disk: nobody syncs them again
});

test("a name that the disk refused fails whoever made it, once its work has ended, and is tried again by the next", async () => {
  const path = join(dir, "a");
  const work = Promise.withResolvers<void>();
  const maker = inNewDirectory(path, () => work.promise);
  maker.catch(() => undefined);
  await vi.waitFor(() => expect(syncs).toHaveLength(1));
  syncs[0]!.fail();
  expect(await soon(maker.catch(() => "failed"))).toBe("waits");
  work.resolve();
  await expect(maker).rejects.toThrow("the disk refuses");
  const next = inDirectory(path, write(join(path, "1")));
  await vi.waitFor(() => expect(syncs).toHaveLength(2));
  syncs[1]!.done();
  expect(await next).toBe(join(path, "1"));
});
