import { spawn } from "node:child_process";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placeCall, type PlacedCall } from "@earwitness/sandbox";
import { pause, startPlatform, type Platform } from "../platform.ts";

const main = resolve(import.meta.dirname, "../../packages/cli/src/main.ts");
let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.close());

async function fsck(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, "fsck", ...args], { env: { ...process.env, EARWITNESS_DATA_DIR: platform.dataDir, NODE_OPTIONS: "" }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on("data", (part: Buffer) => out.push(part.toString()));
  child.stderr.on("data", (part: Buffer) => err.push(part.toString()));
  const code = await new Promise<number | null>((done) => child.on("close", done));
  return { code, out: out.join(""), err: err.join("") };
}

const call = (n: number): Promise<PlacedCall> =>
  placeCall({
    server: { host: "127.0.0.1", port: platform.sipPort },
    localAddress: "127.0.0.1",
    parties: [
      { name: `Caller ${n}`, aor: `sip:caller${n}@elsewhere.example`, audio: { kind: "tone", frequencyHz: 1000, bursts: [{ atMs: 0, durationMs: 600_000 }] } },
      { name: "Adele Vance", aor: "sip:adelev@contoso.example" },
    ],
  });

test("PLT-14 calls that ended, one that the recorder died in and one that runs: everything agrees, with the server and without it, until a byte is changed", { timeout: 300_000 }, async () => {
  const ended = await Promise.all([call(1), call(2)]);
  const cutOff = await call(3);
  await pause(3_000);
  for (const one of ended) await one.bye();
  for (const one of ended) await platform.settled(one.callId, "Available", 60_000);
  await platform.kill();
  await cutOff.vanish();
  await platform.restart();
  await platform.settled(cutOff.callId, "Available", 60_000);
  const running = await call(4);
  await pause(2_000);

  const live = await fsck();
  expect([live.code, live.out]).toEqual([0, expect.stringContaining("Everything that was checked agrees (rows, log, witness, media, manifests, settings).")]);
  expect(live.out).toMatch(/contoso: \d+ of \d+ rows, 3 recordings, \d\d+ settings, /);

  const verified = await platform.settled(cutOff.callId, "Available");
  expect(verified.map(({ lastVerified }) => lastVerified)).toMatchObject(verified.map(() => ({ means: "fsck", result: "holds", by: { kind: "machine" } })));

  await running.bye();
  await platform.settled(running.callId, "Available", 60_000);
  await platform.stop();
  const stopped = await fsck("--sandbox");
  expect([stopped.code, stopped.out]).toEqual([0, expect.stringMatching(/4 recordings[^]*Everything that was checked agrees/)]);

  const store = join(platform.dataDir, "sandbox/store");
  const piece = (await readdir(store, { recursive: true })).find((name) => name.endsWith(".ewp"))!;
  const bytes = await readFile(join(store, piece));
  await writeFile(join(store, piece), bytes.with(bytes.length - 5, bytes.at(-5)! ^ 1));
  const damaged = await fsck("--sandbox", "--only", "media");
  expect([damaged.code, damaged.out]).toEqual([1, expect.stringContaining("[SECOND_ALTERED]")]);
});
