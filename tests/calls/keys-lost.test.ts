import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placeCall } from "@earwitness/sandbox";
import { followHandovers, keysFor, parseCheckpoint, parseNote, parseVkey, verifyNote } from "@earwitness/verify";
import { decode, toneStrength } from "../listen.ts";
import { command, pause, startPlatform, type Platform } from "../platform.ts";

let platform: Platform;
let elsewhere: string;

beforeAll(async () => {
  platform = await startPlatform();
  elsewhere = await mkdtemp(join(tmpdir(), "earwitness-escrow-"));
});
afterAll(async () => {
  await platform.close();
  await rm(elsewhere, { recursive: true });
});

async function call(): Promise<string> {
  const placed = await placeCall({
    server: { host: "127.0.0.1", port: platform.sipPort },
    localAddress: "127.0.0.1",
    parties: [
      { name: "Caller", aor: "sip:caller@elsewhere.example", audio: { kind: "tone", frequencyHz: 1000, bursts: [{ atMs: 0, durationMs: 60_000 }] } },
      { name: "Adele Vance", aor: "sip:adelev@contoso.example" },
    ],
  });
  await pause(1_500);
  await placed.bye();
  return placed.callId;
}
async function heardMs(callId: string): Promise<number> {
  const mine = (await platform.settled(callId, "Available", 30_000)).find(({ user }) => user.upn === "adelev@contoso.example")!;
  const response = await platform.fetch(`/api/v1/interactions/${mine.id}/media`);
  expect(response.status).toBe(200);
  return toneStrength(decode(new Uint8Array(await response.arrayBuffer())), 1000).filter((strength) => strength > 0.05).length * 10;
}
const earwitness = (...args: string[]): Promise<string> => command(platform.dataDir, args);
const checkpoint = (): Promise<string> => earwitness("log", "checkpoint", "--tenant", "contoso").then((note) => `${note}\n`);
const logKeys = async (): Promise<{ vkey: string }[]> => (JSON.parse(await earwitness("log", "show", "--tenant", "contoso", "--json")) as { keys: { vkey: string }[] }).keys;

test("PLT-14 all keys are lost: from escrow, old recordings play again and the log goes on under its key; rotated, it hands over", { timeout: 180_000 }, async () => {
  const before = await call();
  expect(await heardMs(before)).toBeGreaterThan(1_000);
  const [{ vkey: first } = { vkey: "" }] = await logKeys();
  const signedBefore = await checkpoint();
  await writeFile(join(elsewhere, "passphrase"), "correct horse battery\n");
  await earwitness("keys", "export", "--to", join(elsewhere, "keys.age"), "--passphrase-file", join(elsewhere, "passphrase"));
  expect(JSON.stringify(await platform.get("/api/v1/audit"))).toContain("Tenant keys was exported by Command line of this machine");
  await expect(earwitness("keys", "import", join(elsewhere, "keys.age"), "--passphrase-file", join(elsewhere, "passphrase"))).rejects.toThrow("stop it first");

  // The disk with the keys dies, and the server is started before they are back: it records, for whoever has the keys.
  await platform.stop();
  const keyDir = join(platform.dataDir, "sandbox/keys");
  const lost = (await readdir(keyDir, { recursive: true })).filter((name) => name.endsWith(".key") || name.endsWith(".json")).length;
  expect(lost).toBeGreaterThan(2);
  for (const name of await readdir(keyDir)) await rm(join(keyDir, name), { recursive: true });
  await platform.restart();
  const during = await call();
  for (const callId of [before, during]) {
    const [lostCall] = await platform.settled(callId);
    expect((await platform.fetch(`/api/v1/interactions/${lostCall!.id}/media`)).status).toBe(410);
  }
  await platform.stop();
  await rm(join(keyDir, "facts.key"));

  await earwitness("keys", "import", join(elsewhere, "keys.age"), "--passphrase-file", join(elsewhere, "passphrase"));
  await platform.restart();
  expect(await heardMs(before), "what was recorded before").toBeGreaterThan(1_000);
  expect(await heardMs(during), "what was recorded while the keys were lost").toBeGreaterThan(1_000);
  const signedAfter = await checkpoint();
  for (const note of [signedBefore, signedAfter]) expect(await verifyNote(parseNote(note), [parseVkey(first)])).toHaveLength(1);

  const entries = async () => ((await (await platform.fetch("/api/v1/audit?action=Import&action=Export&item=Tenant")).json()) as { items: { description: string; detail: object }[] }).items;
  await expect.poll(async () => (await entries()).map(({ description }) => description), { timeout: 20_000 }).toEqual(["Tenant keys was imported by Command line of this machine", "Tenant keys was exported by Command line of this machine"]);
  expect((await entries())[0]!.detail).toMatchObject({ missing: 3, joined: 0 });

  const second = await earwitness("log", "rotate-key", "--tenant", "contoso", "--reason", "rehearsal");
  const signedLast = await checkpoint();
  const shown = await (await platform.fetch(`/log/${parseCheckpoint(parseNote(signedLast).text).origin.split("/").at(-1)!}/keys`)).text();
  expect(shown.startsWith(`${first}\n${second}\n\n`)).toBe(true);
  const periods = await followHandovers(parseVkey(first), [shown.slice(shown.indexOf("earwitness/handover/1"))]);
  const { text } = parseNote(signedLast);
  const keys = keysFor(periods, parseCheckpoint(text).size);
  expect(await verifyNote(parseNote(signedLast), keys)).toHaveLength(1);
  expect(await verifyNote(parseNote(signedLast), [parseVkey(first)])).toHaveLength(0);
});
