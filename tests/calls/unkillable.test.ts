/**
 * What happens to a recorder happens here to a real one: its disk fills up, turns read-only, its key store or its store goes away, its
 * file handles run out, its clock jumps, it stands still for seconds. Each time: a new call is told 503 within half a second where it
 * cannot be recorded, a running one loses nothing that was acknowledged, and afterwards everything is as before.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, rmdirSync, statSync, statfsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { CallRefused, placeCall, type PlacedCall } from "@earwitness/sandbox";
import { decode, toneStrength } from "../listen.ts";
import { pause, startPlatform, type Platform } from "../platform.ts";

const root = process.getuid?.() === 0;
const adele = "sip:adelev@contoso.example";
const closers: (() => Promise<void> | void)[] = [];
let callers = 0;

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function start(env: Record<string, string> = {}, prepare?: (dataDir: string) => void): Promise<Platform> {
  const platform = await startPlatform(env, prepare === undefined ? {} : { prepare });
  closers.push(() => platform.close());
  return platform;
}

async function call(platform: Platform): Promise<PlacedCall> {
  callers += 1;
  const tone = { kind: "tone", frequencyHz: 1000, bursts: [{ atMs: 0, durationMs: 120_000 }] } as const;
  const placed = await placeCall({
    server: { host: "127.0.0.1", port: platform.sipPort },
    localAddress: "127.0.0.1",
    parties: [
      { name: `Caller ${callers}`, aor: `sip:caller${callers}@elsewhere.example`, audio: tone },
      { name: "Adele Vance", aor: adele },
    ],
  });
  closers.push(() => placed.vanish());
  return placed;
}

/** A call that must be told to go elsewhere, quickly. */
async function refused(platform: Platform): Promise<void> {
  const began = performance.now();
  const outcome = await call(platform).then(
    () => null,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(CallRefused);
  expect((outcome as CallRefused).status).toBe(503);
  expect(performance.now() - began).toBeLessThan(500);
}

/** Readiness as anybody may ask for it. */
async function health(platform: Platform): Promise<{ status: number; reasons: string[] }> {
  const response = await fetch(`${platform.url}/api/v1/health`);
  const body = (await response.json()) as { reasons?: string[] };
  return { status: response.status, reasons: body.reasons ?? [] };
}

async function until(what: string, holds: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await holds()); await pause(100)) if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
}

/** Both show the state within ten seconds: health, and the metric that alarms watch. */
async function saysNotReady(platform: Platform, why: RegExp): Promise<void> {
  await until(`not ready: ${why}`, async () => {
    const { status, reasons } = await health(platform);
    return status === 503 && reasons.some((reason) => why.test(reason));
  });
  expect(await (await platform.fetch("/api/v1/metrics")).text()).toMatch(/^earwitness_ready 0$/m);
}

async function readyAgain(platform: Platform): Promise<void> {
  await until("ready again", async () => (await health(platform)).status === 200);
}

/** How much of the caller's tone is missing between its beginning and its end. */
async function missingMs(platform: Platform, placed: PlacedCall, sentMs: number): Promise<number> {
  const interaction = (await platform.settled(placed.callId, "Available", 30_000)).find((one) => one.user.upn === "adelev@contoso.example")!;
  const detail = await platform.detail(interaction.id);
  const track = detail.tracks.find((one) => one.participant.aor !== adele)!;
  const response = await platform.fetch(`/api/v1/interactions/${interaction.id}/media/${track.track}`);
  const heard = toneStrength(decode(new Uint8Array(await response.arrayBuffer())), 1000).filter((strength) => strength > 0.05).length * 10;
  return sentMs - heard;
}

async function endWhole(platform: Platform, placed: PlacedCall): Promise<void> {
  const sentMs = placed.elapsedMs();
  await placed.bye();
  expect(await missingMs(platform, placed, sentMs)).toBeLessThanOrEqual(60); // the last packets are under way when BYE is said
}

const spoolOf = (platform: Platform): string => join(platform.dataDir, "sandbox/spool");
const run = (command: string, ...args: string[]): string => {
  const done = spawnSync(command, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${done.stderr}`);
  return done.stdout;
};

/** A spool on a small disk of its own: ext4 in a file, which turns read-only at the first error, as disks of servers are set to. */
async function startOnSmallDisk(env: Record<string, string>): Promise<{ platform: Platform; device: string }> {
  let spool = "";
  const platform = await start(env, (dataDir) => {
    spool = join(dataDir, "sandbox/spool");
    const image = join(dataDir, "disk");
    mkdirSync(spool, { recursive: true, mode: 0o700 });
    run("truncate", "-s", "96M", image);
    run("mkfs.ext4", "-q", "-F", "-m", "0", image);
    run("mount", "-o", "loop,errors=remount-ro", image, spool);
  });
  const close = platform.close;
  platform.close = async () => {
    await platform.stop();
    run("umount", spool);
    await close();
  };
  return { platform, device: run("findmnt", "-no", "SOURCE", spool).trim() };
}

describe.skipIf(!root)("disks (mounting them needs root)", () => {
  test("PLT-03 a full disk: new calls go elsewhere, the running one goes on in what is kept free for it and is whole", async () => {
    const { platform } = await startOnSmallDisk({ EARWITNESS_SPOOL_FREE_MB: "48" });
    const running = await call(platform);
    await pause(1_500);
    const ballast = join(spoolOf(platform), "ballast");
    const disk = statfsSync(spoolOf(platform));
    writeFileSync(ballast, Buffer.alloc(disk.bavail * disk.bsize - 24 * 1024 * 1024));
    await saysNotReady(platform, /spool has \d+ MB free/);
    await refused(platform);
    await pause(3_000);
    rmSync(ballast);
    await readyAgain(platform);
    await endWhole(platform, running);
    await endWhole(platform, await callFor(platform, 2_000));
  });

  test("PLT-03 a disk that turns read-only: the running call ends as failed with what was synced, and recording goes on once it can be written", async () => {
    const { platform, device } = await startOnSmallDisk({ EARWITNESS_SPOOL_FREE_MB: "16" });
    const running = await call(platform);
    await pause(4_000);
    const sentMs = running.elapsedMs();
    writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "a fault for the test");
    expect(await Promise.race([running.ended, pause(10_000).then(() => "still running")])).toBe("recorder");
    await refused(platform);
    await saysNotReady(platform, /./);
    // What an operator does: the disk is checked, and the recorder started again.
    await platform.stop();
    run("umount", spoolOf(platform));
    spawnSync("e2fsck", ["-fy", device.startsWith("/dev/loop") ? join(platform.dataDir, "disk") : device]);
    run("mount", "-o", "loop,errors=remount-ro", join(platform.dataDir, "disk"), spoolOf(platform));
    await platform.restart();
    expect(await missingMs(platform, running, sentMs)).toBeLessThanOrEqual(1_000);
    const [interaction] = await platform.settled(running.callId);
    expect(interaction).toMatchObject({ releaseCause: "Failure" });
    await endWhole(platform, await callFor(platform, 2_000));
  });
});

/** Lets the device take so many writes a second, for the platform's processes. */
function throttle(device: string, pid: number, writesPerSecond: number): () => void {
  const group = `/sys/fs/cgroup/blkio/earwitness-${pid}`;
  mkdirSync(group, { recursive: true });
  closers.unshift(() => rmdirSync(group)); // last of all, when nobody is in it any more
  writeFileSync(join(group, "blkio.throttle.write_iops_device"), `${statSync(device).rdev >> 8}:${statSync(device).rdev & 0xff} ${writesPerSecond}`);
  writeFileSync(join(group, "cgroup.procs"), String(pid));
  return () => writeFileSync(join(group, "blkio.throttle.write_iops_device"), `${statSync(device).rdev >> 8}:${statSync(device).rdev & 0xff} 0`);
}

test.skipIf(!root || !existsSync("/sys/fs/cgroup/blkio"))("PLT-03 a slow disk: what comes waits in memory, new calls go elsewhere, the running one is whole", async () => {
  const { platform, device } = await startOnSmallDisk({ EARWITNESS_SPOOL_FREE_MB: "16" });
  const running = await callFor(platform, 2_000);
  const mend = throttle(device, platform.pid(), 1);
  await saysNotReady(platform, /disk is slow/);
  await refused(platform);
  await pause(3_000);
  mend();
  await readyAgain(platform);
  await endWhole(platform, running);
  await endWhole(platform, await callFor(platform, 1_000));
});

async function callFor(platform: Platform, ms: number): Promise<PlacedCall> {
  const placed = await call(platform);
  await pause(ms);
  return placed;
}

test("PLT-03 the key store is gone: no call is begun without a key that is kept; the running one ends whole", async () => {
  const platform = await start();
  const running = await callFor(platform, 1_000);
  const keystore = join(platform.dataDir, "sandbox/keystore");
  renameSync(keystore, `${keystore}-away`);
  writeFileSync(keystore, "no directory");
  await refused(platform);
  rmSync(keystore);
  renameSync(`${keystore}-away`, keystore);
  await endWhole(platform, running);
  await endWhole(platform, await callFor(platform, 1_000));
});

test("PLT-03 the store is gone: calls begin, run and end; what was recorded waits in the spool and is playable once the store is back", async () => {
  const platform = await start();
  const store = join(platform.dataDir, "sandbox/store");
  if (existsSync(store)) renameSync(store, `${store}-away`);
  writeFileSync(store, "no directory");
  const placed = await callFor(platform, 2_500);
  const sentMs = placed.elapsedMs();
  await placed.bye();
  await pause(2_000);
  rmSync(store);
  if (existsSync(`${store}-away`)) renameSync(`${store}-away`, store);
  expect(await missingMs(platform, placed, sentMs)).toBeLessThanOrEqual(60);
});

test("PLT-03 no more file handles: new calls go elsewhere, the running one is whole", async () => {
  const platform = await start();
  const running = await callFor(platform, 1_500);
  // No number of handles is free any more; what is open stays open.
  run("prlimit", "--pid", String(platform.pid()), "--nofile=3:4096");
  await refused(platform);
  await pause(2_000);
  run("prlimit", "--pid", String(platform.pid()), "--nofile=4096:4096");
  await endWhole(platform, running);
  await endWhole(platform, await callFor(platform, 1_000));
});

test("PLT-03 a process that stands still for two seconds loses no packet: the sockets held them", async () => {
  const platform = await start();
  const running = await callFor(platform, 2_000);
  process.kill(platform.pid(), "SIGSTOP");
  await pause(2_000);
  process.kill(platform.pid(), "SIGCONT");
  await pause(1_500);
  await endWhole(platform, running);
  const [interaction] = await platform.settled(running.callId);
  expect(interaction).toMatchObject({ hasGaps: false });
});

const faketime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

test.skipIf(!existsSync(faketime)).each([
  ["back", "-3600"],
  ["forward", "+3600"],
])("PLT-03 the clock is set %s by an hour in the middle of a call: the call is whole and as long as it was", async (_, offset) => {
  let offsetFile = "";
  const platform = await start({ LD_PRELOAD: faketime, FAKETIME_NO_CACHE: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1" }, () => undefined);
  offsetFile = join(platform.dataDir, "clock");
  await platform.stop();
  writeFileSync(offsetFile, "+0");
  await platform.restart({ FAKETIME_TIMESTAMP_FILE: offsetFile });
  const placed = await callFor(platform, 2_000);
  writeFileSync(offsetFile, offset);
  await pause(2_000);
  const sentMs = placed.elapsedMs();
  await placed.bye();
  expect(await missingMs(platform, placed, sentMs)).toBeLessThanOrEqual(60);
  const [interaction] = await platform.settled(placed.callId);
  const detail = await platform.detail(interaction!.id);
  expect(Math.abs(detail.recording!.durationMs - sentMs)).toBeLessThanOrEqual(200);
});
