/**
 * npm run test:bytes        every byte of a small evidence bundle, changed: by accident, and by somebody who makes the bundle anew
 *
 * Each change must be noticed: the report fails, or the archive cannot be read. What may change unseen is counted apart and must be what
 * the archive's format leaves free: times and attributes of files, which nothing rests on.
 */
import { indexPath, openZip, pagePath, verifyBundle, type BundleFiles } from "@earwitness/verify";
import { createRecordedSound } from "@earwitness/media";
import { asFiles, forge, nodeSha256, sampleBundle } from "../../packages/verify/src/testing/sample-bundle.ts";
import { sourceOf, zipFiles } from "../../packages/verify/src/testing/zip-files.ts";

const bundle = await sampleBundle({ seconds: 1, tracks: 1, packets: 1, otherRows: 2, derivation: true });
const trust = { sha256: nodeSha256, key: bundle.signer.key, witnesses: [], sound: createRecordedSound(null), timestamp: null };
const isNoticed = async (files: BundleFiles): Promise<boolean> => !(await verifyBundle(files, trust)).holds;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const missed: string[] = [];

let tried = 0;
for (const [path, bytes] of bundle.files) {
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = bytes.with(at, bytes[at]! ^ (1 << at % 8));
    tried += 1;
    if (!(await isNoticed(asFiles(new Map(bundle.files).set(path, changed))))) missed.push(`byte ${at} of ${path}`);
  }
}
say(`${tried} bytes of files changed: ${missed.length} missed`);

let forged = 0;
for (const [path, bytes] of bundle.files) {
  if (path === indexPath || path === pagePath) continue; // those are made anew
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = bytes.with(at, bytes[at]! ^ (1 << at % 8));
    forged += 1;
    if (!(await isNoticed(asFiles(await forge(bundle, (files) => void files.set(path, changed)))))) missed.push(`byte ${at} of ${path}, in a bundle made anew`);
  }
}
say(`${forged} bytes changed in bundles that were then made anew: ${missed.length} missed in all`);

const zip = await zipFiles(bundle.files);
const free: number[] = [];
for (let at = 0; at < zip.length; at += 1) {
  const changed = Buffer.from(zip);
  changed[at]! ^= 1 << at % 8;
  const files = await openZip(sourceOf(changed)).catch(() => null);
  if (files !== null && !(await isNoticed(files))) free.push(at);
}
/** Each file, at most: version, time and date before it; both versions, time, date, three attributes and the extra field with its time behind. */
const freeOfOne = 2 + 4 + 2 + 2 + 4 + 2 + 4 + 9;
if (free.length > bundle.files.size * freeOfOne) missed.push(`${free.length} bytes of the archive are free, more than its format leaves`);
say(`${zip.length} bytes of the archive changed: ${free.length} are times and attributes, which nothing rests on`);

for (const one of missed) say(`MISSED ${one}`);
process.exitCode = missed.length === 0 ? 0 : 1;
