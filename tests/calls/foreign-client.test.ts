import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decode, toneBursts } from "../listen.ts";
import { pause, startPlatform, type Platform } from "../platform.ts";

/*
 * A client we did not write: sipp speaks SIPREC, ffmpeg sends the media to the ports of the 200 and decodes what we kept.
 */
const scenario = resolve(import.meta.dirname, "../../packages/server/test/siprec/call.xml");
const toneStarts = [1000, 3000, 5000];
const toneMs = 500;
let platform: Platform;
let dir = "";

beforeAll(async () => {
  platform = await startPlatform();
  dir = await mkdtemp(join(tmpdir(), "earwitness-sipp-"));
  for (const hz of [700, 1300]) makeTones(join(dir, `${hz}.wav`), hz);
});
afterAll(async () => {
  await platform.close();
  await rm(dir, { recursive: true, force: true });
});

/** Seven seconds with a burst at known times. */
function makeTones(file: string, hz: number): void {
  const on = toneStarts.map((at) => `between(t,${at / 1000},${(at + toneMs) / 1000})`).join("+");
  const made = spawnSync("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", `aevalsrc='0.3*sin(2*PI*${hz}*t)*(${on})':s=8000:d=7`, file]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
}

/** Sends a file in real time, as the payload type and codec the scenario offers for the stream. */
function sendMedia(file: string, codec: "pcm_alaw" | "pcm_mulaw", port: number): ChildProcess {
  return spawn("ffmpeg", ["-v", "error", "-re", "-i", file, "-c:a", codec, "-f", "rtp", `rtp://127.0.0.1:${port}?pkt_size=172`], { stdio: "ignore" });
}

async function place(transport: "u1" | "t1"): Promise<string> {
  const log = join(dir, `answers-${transport}.log`);
  const parties = join(dir, "parties.csv");
  await writeFile(parties, "SEQUENTIAL\nsip:adelev@contoso.example;Adele Vance;tel:+17325550142;Pat Outside\n");
  const mediaPort = transport === "u1" ? 41_000 : 41_100;
  const sipp = spawn("sipp", ["-sf", scenario, "-inf", parties, "-m", "1", "-d", "8000", "-t", transport, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", String(mediaPort), "-trace_logs", "-log_file", log, "-nostdin", `127.0.0.1:${platform.sipPort}`], { stdio: "ignore", cwd: dir });
  const ended = new Promise<number | null>((done) => sipp.once("exit", done));
  let answer: RegExpMatchArray | null = null;
  for (let tries = 0; answer === null && tries < 100; tries++) {
    await pause(50);
    answer = (await readFile(log, "utf8").catch(() => "")).match(/answer (\S+) (\d+) (\d+)/);
  }
  if (answer === null) throw new Error(`no answer\n${platform.log().slice(-2000)}`);
  const [, callId, first, second] = answer;
  const senders = [sendMedia(join(dir, "700.wav"), "pcm_alaw", Number(first)), sendMedia(join(dir, "1300.wav"), "pcm_mulaw", Number(second))];
  expect(await ended).toBe(0);
  for (const sender of senders) sender.kill();
  return callId!;
}

async function untilCompacted(id: string, track: number): Promise<Buffer> {
  for (let tries = 0; tries < 100; tries++) {
    const response = await platform.fetch(`/api/v1/interactions/${id}/media/${track}?format=ogg`);
    if (response.ok) return Buffer.from(await response.arrayBuffer());
    await pause(200);
  }
  throw new Error("the recording was not compacted within 20 s");
}

describe.each([
  ["UDP", "u1"],
  ["TCP", "t1"],
] as const)("a foreign client over %s", (_name, transport) => {
  test("OVR-09 CAP-14 CAP-26 CAP-69 CAP-70 sipp and ffmpeg: the call is there at once, each tone in its speaker's track and in its place", async () => {
    const sipCallId = await place(transport);
    const ended = Date.now();
    const mine = await platform.settled(sipCallId);
    const playableAfterMs = Date.now() - ended;
    expect(playableAfterMs).toBeLessThan(5_000);

    const adele = mine.find((interaction) => interaction.user.upn === "adelev@contoso.example")!;
    expect(adele).toMatchObject({ direction: "Outgoing", type: "P2P_PSTN", releaseCause: "Normal", called: { address: "+17325550142", name: "Pat Outside" }, recordingType: "Full Time" });
    expect(adele.durationMs).toBeGreaterThan(7_500);

    const detail = await platform.detail(adele.id);
    expect(detail.sipCallId).toBe(sipCallId);
    expect(detail.tracks.map((track) => track.participant.aor)).toEqual(["sip:adelev@contoso.example", "+17325550142"]);
    for (const [track, hz] of [[detail.tracks[0]!, 700], [detail.tracks[1]!, 1300]] as const) {
      expect(track.speech).toHaveLength(3);
      const response = await platform.fetch(`/api/v1/interactions/${adele.id}/media/${track.track}`);
      expect(response.status).toBe(200);
      const samples = decode(new Uint8Array(await response.arrayBuffer()));
      const other = hz === 700 ? 1300 : 700;
      expect(toneBursts(samples, other)).toEqual([]);
      const bursts = toneBursts(samples, hz);
      expect(bursts).toHaveLength(3);
      // A speaker's file begins with their first sample, which lies at offsetMs of the recording.
      expect(Math.abs(samples.length / 8 - track.durationMs)).toBeLessThanOrEqual(1);
      bursts.forEach(([fromMs, toMs], index) => {
        expect(Math.abs(fromMs - toneStarts[index]!), `tone ${index} at ${fromMs}`).toBeLessThanOrEqual(20);
        expect(Math.abs(toMs - fromMs - toneMs)).toBeLessThanOrEqual(20);
      });
    }

    const mixed = decode(new Uint8Array(await (await platform.fetch(`/api/v1/interactions/${adele.id}/media`)).arrayBuffer()));
    for (const [track, hz] of [[detail.tracks[0]!, 700], [detail.tracks[1]!, 1300]] as const) {
      const heard = toneBursts(mixed, hz);
      expect(heard).toHaveLength(3);
      heard.forEach(([fromMs], index) => expect(Math.abs(fromMs - track.offsetMs - toneStarts[index]!)).toBeLessThanOrEqual(20));
    }

    // CAP-70: compacted in the background, and still in its place.
    const opus = await untilCompacted(adele.id, detail.tracks[1]!.track);
    expect(opus.subarray(0, 4).toString()).toBe("OggS");
    toneBursts(decode(opus), 1300).forEach(([fromMs], index) => expect(Math.abs(fromMs - toneStarts[index]!)).toBeLessThanOrEqual(20));
    expect(toneBursts(decode(opus), 1300)).toHaveLength(3);
  });
});
