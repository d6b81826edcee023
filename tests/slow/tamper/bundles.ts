/** Every byte of a small evidence bundle: by accident, and in a bundle that somebody made anew around it. */
import { createRecordedSound } from "@earwitness/media";
import { indexPath, pagePath, verifyBundle, type BundleFiles, type BundleReport } from "@earwitness/verify";
import { asFiles, forge, nodeSha256, sampleBundle, type SampleBundle } from "../../../packages/verify/src/testing/sample-bundle.ts";
import type { Random, Tallies } from "./tally.ts";

const small = { seconds: 1, tracks: 1, packets: 1, otherRows: 2, derivation: true } as const;

const check = async ({ signer }: SampleBundle, files: BundleFiles): Promise<BundleReport> => await verifyBundle(files, { sha256: nodeSha256, key: signer.key, witnesses: [], sound: createRecordedSound(null), timestamp: null });

/** The file, or the interaction that it is of, or the log; of the index, which proves nothing itself, what it does not fit any more. */
function names({ statements }: BundleReport, path: string): boolean {
  if (path === indexPath) return statements.some(({ kind, where }) => kind === "fails" && where !== "");
  const folder = path.includes("/") ? path.slice(0, path.indexOf("/")) : path;
  return statements.some(({ kind, about, where, says }) => kind === "fails" && ([path, folder].includes(where) || where.startsWith(`${folder}/`) || says.includes(path) || (path.startsWith("log/") && about === "checkpoint")));
}

/** `every`: of so many bytes one is changed. */
export async function tamperBundles({ every, honest, random, tallies }: { readonly every: number; readonly honest: number; readonly random: Random; readonly tallies: Tallies }): Promise<void> {
  const bundle = await sampleBundle(small);
  for (const [path, bytes] of bundle.files) {
    for (let at = random.below(every); at < bytes.length; at += every) {
      const changed = bytes.with(at, bytes[at]! ^ (1 << random.below(8)));
      const report = await check(bundle, asFiles(new Map(bundle.files).set(path, changed)));
      tallies.tried("a byte of a bundle", { noticed: !report.holds, named: names(report, path), what: `byte ${at} of ${path}` });
      if (path === indexPath || path === pagePath) continue; // those are made anew
      const forged = await check(bundle, asFiles(await forge(bundle, (files) => void files.set(path, changed))));
      tallies.tried("a byte in a bundle made anew", { noticed: !forged.holds, named: names(forged, path), what: `byte ${at} of ${path}` });
    }
  }
  const shapes = [small, { ...small, erased: true }, { seconds: 3, tracks: 2, packets: 2, otherRows: 5 }, { seconds: 4, tracks: 1, packets: 1, part: { fromMs: 1_000, toMs: 3_000 } }, { interactions: 2, seconds: 1, tracks: 1, packets: 1 }] as const;
  const bundles = await Promise.all(shapes.map((shape) => sampleBundle(shape)));
  for (let n = 0; n < honest; n += 1) {
    const one = bundles[n % bundles.length]!;
    const report = await check(one, asFiles(one.files));
    tallies.honest("a bundle", report.statements.filter(({ kind }) => kind === "fails"));
  }
}
