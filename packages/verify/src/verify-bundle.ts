/**
 * Checks an evidence bundle, every byte of which may be a stranger's: from a sound to the head of the log it is one path (second, track,
 * manifest, row, tree, checkpoint), and every step of it is walked. Never throws; says what holds, what does not, what nobody looked at.
 */
import { toHex } from "./base64.ts";
import type { BundleFile, BundleFiles } from "./bundle-files.ts";
import { checkpointPath, handoverPath, indexPath, interactionPaths, pagePath, parseBundleIndex, timestampPath, type BundleIndex } from "./bundle-index.ts";
import type { Bundle, BundleTrust } from "./bundle.ts";
import { createReport, type BundleReport, type ReportWriter } from "./bundle-report.ts";
import { readAll } from "./byte-stream.ts";
import { dataScriptPath, isPageData } from "./page-data.ts";
import type { Sha256 } from "./sha256.ts";
import { verifyHead } from "./verify-head.ts";
import { verifyInteraction } from "./verify-interaction.ts";
import { verifyPage } from "./verify-page.ts";

const mostIndexBytes = 64 * 1024 * 1024;

export async function verifyBundle(files: BundleFiles, trust: BundleTrust): Promise<BundleReport> {
  const report = createReport();
  const first = files.get(indexPath);
  if (first === undefined) {
    report.fails("bundle", "", `There is no ${indexPath}: this is no evidence bundle, or the file was taken out.`);
    return report.report(true);
  }
  const index = await report.attempt("bundle", indexPath, async () => parseBundleIndex(await readAll(first.open(), mostIndexBytes, indexPath)));
  if (index === null) return report.report(true);

  const { intact, digests } = await checkFiles(files, index, trust, report);
  const bundle: Bundle = { files, index, trust, report, intact, digests, covered: new Set() };
  const head = await report.attempt("checkpoint", checkpointPath, () => verifyHead(bundle));
  for (const interaction of index.interactions) await report.attempt("interaction", interaction.id, () => verifyInteraction(bundle, interaction, head));
  await report.attempt("page", pagePath, () => verifyPage(bundle));
  nameUncovered(bundle);
  report.notChecked("log", "", "Whether the log has more rows about these interactions than are in this bundle. Only the log itself can say.");
  return report.report();
}

/** Every file is what `bundle.json` says, and nothing else is there. */
async function checkFiles(files: BundleFiles, index: BundleIndex, trust: BundleTrust, report: ReportWriter): Promise<Pick<Bundle, "intact" | "digests">> {
  const intact = new Map<string, BundleFile>();
  const digests = new Map<string, string>();
  const unbroken = report.mark();
  let notHere = 0;
  for (const listed of index.files) {
    const file = files.get(listed.path);
    if (file === undefined) {
      if (trust.notHere?.(listed.path) === true) notHere += 1;
      else report.fails("file", listed.path, `${listed.path} is missing.`);
      continue;
    }
    const sha256 = await report.attempt("file", listed.path, () => digestOf(trust.sha256, file));
    if (sha256 === null) continue;
    if (file.sizeBytes === listed.sizeBytes && sha256 === listed.sha256) {
      intact.set(listed.path, file);
      digests.set(listed.path, sha256);
    } else report.fails("file", listed.path, `${listed.path} is not the file that was exported: it was changed, or put in another's place.`, { expected: listed.sha256, found: sha256 });
  }
  if (notHere > 0) report.notChecked("file", "", `${notHere} ${notHere === 1 ? "file" : "files"} for other programs (audio) ${notHere === 1 ? "is" : "are"} not at hand here; earwitness verify checks them.`);
  const known = new Set([indexPath, pagePath, ...index.files.map(({ path }) => path)]);
  if (index.page.data === "beside") for (const path of [indexPath, ...index.files.map((file) => file.path)]) if (isPageData(path)) known.add(dataScriptPath(path));
  for (const path of files.keys()) if (!known.has(path)) report.fails("file", path, `${path} is in the bundle and ${indexPath} does not know it: nothing vouches for it.`);
  if (unbroken()) report.holds("file", "", `${notHere === 0 ? "All " : ""}${intact.size} files are as ${indexPath} lists them, and there is no other.`);
  return { intact, digests };
}

async function digestOf(sha256: Sha256, file: BundleFile): Promise<string> {
  const running = sha256.begin();
  for await (const bytes of file.open()) running.update(bytes);
  return toHex(running.digest());
}

/** What is in the bundle and has no proof behind it is said, file by file. */
function nameUncovered({ index, intact, covered, report }: Bundle): void {
  const expected = new Set([checkpointPath, timestampPath, handoverPath(1)]);
  const vcons = new Set(index.interactions.map(({ id }) => interactionPaths(id).vcon));
  for (const path of intact.keys()) {
    if (covered.has(path) || expected.has(path)) continue;
    report.notChecked("uncovered", path, vcons.has(path) ? `${path} is a copy for other programs; no proof covers it.` : `${path} is in the bundle as it was exported; no proof covers it.`);
  }
}
