import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatVkey, noteTypes, type BundleReport } from "@earwitness/verify";
import { newSigner, sampleBundle, type SampleBundle } from "../../verify/src/testing/sample-bundle.ts";
import { zipFiles } from "../../verify/src/testing/zip-files.ts";
import { createProgram } from "./program.ts";

let dir: string;
let bundle: SampleBundle;
const witness = newSigner("witness.example", noteTypes.cosignature);
const at = (name: string): string => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-verify-"));
  bundle = await sampleBundle({ witness });
  await writeFile(at("good.zip"), await zipFiles(bundle.files));
  await writeFile(at("key"), `# of Contoso\n\n${formatVkey(bundle.signer.key)}\n`);
});
afterAll(() => rm(dir, { recursive: true }));

/** What is printed, and the exit code. */
async function run(...args: string[]): Promise<{ lines: string; code: number; error: string }> {
  const lines: string[] = [];
  const server = { call: () => Promise.reject(new Error("verify asks no server")) };
  const program = createProgram(server, (line) => void lines.push(line));
  program.configureOutput({ writeErr: () => undefined });
  try {
    await program.parseAsync(["verify", ...args], { from: "user" });
    return { lines: lines.join("\n"), code: 0, error: "" };
  } catch (error) {
    return { lines: lines.join("\n"), code: (error as { exitCode?: number }).exitCode ?? -1, error: (error as Error).message };
  }
}

describe("earwitness verify", () => {
  test("PLT-14 a good bundle: words, exit code 0, and what was not checked", async () => {
    const { lines, code } = await run(at("good.zip"), "--key", at("key"));
    expect(code).toBe(0);
    expect(lines).toContain("is signed by the key that was given");
    expect(lines).toContain("Split view and roll-back: not checked.");
    expect(lines).toMatch(/^Verified\. \d+ hold, 0 do not/m);
  });

  test("with a witness's key, split views are checked; with a stranger's, it fails", async () => {
    const seen = await run(at("good.zip"), "--key", formatVkey(bundle.signer.key), "--witness", formatVkey(witness.key));
    expect([seen.code, seen.lines.includes("Split view")]).toEqual([0, false]);
    const other = await run(at("good.zip"), "--key", at("key"), "--witness", formatVkey(newSigner("x.example", noteTypes.cosignature).key));
    expect([other.code, other.lines]).toEqual([1, expect.stringContaining("The witness x.example has not co-signed")]);
  });

  test("authorities for timestamps come from a file that must be one", async () => {
    expect(await run(at("good.zip"), "--key", at("key"), "--tsa-ca", at("key"))).toMatchObject({ code: 2, error: expect.stringContaining("there is no certificate in PEM") as string });
  });

  test("a folder is checked as the archive is, and a touched one fails by name", async () => {
    for (const [path, bytes] of bundle.files) {
      await mkdir(dirname(at(`folder/${path}`)), { recursive: true });
      await writeFile(at(`folder/${path}`), bytes);
    }
    expect((await run(at("folder"), "--key", at("key"))).code).toBe(0);
    const [touched] = [...bundle.files.keys()].filter((path) => path.endsWith("audio/1.wav"));
    await writeFile(at(`folder/${touched!}`), bundle.files.get(touched!)!.with(60, 1));
    const { lines, code } = await run(at("folder"), "--key", at("key"));
    expect(code).toBe(1);
    expect(lines).toMatch(/What does NOT hold:\n {2}\S+audio\/1\.wav is not the file that was exported[^]*NOT verified/);
    await writeFile(at("folder/of somebody.txt"), "");
    expect((await run(at("folder"), "--key", at("key"))).code).toBe(2);
  });

  test("the report as JSON says the same", async () => {
    const { lines, code } = await run(at("good.zip"), "--key", at("key"), "--json");
    const report = JSON.parse(lines) as BundleReport;
    expect([code, report.holds, report.unreadable]).toEqual([0, true, false]);
    expect(report.statements.find(({ about }) => about === "checkpoint")?.bytes?.["root"]).toMatch(/^[0-9a-f]{64}$/);
  });

  test("what cannot be read, and wrong usage, is exit code 2 with one sentence", async () => {
    await writeFile(at("text.zip"), "hello");
    await writeFile(at("other.zip"), await zipFiles(new Map([["readme", new Uint8Array(1)]])));
    await writeFile(at("empty.key"), "\n");
    const key = formatVkey(bundle.signer.key);
    for (const [args, words] of [
      [[at("text.zip"), "--key", at("key")], "no ZIP archive"],
      [[at("nowhere.zip"), "--key", at("key")], "ENOENT"],
      [[at("other.zip"), "--key", at("key")], "no evidence bundle"],
      [[at("good.zip"), "--key", "hello"], "neither a public key"],
      [[at("good.zip"), "--key", at("empty.key")], "neither a public key"],
      [[at("good.zip"), "--key", formatVkey(witness.key)], "the key of a witness"],
      [[at("good.zip"), "--key", key.replace(/\+[0-9a-f]{8}\+/, "+00000000+")], "does not belong to its own hash"],
    ] as const) {
      const { code, error } = await run(...args);
      expect([code, error], args.join(" ")).toEqual([2, expect.stringContaining(words)]);
    }
    expect((await run(at("good.zip"))).error).toContain("--key");
  });
});
