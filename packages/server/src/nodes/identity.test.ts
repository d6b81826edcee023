import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadNodeIdentity } from "./identity.ts";

let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), "earwitness-node-"))));
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("a node's identity", () => {
  test("is made once and the same ever after; its key is readable to nobody else", async () => {
    const first = await loadNodeIdentity(join(dir, "node"), null);
    const second = await loadNodeIdentity(join(dir, "node"), null);
    expect(first.nodeId).toMatch(/^node-[0-9a-f]{8}$/);
    expect([second.nodeId, second.publicKey]).toEqual([first.nodeId, first.publicKey]);
    expect(first.publicKey).toHaveLength(32);
    expect((await stat(join(dir, "node/key"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, "node"))).mode & 0o777).toBe(0o700);
  });

  test("a configured id wins", async () => {
    expect((await loadNodeIdentity(dir, "berlin-1")).nodeId).toBe("berlin-1");
  });

  test("signs for a purpose, and for no other", async () => {
    const node = await loadNodeIdentity(dir, null);
    const bytes = Buffer.from("hello");
    const signature = node.sign("greeting", bytes);
    expect(node.verify("greeting", bytes, signature)).toBe(true);
    expect(node.verify("farewell", bytes, signature)).toBe(false);
    expect(node.verify("greeting", Buffer.from("hell0"), signature)).toBe(false);
    expect(node.verify("greeting", bytes, new Uint8Array(3))).toBe(false);
  });

  test("a damaged key is an error that names the file, never a new key", async () => {
    await loadNodeIdentity(dir, null);
    await writeFile(join(dir, "key"), "garbage");
    await expect(loadNodeIdentity(dir, null)).rejects.toThrow(join(dir, "key"));
    expect(await readFile(join(dir, "key"), "utf8")).toBe("garbage");
  });
});
