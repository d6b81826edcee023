/** What every object store must do; the suite runs on each implementation, so that they can stand in for one another. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ObjectConflict, ObjectMissing } from "./missing.ts";
import type { ObjectStore } from "./vault.ts";

export function objectStoreContract(title: string, create: () => Promise<{ store: ObjectStore; close(): Promise<void> }>): void {
  describe(`${title}: object store contract`, () => {
    let store: ObjectStore;
    let close: () => Promise<void>;
    let dir: string;
    let count = 0;
    const newName = (): string => `tenant-1/2026/11/02/${(count += 1)}-a.ewp`;
    const fileWith = async (bytes: Uint8Array): Promise<string> => {
      const path = join(dir, `source-${randomBytes(4).toString("hex")}`);
      await writeFile(path, bytes);
      return path;
    };

    beforeAll(async () => {
      ({ store, close } = await create());
      dir = await mkdtemp(join(tmpdir(), "earwitness-store-"));
    });
    afterAll(async () => {
      await close();
      await rm(dir, { recursive: true });
    });

    test("what was put is read back, whole and in ranges", async () => {
      const bytes = randomBytes(200_000);
      const put = newName();
      const putFile = newName();
      await store.put(put, bytes);
      await store.putFile(putFile, await fileWith(bytes));
      for (const name of [put, putFile]) {
        expect(await store.size(name)).toBe(200_000);
        expect(Buffer.compare(await store.read(name, 0, 200_000), bytes)).toBe(0);
        expect(Buffer.compare(await store.read(name, 65_000, 7_000), bytes.subarray(65_000, 72_000))).toBe(0);
      }
    });

    test("a range is shorter only at the end", async () => {
      const name = newName();
      await store.put(name, Buffer.from("0123456789"));
      expect(Buffer.from(await store.read(name, 8, 10)).toString()).toBe("89");
      expect(await store.read(name, 10, 5)).toHaveLength(0);
      expect(await store.read(name, 400, 5)).toHaveLength(0);
    });

    test("a folder is listed in the order of names, from anywhere in it, and nothing else is", async () => {
      const names = ["tenant-2/2026/11/02/r1/0-a.ewp", "tenant-2/2026/11/02/r1/1-a.ewp", "tenant-2/2026/11/02/r1-x", "tenant-2/2026/11/03/r2/0-b.ewp"].toSorted();
      for (const name of [...names, "tenant-20/0", "tenant-3/0"]) await store.put(name, Buffer.from(name));
      const listed = async (after?: string, folder = "tenant-2"): Promise<string[]> => {
        const found: string[] = [];
        for await (const { name } of store.list(folder, after)) found.push(name);
        return found;
      };
      expect(await listed()).toEqual(names);
      for (let at = 0; at < names.length; at += 1) expect(await listed(names[at])).toEqual(names.slice(at + 1));
      expect(await listed("tenant-2/2026/11/02/r1/0-z")).toEqual(names.filter((name) => name > "tenant-2/2026/11/02/r1/0-z"));
      expect(await listed("", "nobody")).toEqual([]);
      for await (const { storedAt } of store.list("tenant-2")) expect(Math.abs(Date.now() - storedAt.getTime())).toBeLessThan(3_600_000);
    });

    test("an empty object is an object", async () => {
      const name = newName();
      await store.put(name, new Uint8Array(0));
      expect(await store.size(name)).toBe(0);
      expect(await store.read(name, 0, 10)).toHaveLength(0);
    });

    test("the same bytes again are a success, other bytes a conflict that changes nothing", async () => {
      for (const again of ["put", "putFile"] as const) {
        const name = newName();
        const write = async (bytes: Uint8Array): Promise<void> => (again === "put" ? store.put(name, bytes) : store.putFile(name, await fileWith(bytes)));
        await write(Buffer.from("first"));
        await write(Buffer.from("first"));
        await expect(write(Buffer.from("other"))).rejects.toThrow(ObjectConflict);
        expect(Buffer.from(await store.read(name, 0, 100)).toString()).toBe("first");
      }
    });

    test("the source file may go once putFile has resolved", async () => {
      const name = newName();
      const source = await fileWith(Buffer.from("kept"));
      await store.putFile(name, source);
      await rm(source);
      expect(Buffer.from(await store.read(name, 0, 100)).toString()).toBe("kept");
    });

    test("two who put the same object at once both succeed", async () => {
      const name = newName();
      const sources = await Promise.all([fileWith(Buffer.from("same")), fileWith(Buffer.from("same"))]);
      await Promise.all(sources.map((source) => store.putFile(name, source)));
      expect(await store.size(name)).toBe(4);
    });

    test("what is not there is ObjectMissing; deleting it is a success", async () => {
      const name = newName();
      await expect(store.read(name, 0, 1)).rejects.toThrow(ObjectMissing);
      await expect(store.size(name)).rejects.toThrow(ObjectMissing);
      await store.delete(name);
      await store.put(name, Buffer.from("x"));
      await store.delete(name);
      await expect(store.size(name)).rejects.toThrow(ObjectMissing);
    });

    test.each(["../escape", "a/../../b", "/absolute", "a//b", "", ".hidden", "a/.", "a\\b", "a/b\0c", `${"x".repeat(300)}`])("refuses the name %j", async (name) => {
      await expect(store.put(name, Buffer.from("x"))).rejects.toThrow(/safe name/);
      await expect(store.read(name, 0, 1)).rejects.toThrow(/safe name/);
      await expect(store.delete(name)).rejects.toThrow(/safe name/);
    });
  });
}
