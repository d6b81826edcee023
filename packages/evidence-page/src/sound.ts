/** What is heard: files made in the page from the packets that were proved, for the browser's own player. */
import { createRecordedSound } from "@earwitness/media/recorded-sound";
import { interactionPaths, mixedSpan, secondsOf, voicesOf, type BundledInteraction, type BundleFiles, type BundleReport, type Manifest, type Voice } from "@earwitness/verify";

const sound = createRecordedSound(null);
const rate = 48_000;

export interface Sounds {
  readonly tracks: readonly number[];
  /** Address of a WAV: of one track, or of all. From `fromMs` of the interaction's part on. Throws Error with words. */
  address(track: number | null): Promise<string>;
}

/** Only of wire tracks whose packets the report says were proved. */
export function createSounds(manifest: Manifest, interaction: BundledInteraction, files: BundleFiles, report: BundleReport): Sounds {
  const packetsPath = interactionPaths(interaction.id).packets;
  const proved = new Set(manifest.sources.map(({ track }) => track).filter((track) => report.statements.some(({ kind, about, where }) => kind === "holds" && about === "track" && where === packetsPath(track))));
  const all = voicesOf(manifest, interaction, (track) => secondsOf(files.get(packetsPath(track))!));
  const voices = new Map([...all].filter(([number]) => proved.has(manifest.tracks.find(({ track }) => track === number)!.sourceTrack)));
  const span = mixedSpan(manifest, interaction);
  const made = new Map<number | null, Promise<string>>();

  async function make(track: number | null): Promise<string> {
    const heard = track === null ? [...voices.values()] : [voices.get(track)].filter((voice) => voice !== undefined);
    const wav = await sound.mixed(heard, span);
    const parts: BlobPart[] = [];
    for await (const bytes of wav ?? mixedByBrowser(heard, span)) parts.push(bytes as Uint8Array<ArrayBuffer>);
    return URL.createObjectURL(new Blob(parts, { type: "audio/wav" }));
  }

  return {
    tracks: [...voices.keys()],
    address(track) {
      const known = made.get(track) ?? make(track);
      made.set(track, known);
      return known;
    },
  };
}

/** Where there is Opus, the browser decodes: each voice as an Ogg of its packets, laid at its place. */
async function* mixedByBrowser(voices: readonly Voice[], span: { readonly fromMs: number; readonly toMs: number }): AsyncGenerator<Uint8Array> {
  const samples = Math.max(1, Math.round(((span.toMs - span.fromMs) * rate) / 1000));
  const context = new OfflineAudioContext(1, samples, rate);
  for (const voice of voices) {
    const file = (await sound.isOpus(voice)) ? await sound.ogg(voice) : await sound.wav(voice);
    if (file === null) throw new Error("A voice changes between Opus and another codec; this page cannot play that. The file in the folder audio can be played.");
    const parts: BlobPart[] = [];
    for await (const bytes of file) parts.push(bytes as Uint8Array<ArrayBuffer>);
    const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(await new Blob(parts).arrayBuffer()) });
    source.connect(context.destination);
    source.start((voice.fromMs - span.fromMs) / 1000);
  }
  const mixed = (await context.startRendering()).getChannelData(0);
  const pcm = Int16Array.from(mixed, (level) => Math.max(-32_768, Math.min(32_767, Math.round(level * 32_767))));
  const header = new DataView(new ArrayBuffer(44));
  const words: readonly (readonly [at: number, text: string])[] = [[0, "RIFF"], [8, "WAVE"], [12, "fmt "], [36, "data"]];
  for (const [at, text] of words) for (let i = 0; i < 4; i += 1) header.setUint8(at + i, text.charCodeAt(i));
  header.setUint32(4, 36 + pcm.byteLength, true);
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, 2 * rate, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  header.setUint32(40, pcm.byteLength, true);
  yield new Uint8Array(header.buffer);
  yield new Uint8Array(pcm.buffer);
}
