import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeG711, encodeG711 } from "@earwitness/media";
import { placeCall } from "@earwitness/sandbox";
import { pause, startPlatform, type Platform } from "../platform.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.close());

/** Noise that cannot be there by chance, the same in every run. */
function knownNoise(samples: number): Int16Array {
  let state = 20261120;
  return Int16Array.from({ length: samples }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) % 16_000 - 8_000;
  });
}

async function* everyFile(dir: string): AsyncGenerator<string> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* everyFile(path);
    else if (entry.isFile()) yield path;
  }
}

test("OVR-16 no audio lies in the clear anywhere on disk: not while the call runs, not after, not after a kill", { timeout: 120_000 }, async () => {
  const noise = knownNoise(8 * 8000);
  const wire = Buffer.from(encodeG711("PCMU", noise));
  // Any 24 bytes of it, taken from the middle of packets all over the call: as it came, and as samples.
  const needles = Array.from({ length: 40 }, (_, index) => index * 1600 + 60).flatMap((at) => [wire.subarray(at, at + 24), Buffer.from(noise.buffer, at * 2, 48)]);

  const search = async (): Promise<{ files: number; bytes: number; found: string[] }> => {
    const seen = { files: 0, bytes: 0, found: [] as string[] };
    for await (const path of everyFile(platform.dataDir)) {
      const content = await readFile(path).catch(() => Buffer.alloc(0)); // files come and go
      seen.files += 1;
      seen.bytes += content.length;
      if (needles.some((needle) => content.includes(needle))) seen.found.push(path);
    }
    return seen;
  };

  const call = await placeCall({
    server: { host: "127.0.0.1", port: platform.sipPort },
    localAddress: "127.0.0.1",
    parties: [{ name: "Adele Vance", aor: "sip:adelev@contoso.example", audio: noise }, { name: "Alex Wilber", aor: "sip:alexw@contoso.example" }],
  });
  await pause(4_000);
  expect((await search()).found).toEqual([]);
  await pause(4_500);
  await call.bye();
  const [interaction] = await platform.settled(call.callId);

  // The search would find it: what the player is given contains it.
  const detail = await platform.detail(interaction!.id);
  const mine = detail.tracks.find((track) => track.participant.aor === "sip:adelev@contoso.example")!;
  const played = Buffer.from(await (await platform.fetch(`/api/v1/interactions/${interaction!.id}/media/${mine.track}`)).arrayBuffer());
  const heard = decodeG711("PCMU", wire.subarray(1660, 1700));
  expect(played.includes(Buffer.from(heard.buffer, heard.byteOffset, heard.byteLength))).toBe(true);

  const after = await search();
  expect(after.found).toEqual([]);
  expect(after.bytes).toBeGreaterThan(64_000);
  await platform.kill();
  expect((await search()).found).toEqual([]);
  await platform.restart();
});
