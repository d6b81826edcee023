import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KeyExport } from "@earwitness/contract/control";
import { createProgram } from "./program.ts";

const tenant = "5c6a7b5e-3f0e-4c0e-9a51-6f0d5a4f4d11";
const pairs = (...names: readonly string[]): string => JSON.stringify({ version: 1, pairs: names.map((name) => ({ publicKey: name, privateKey: `of ${name}` })) });
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const files = { [`${tenant}.json`]: pairs("a"), "facts.key": "f".repeat(32), [`log/${tenant}.key`]: "l".repeat(32) };
const exported: KeyExport = { nodeId: "n1", exportedAt: "2026-11-27T09:00:00.000Z", directory: "keys", files: Object.entries(files).map(([path, text]) => ({ path, content: base64(text) })) };
let dir: string;
let isRunning = true;
const at = (name: string): string => join(dir, name);
const keyAt = (name: string): string => readFileSync(at(`data/keys/${name}`), "utf8");

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ew-keys-"));
  writeFileSync(at("passphrase"), "correct horse battery\n");
  isRunning = true;
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Null where it worked, else the sentence. */
async function run(...args: string[]): Promise<string | null> {
  const server = { call: async (_method: string, path: string) => (path === "/keys/export" ? exported : isRunning ? {} : Promise.reject(new Error("no server"))) as never };
  const program = createProgram(server, at("data"), () => undefined, () => undefined);
  program.configureOutput({ writeErr: () => undefined });
  return await program.parseAsync(["keys", ...args], { from: "user" }).then(() => null, (error: Error) => error.message);
}
const open = ["--passphrase-file"] as const;

/** A file that opens, with whatever in it. */
async function sealed(content: unknown): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(2);
  encrypter.setPassphrase("correct horse battery");
  writeFileSync(at("made.age"), await encrypter.encrypt(typeof content === "string" ? content : JSON.stringify(content)));
  return at("made.age");
}

describe("PLT-14 keys in escrow", () => {
  test("go out under a passphrase and come back into an empty directory, for the owner's eyes only", async () => {
    expect(await run("export", "--to", at("keys.age"), ...open, at("passphrase"))).toBeNull();
    const file = readFileSync(at("keys.age"));
    expect(file.toString("latin1")).toMatch(/^age-encryption\.org\/v1\n-> scrypt /);
    expect([statSync(at("keys.age")).mode & 0o777, file.includes("of a"), file.includes("ffff")]).toEqual([0o600, false, false]);
    isRunning = false;
    expect(await run("import", at("keys.age"), ...open, at("passphrase"))).toBeNull();
    for (const [path, text] of Object.entries(files)) {
      expect(keyAt(path)).toBe(text);
      expect(statSync(at(`data/keys/${path}`)).mode & 0o777).toBe(0o600);
      expect(statSync(dirname(at(`data/keys/${path}`))).mode & 0o777).toBe(0o700);
    }
    expect(await run("import", at("keys.age"), ...open, at("passphrase")), "once more, where all is there").toBeNull();
    const acts = readdirSync(at("data/acts"));
    expect(acts.map((name) => JSON.parse(readFileSync(at(`data/acts/${name}`), "utf8"))), "what the next start writes down").toEqual([{ id: expect.any(String), action: "Import", item: "Tenant", by: "command line", at: expect.any(String), detail: { name: "keys", ofNode: "n1", exportedAt: exported.exportedAt, missing: 3, joined: 0 } }]);
  }, 60_000);

  test("or to a person's recipient, whose identity alone opens them", async () => {
    const [identity, other] = [await generateIdentity(), await generateIdentity()];
    expect(await run("export", "--to", at("keys.age"), "--recipient", await identityToRecipient(identity))).toBeNull();
    writeFileSync(at("identity"), `# created by somebody\n${identity}\n`);
    writeFileSync(at("other"), `${other}\n`);
    isRunning = false;
    expect(await run("import", at("keys.age"), "--identity-file", at("other"))).toContain("does not open with this identity");
    expect(await run("import", at("keys.age"), "--identity-file", at("passphrase"))).toContain("no age identity");
    expect(await run("import", at("keys.age"), "--identity-file", at("identity"))).toBeNull();
    expect(keyAt("facts.key")).toBe("f".repeat(32));
  });

  test.skipIf(spawnSync("age", ["--version"]).error !== undefined)("the file is one that age itself opens, and one of age's can be read", async () => {
    const identity = await generateIdentity();
    writeFileSync(at("identity"), identity);
    await run("export", "--to", at("keys.age"), "--recipient", await identityToRecipient(identity));
    const opened = spawnSync("age", ["-d", "-i", at("identity"), at("keys.age")], { encoding: "utf8" });
    expect(JSON.parse(opened.stdout)).toEqual(exported);
    writeFileSync(at("by-age"), spawnSync("age", ["-r", await identityToRecipient(identity)], { input: opened.stdout }).stdout);
    isRunning = false;
    expect(await run("import", at("by-age"), "--identity-file", at("identity"))).toBeNull();
    expect(keyAt("facts.key")).toBe("f".repeat(32));
  });

  test("nothing that is there is overwritten: another key is refused before anything is written, a tenant's newer pairs are kept", async () => {
    const file = await sealed(exported);
    isRunning = false;
    mkdirSync(at("data/keys"), { recursive: true });
    writeFileSync(at(`data/keys/${tenant}.json`), pairs("b"));
    writeFileSync(at("data/keys/facts.key"), "x".repeat(32));
    expect(await run("import", file, ...open, at("passphrase"))).toMatch(/facts\.key is here with another content\. Nothing was written/);
    expect([keyAt("facts.key"), keyAt(`${tenant}.json`)]).toEqual(["x".repeat(32), pairs("b")]);
    rmSync(at("data/keys/facts.key"));
    expect(await run("import", file, ...open, at("passphrase"), "--check")).toBeNull();
    expect(keyAt(`${tenant}.json`)).toBe(pairs("b"));
    expect(await run("import", file, ...open, at("passphrase"))).toBeNull();
    expect(keyAt(`${tenant}.json`)).toBe(pairs("a", "b"));
    expect(await run("import", file, ...open, at("passphrase")), "and once more").toBeNull();
    expect(keyAt(`${tenant}.json`)).toBe(pairs("a", "b"));
  });

  test("not while a server runs, not over a file, not with a passphrase that is none", async () => {
    const file = await sealed(exported);
    expect(await run("import", file, ...open, at("passphrase"))).toContain("stop it first");
    expect(await run("export", "--to", file, ...open, at("passphrase"))).toContain("cannot be written: EEXIST");
    writeFileSync(at("short"), "secret\n");
    expect(await run("export", "--to", at("new"), ...open, at("short"))).toContain("at least 12 characters");
    expect(await run("export", "--to", at("new"), "--recipient", "age1nobody")).toContain("is no age recipient");
    expect(await run("export", "--to", at("new"), "--recipient", "age1nobody", ...open, at("passphrase"))).toContain("not for both");
    expect(await run("import", file, ...open, at("nowhere"))).toContain("cannot be read");
    expect(await run("import", file, ...open, at("short"))).toContain("does not open with this passphrase");
    writeFileSync(at("cut"), readFileSync(file).subarray(0, -1));
    expect(await run("import", at("cut"), ...open, at("passphrase"))).toContain("no whole age file");
  });

  test.each([
    ["no JSON", "hello"],
    ["something else", {}],
    ["another directory", { ...exported, directory: "../../etc" }],
    ["a path that leads out", { ...exported, files: [{ path: "../facts.key", content: "AAAA" }] }],
    ["an absolute path", { ...exported, files: [{ path: "/etc/passwd", content: "AAAA" }] }],
    ["a path too deep", { ...exported, files: [{ path: "a/b/c.key", content: "AAAA" }] }],
    ["a hidden name", { ...exported, files: [{ path: "log/.key", content: "AAAA" }] }],
    ["no base64", { ...exported, files: [{ path: "facts.key", content: "…" }] }],
  ])("a file that opens and holds %s is refused", async (_what, content) => {
    isRunning = false;
    expect(await run("import", await sealed(content), ...open, at("passphrase"))).toBe("the file opens, and holds no export of keys");
  });
});
