import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatVkey } from "@earwitness/verify";
import { sampleBundle } from "../../verify/src/testing/sample-bundle.ts";
import { zipFiles } from "../../verify/src/testing/zip-files.ts";

/*
 * Core decision 19: what auditors install is plain JavaScript. Packed, installed into an empty folder without a network, and run by the
 * oldest Node that is on this machine (20 on Debian).
 */
const project = resolve(import.meta.dirname, "../../..");
let dir: string;
const at = (name: string): string => join(dir, name);

/** The oldest of this process's own and the machine's. */
function oldestNode(): string {
  const found = (process.env["PATH"] ?? "").split(delimiter).filter((path) => !path.includes("node_modules")).map((path) => join(path, "node")).filter((path) => existsSync(path));
  const age = (node: string): number => Number(execFileSync(node, ["-p", "process.versions.node.split('.')[0]"], { encoding: "utf8" }));
  return [process.execPath, ...found].toSorted((a, b) => age(a) - age(b))[0]!;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "earwitness-packed-"));
  const packed = spawnSync(process.execPath, [join(project, "scripts/pack.mjs"), at("packages")], { encoding: "utf8" });
  expect(packed.status, packed.stderr).toBe(0);
  const files = (await readdir(at("packages"))).map((name) => at(`packages/${name}`));
  expect(files).toHaveLength(2);
  execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", "--silent", "--prefix", at("installed"), ...files], { stdio: "pipe" });
}, 180_000);
afterAll(() => rm(dir, { recursive: true }));

test("PLT-14 the packed command checks a bundle, and its exit codes are the documented ones", async () => {
  const bundle = await sampleBundle();
  const zip = await zipFiles(bundle.files, { compress: true });
  await writeFile(at("good.zip"), zip);
  await writeFile(at("bad.zip"), Buffer.from(zip).fill(1, 100, 101));
  await writeFile(at("key"), formatVkey(bundle.signer.key));
  const node = oldestNode();
  const command = at("installed/node_modules/.bin/earwitness");
  const verify = (...args: string[]) => spawnSync(node, [command, "verify", ...args, "--key", at("key")], { encoding: "utf8", env: {} });
  const good = verify(at("good.zip"));
  expect([good.status, good.stderr]).toEqual([0, ""]);
  expect(good.stdout).toContain("made again from the packets and the same to the last byte");
  expect(good.stdout).toMatch(/^Verified\./m);
  expect([1, 2]).toContain(verify(at("bad.zip")).status);
  expect(verify(at("nowhere.zip")).status).toBe(2);
  expect(verify(at("good.zip"), "--shout").status).toBe(2);
});

test("the packed command brings no server, and says so where one is needed", () => {
  const asked = spawnSync(oldestNode(), [at("installed/node_modules/.bin/earwitness"), "restore", "--from", dir, "--to", "latest"], { encoding: "utf8", env: {} });
  expect([asked.status, asked.stderr]).toEqual([1, "earwitness: the server's package is not installed here. Run this where the server is.\n"]);
});

test("the packed library is a module without dependencies, with its types", async () => {
  const use = `import { verifyBundle, sha256Here } from "@earwitness/verify"; console.log(JSON.stringify(await verifyBundle(new Map(), { sha256: sha256Here, key: null, witnesses: [], sound: null, timestamp: null })));`;
  await writeFile(at("installed/use.mjs"), use);
  const ran = spawnSync(oldestNode(), [at("installed/use.mjs")], { encoding: "utf8", env: {} });
  expect(JSON.parse(ran.stdout)).toMatchObject({ holds: false, unreadable: true });
  expect(existsSync(at("installed/node_modules/@earwitness/verify/dist/index.d.ts"))).toBe(true);
});
