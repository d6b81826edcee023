/** Every second of every track: the seconds that are there, with what stands for those that are not, lead to the manifest's roots. */
import { toHex } from "./base64.ts";
import type { BundleFile } from "./bundle-files.ts";
import { interactionPaths, type BundledInteraction } from "./bundle-index.ts";
import type { Manifest } from "./manifest.ts";
import { parsePacketLog } from "./packet-chunk.ts";
import { readTrackFile, rootOfTrack } from "./track-file.ts";
import type { Bundle } from "./bundle.ts";

/** Tracks that are proved, by their number. */
export async function verifyTracks({ intact, report, trust, covered }: Bundle, { id }: BundledInteraction, manifest: Manifest): Promise<Map<number, BundleFile>> {
  const paths = interactionPaths(id);
  const proved = new Map<number, BundleFile>();
  for (const source of manifest.sources) {
    const path = paths.packets(source.track);
    const file = intact.get(path);
    if (file === undefined) {
      report.fails("track", path, `The packets of track ${source.track} are missing or were changed.`);
      continue;
    }
    covered.add(path);
    // Packets that cannot be read are the writer's defect, and are proved like all others.
    let unreadable = 0;
    const found = await report.attempt("track", path, () =>
      rootOfTrack(trust.sha256.of, readTrackFile(file.open()), ({ plaintext }) => {
        try {
          parsePacketLog(plaintext);
        } catch {
          unreadable += 1;
        }
      }),
    );
    if (found === null) continue;
    const bytes = { expected: source.merkleRoot, found: toHex(found.root) };
    if (bytes.found !== bytes.expected || found.chunks !== source.chunks) {
      report.fails("track", path, `The packets of track ${source.track} are not the ones that were recorded: they were altered, moved in time, or some were taken out.`, bytes);
      continue;
    }
    if (unreadable > 0) report.fails("track", path, `${unreadable} seconds of track ${source.track} are as they were recorded and cannot be read.`);
    else proved.set(source.track, file);
    const all = `All ${found.chunks} seconds with sound`;
    report.holds("track", path, `${found.withheld === 0 ? all : `${found.seconds} of ${found.chunks} seconds with sound`} of track ${source.track} (${source.codec}) are packet by packet as they were recorded${found.withheld === 0 ? "" : "; the others are not in the bundle"}.`, bytes);
  }
  return proved;
}
