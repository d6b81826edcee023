/** Audio for ordinary players is a copy. It holds where decoding the proved packets again gives the same bytes. */
import type { BundleFile } from "./bundle-files.ts";
import { interactionPaths, type BundledInteraction } from "./bundle-index.ts";
import type { Bundle, SoundOf, TimedPackets, Voice } from "./bundle.ts";
import { firstDifference, type ByteStream } from "./byte-stream.ts";
import type { Manifest } from "./manifest.ts";
import { parsePacketLog } from "./packet-chunk.ts";
import { readTrackFile } from "./track-file.ts";

/** The voices of an interaction's part of a recording, by the number of their track: what its audio files are made of. */
export function voicesOf(manifest: Manifest, { fromMs, toMs }: Pick<BundledInteraction, "fromMs" | "toMs">, seconds: (sourceTrack: number) => AsyncIterable<TimedPackets>): Map<number, Voice> {
  const voices = new Map<number, Voice>();
  for (const track of manifest.tracks) {
    const source = manifest.sources.find((one) => one.track === track.sourceTrack);
    const from = Math.max(track.offsetMs, fromMs);
    const to = Math.min(track.offsetMs + track.durationMs, toMs);
    if (source !== undefined && from < to) voices.set(track.track, { sampleRate: source.sampleRate, fromMs: from, toMs: to, seconds: () => seconds(source.track) });
  }
  return voices;
}

/** Where the mixed file begins and ends. */
export const mixedSpan = (manifest: Manifest, { fromMs, toMs }: Pick<BundledInteraction, "fromMs" | "toMs">) => ({ fromMs, toMs: Math.max(fromMs, Math.min(toMs, manifest.durationMs)) });

export async function* secondsOf(file: BundleFile): AsyncGenerator<TimedPackets> {
  for await (const record of readTrackFile(file.open())) if (record.kind === "second") yield { second: record.second, packets: parsePacketLog(record.plaintext) };
}

export async function verifyAudio({ intact, report, trust, covered, index }: Bundle, interaction: BundledInteraction, manifest: Manifest, tracks: ReadonlyMap<number, BundleFile>): Promise<void> {
  const { sound } = trust;
  const paths = interactionPaths(interaction.id);
  const none: AsyncIterable<TimedPackets> = (async function* () {})();
  const voices = voicesOf(manifest, interaction, (track) => (tracks.has(track) ? secondsOf(tracks.get(track)!) : none));
  const proved = (number: number): boolean => tracks.has(manifest.tracks.find(({ track }) => track === number)?.sourceTrack ?? -1);

  async function compare(path: string, what: string, isProved: boolean, made: (sound: SoundOf) => Promise<ByteStream | null>): Promise<void> {
    const file = intact.get(path);
    if (file === undefined) return; // never exported, or missing: that has been said
    covered.add(path);
    if (!isProved) report.notChecked("audio", path, `${path}: the packets that it was made of are not proved.`);
    else if (sound === null) report.notChecked("audio", path, `${path}: there is no decoder here to make it again.`);
    else
      await report.attempt("audio", path, async () => {
        const again = await made(sound);
        if (again === null) return report.notChecked("audio", path, `${path}: there is no decoder here for a codec in it. The packets that it was made of are proved.`);
        const at = await firstDifference(again, file.open());
        if (at === null) report.holds("audio", path, `${path} is ${what}, made again from the packets and the same to the last byte.`);
        else report.fails("audio", path, `${path} does not sound as the packets do; it differs from byte ${at} on.`);
      });
  }

  for (const [number, voice] of voices) {
    const track = manifest.tracks.find((one) => one.track === number)!;
    const who = track.name ?? track.address;
    await compare(paths.audio(number, "wav"), `the voice of ${who}`, proved(number), (from) => from.wav(voice));
    await compare(paths.audio(number, "ogg"), `the voice of ${who}`, proved(number), (from) => from.ogg(voice));
  }
  await compare(paths.mixed, "all voices", [...voices.keys()].every(proved), (from) => from.mixed([...voices.values()], mixedSpan(manifest, interaction)));
  const audio = new Set(index.files.map(({ path }) => path).filter((path) => path.startsWith(`${interaction.id}/audio/`)));
  const missing = [...voices.keys()].filter((number) => !audio.has(paths.audio(number, "wav")) && !audio.has(paths.audio(number, "ogg")));
  if (voices.size > 0 && !audio.has(paths.mixed)) report.fails("audio", interaction.id, "There is no audio file of all voices.");
  if (missing.length > 0) report.fails("audio", interaction.id, `There is no audio file of track ${missing.join(", ")}.`);
}
