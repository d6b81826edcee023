import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPasswordFile } from "./password-file.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "earwitness-password-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (content: string | Uint8Array): string => {
  const name = `${Math.random().toString(36).slice(2)}.txt`;
  writeFileSync(join(folder, name), content);
  return name;
};
const read = (content: string | Uint8Array) => readPasswordFile(folder, file(content));

test("the one line of the file is the password, however it ends, and wherever the name begins", () => {
  const password = "Kp7$wq2Zt9\"vRmX";
  for (const written of [password, `${password}\n`, `${password}\r\n`, `\ufeff${password}\n`]) expect(read(written)).toEqual({ ok: true, password });
  expect(readPasswordFile("/nowhere", join(folder, file(password)))).toEqual({ ok: true, password });
  expect(read("a".repeat(128))).toMatchObject({ ok: true });
});

test.each([
  ["an empty file", "", "is empty"],
  ["a file with a line end alone", "\n", "is empty"],
  ["a file with blanks alone", "   \n", "is empty"],
  ["two lines", "secretsecret1\nsecretsecret2\n", "has more than one line"],
  ["a space", "secret secret secret", "holds a space"],
  ["an umlaut", "geheimnisgeheimnisä", "not ASCII"],
  ["a key of bytes", new Uint8Array([0x70, 0x00, 0xff, 0x1b, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78]), "not ASCII"],
  ["a short one", "secretsecre", "holds 11 characters. Choose 12 to 128"],
  ["a long one", "s".repeat(129), "holds 129 characters"],
  ["what is no password at all", "s".repeat(5_000), "has 5000 bytes"],
])("%s is refused with the file's name, what to do, and no letter of it", (_, content, words) => {
  const answer = read(content);
  if (answer.ok) throw new Error("it was taken");
  expect(answer.message).toContain(words);
  expect(answer.message).toMatch(new RegExp(`^${folder}/\\w+\\.txt (is|has|holds) .*\\. (Write|Leave|Choose|Name) `));
  expect(answer.message).not.toMatch(/secretse|geheim|ssss/);
});

test("a file that is not there, a folder, and one that may not be read are told apart", () => {
  const message = (name: string): string => {
    const answer = readPasswordFile(folder, name);
    return answer.ok ? "" : answer.message;
  };
  expect(message("missing.txt")).toBe(`${folder}/missing.txt is not there. Make it, with the password in one line, or correct the name; a relative one begins at the folder of the provision file`);
  expect(message(".")).toContain(" is a folder.");
  expect(message(join(file("secretsecret"), "below"))).toContain("cannot be read: ENOTDIR");
  const closed = file("secretsecret");
  chmodSync(join(folder, closed), 0o000);
  // Root reads everything.
  if (process.getuid?.() === 0) expect(readPasswordFile(folder, closed)).toMatchObject({ ok: true });
  else expect(message(closed)).toContain("may not be read by the account that Earwitness runs as");
});

test("a pipe or a device, which may never end, is not read", () => {
  const pipe = join(folder, "pipe");
  expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
  for (const path of [pipe, "/dev/zero"]) expect(readPasswordFile(folder, path)).toMatchObject({ ok: false, message: expect.stringContaining("is no file, but a device or a pipe") });
});
