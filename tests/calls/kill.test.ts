import { afterAll, beforeAll, expect, test } from "vitest";
import { placeCall, type PlacedCall } from "@earwitness/sandbox";
import { decode, toneStrength } from "../listen.ts";
import { pause, startPlatform, type Platform } from "../platform.ts";

const calls = 50;
let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.close());

test("PLT-03 CAP-25 kill -9 in the middle of 50 calls: the next start lists every one, playable to within a second of the kill, with the gap", { timeout: 180_000 }, async () => {
  const tone = { kind: "tone", frequencyHz: 1000, bursts: [{ atMs: 0, durationMs: 60_000 }] } as const;
  const placed: PlacedCall[] = await Promise.all(
    Array.from({ length: calls }, (_, index) =>
      placeCall({
        server: { host: "127.0.0.1", port: platform.sipPort },
        localAddress: "127.0.0.1",
        parties: [
          { name: `Caller ${index}`, aor: `sip:caller${index}@elsewhere.example`, audio: tone },
          { name: "Adele Vance", aor: "sip:adelev@contoso.example" },
        ],
      }),
    ),
  );
  await pause(6_000);
  const sentMs = placed.map((call) => call.elapsedMs());
  const killedAt = Date.now();
  await platform.kill();
  await Promise.all(placed.map((call) => call.vanish()));
  await pause(1_000);
  await platform.restart();

  let worstMs = 0;
  for (const [index, call] of placed.entries()) {
    const mine = await platform.settled(call.callId, "Available", 30_000);
    const adele = mine.find((interaction) => interaction.user.upn === "adelev@contoso.example")!;
    expect(adele).toMatchObject({ releaseCause: "Failure", hasGaps: true });
    const detail = await platform.detail(adele.id);
    const track = detail.tracks.find((candidate) => candidate.participant.aor === `sip:caller${index}@elsewhere.example`)!;
    const gap = track.gaps.at(-1)!;
    expect(gap.reason).toBe("recorder_restart");
    expect(Math.abs(gap.fromMs - track.offsetMs - track.durationMs)).toBeLessThanOrEqual(3); // each is rounded
    expect(Date.parse(detail.recording!.startedAt) + gap.toMs).toBeGreaterThan(killedAt);

    const response = await platform.fetch(`/api/v1/interactions/${adele.id}/media/${track.track}`);
    const heardMs = toneStrength(decode(new Uint8Array(await response.arrayBuffer())), 1000).filter((strength) => strength > 0.05).length * 10;
    const lostMs = sentMs[index]! - heardMs;
    worstMs = Math.max(worstMs, lostMs);
  }
  expect(worstMs, `worst loss ${worstMs} ms`).toBeLessThanOrEqual(1_000);
  expect((await platform.interactions("limit=200")).filter((interaction) => interaction.user.upn === "adelev@contoso.example")).toHaveLength(calls);
});
