/** What an evidence bundle is made of; every byte of one may be a stranger's. */
import { createTrackReader, encodeTrackRecord, formatBundleIndex, formatEvidenceLine, indexPath, interactionPaths, Malformed, parseBundleIndex, parseDerivation, parseEvidenceLine, parseManifest, parsePacketLog, readZipEntries, trackFileHead, type TrackRecord } from "@earwitness/verify";
import { sampleBundle } from "../../packages/verify/src/testing/sample-bundle.ts";
import { zipFiles } from "../../packages/verify/src/testing/zip-files.ts";
import { bytes, demand, demandInside, demandSameAnywhere, equalBytes, harness, refused, taken, text, type Verdict } from "../harness.ts";

const covers = ["/packages/verify/src/"];
const bundle = await sampleBundle({ seconds: 3, tracks: 1, packets: 2, otherRows: 3, erased: true, derivation: true });
const id = "64b0c1d2a1b2c3d4e5f60000";
const paths = interactionPaths(id);
const file = (path: string): Uint8Array => bundle.files.get(path)!;
const lines = text(file(paths.evidence)).trimEnd().split("\n");

/** Malformed is a proper answer; everything else that is thrown is a defect. */
function ask<T>(read: () => T, check: (value: T) => void = () => undefined): Verdict {
  let value: T;
  try {
    value = read();
  } catch (error) {
    if (error instanceof Malformed) return "refused";
    throw error;
  }
  check(value);
  return "taken";
}

const jsonWords = ['{"', '":', "[", "]", "{}", "null", "true", "false", "0", "-1", "1e999", '"', "\\u0000", "\\ud800", ",", "__proto__"];
const cut = (whole: Uint8Array): Uint8Array => whole.subarray(0, whole.length - 3);

export const bundleIndex = harness({
  name: "bundle index",
  covers,
  words: [...jsonWords, "earwitness/evidence-bundle/1", "interactions", "files", "sha256", "inside", "beside", "../"],
  run: (input) => ask(() => parseBundleIndex(input), (index) => demand(equalBytes(formatBundleIndex(index), input), "what is read can be written in another way")),
  seeds: [taken("a bundle's", file(indexPath)), refused("cut", cut(file(indexPath))), refused("another format", text(file(indexPath)).replace("bundle/1", "bundle/2")), refused("a space more", `${text(file(indexPath))} `), refused("empty", "{}"), refused("none", "")],
});

export const manifest = harness({
  name: "manifest",
  covers,
  words: [...jsonWords, "earwitness/1", "revision", "tracks", "sources", "merkleRoot", "gaps", "fromMs", "sampleRate"],
  run: (input) =>
    ask(
      () => parseManifest(input),
      ({ sources, tracks }) => {
        for (const source of sources) demand(/^[0-9a-f]{64}$/.test(source.merkleRoot) && source.sampleRate > 0 && source.chunks >= 0, "a source makes sense");
        for (const track of tracks) for (const gap of track.gaps) demand(gap.fromMs >= 0 && gap.toMs >= 0, "a gap lies in the recording");
      },
    ),
  seeds: [taken("a recording's", file(paths.manifest)), refused("a derivation's", file(paths.derivation(2))), refused("cut", cut(file(paths.manifest))), refused("no object", "[]"), refused("no UTF-8", Uint8Array.of(0xff, 0xfe))],
});

export const derivation = harness({
  name: "derivation",
  covers,
  words: [...jsonWords, "earwitness/1", "revision", "derivedFrom", "sources", "encoder"],
  run: (input) => ask(() => parseDerivation(input), ({ revision }) => demand(revision >= 2, "the first manifest is no derivation")),
  seeds: [taken("a compaction's", file(paths.derivation(2))), refused("a recording's", file(paths.manifest)), refused("cut", cut(file(paths.derivation(2))))],
});

export const evidenceLine = harness({
  name: "evidence line",
  covers,
  words: [...jsonWords, "row", "salt", "proof", "index", "erased", "erasedBy", "leaf", "detail", "=="],
  run(input) {
    const line = text(input);
    return ask(() => parseEvidenceLine(line), (read) => demand(formatEvidenceLine(read) === `${line}\n`, "what is read can be written in another way"));
  },
  seeds: [taken("a row", lines[0]!), taken("a row with other letters", lines.find((line) => line.includes("Müller"))!), taken("an erased row", lines.find((line) => line.startsWith('{"erased"'))!), refused("cut", lines[0]!.slice(0, -2)), refused("a space", ` ${lines[0]!}`), refused("no salt", lines[0]!.replace("salt", "salz"))],
});

function recordsOf(input: Uint8Array, step: number): TrackRecord[] {
  const reader = createTrackReader();
  const records: TrackRecord[] = [];
  for (let at = 0; at < input.length; at += step) records.push(...reader.push(input.subarray(at, at + step)));
  reader.end();
  return records;
}

export const trackFile = harness({
  name: "track file",
  covers,
  words: ["EWTRACK1", "\u0001", "\u0002"],
  run: (input) =>
    ask(
      () => recordsOf(input, Math.max(1, input.length)),
      (records) => {
        demand(equalBytes(Buffer.concat([trackFileHead, ...records.map(encodeTrackRecord)]), input), "what is read can be written in another way");
        demand(JSON.stringify(recordsOf(input, 7)) === JSON.stringify(records), "what is read depends on the pieces that it comes in");
      },
    ),
  alone: (input) => ask(() => recordsOf(input, Math.max(1, input.length))),
  seeds: [taken("a track's", file(paths.packets(1))), taken("no second", trackFileHead), taken("withheld", Buffer.concat([trackFileHead, Uint8Array.of(2, 3), new Uint8Array(32)])), refused("cut", cut(file(paths.packets(1)))), refused("too high", Buffer.concat([trackFileHead, Uint8Array.of(2, 60), new Uint8Array(32)])), refused("another kind", Buffer.concat([trackFileHead, Uint8Array.of(3)])), refused("none", "")],
});

const [second] = recordsOf(file(paths.packets(1)), 1_000_000);
const log = second?.kind === "second" ? second.plaintext : new Uint8Array(0);

export const packetLog = harness({
  name: "packet log",
  covers,
  words: [],
  run(input) {
    demandSameAnywhere(input, (one) => ask(() => parsePacketLog(one)));
    return ask(() => parsePacketLog(input), (packets) => packets.forEach(({ payload }) => demandInside(payload, input)));
  },
  seeds: [taken("a second's", log), taken("none", ""), refused("cut", log.subarray(0, log.length - 1)), refused("half a head", log.subarray(0, 5))],
});

const archives = [await zipFiles(bundle.files), await zipFiles(new Map([["a", bytes("hello")]]), { compress: false })];

function entriesOf(input: Uint8Array) {
  const reading = readZipEntries(input.length);
  let step = reading.next();
  while (step.done !== true) {
    const [offset, length] = step.value;
    demand(offset >= 0 && length >= 0 && offset + length <= input.length, "what is asked for lies in the archive");
    step = reading.next(input.subarray(offset, offset + length));
  }
  return step.value;
}

export const zip = harness({
  name: "zip",
  covers,
  words: ["PK\u0001\u0002", "PK\u0003\u0004", "PK\u0005\u0006", "PK\u0006\u0006", "PK\u0006\u0007", "PK\u0007\u0008", "../", "\u0001\u0000\u0008\u0000"],
  run: (input) =>
    ask(
      () => entriesOf(input),
      (entries) => {
        demand(new Set(entries.map(({ path }) => path)).size === entries.length, "a name is there once");
        for (const { path, dataAt, packedBytes } of entries) {
          demand(!path.startsWith("/") && !path.split("/").includes("..") && !path.includes("\\"), "a name leads out of the archive");
          demand(dataAt + packedBytes <= input.length, "a file lies outside of the archive");
        }
        demand(entries.reduce((sum, { packedBytes }) => sum + packedBytes, 0) <= input.length, "files do not overlap");
      },
    ),
  maxBytes: 256 * 1024,
  seeds: [taken("a bundle", archives[0]!), taken("one file", archives[1]!), refused("cut", cut(archives[1]!)), refused("something before it", Buffer.concat([bytes("MZ"), archives[1]!])), refused("no archive", "hello"), refused("none", "")],
});
