/** The page shows what the files hold, and nothing else: its data is written again from them and compared. */
import { toHex } from "./base64.ts";
import { indexPath, pagePath, type BundleIndex } from "./bundle-index.ts";
import { firstDifference, readAll, streamOf, type ByteStream } from "./byte-stream.ts";
import type { BundleFile, BundleFiles } from "./bundle-files.ts";
import { beginData, besideData, dataPlace, dataScript, dataScriptPath, endData, isPageData } from "./page-data.ts";
import type { Bundle } from "./bundle.ts";

/** The page's code and marks, without data: what is read of it at once. */
const mostPageBytes = 32 * 1024 * 1024;

export async function verifyPage({ files, index, trust, report, intact }: Bundle): Promise<void> {
  const page = files.get(pagePath);
  if (page === undefined) {
    if (trust.notHere?.(pagePath) === true) report.notChecked("page", pagePath, "The page itself: it cannot look at its own code. The command line can.");
    else report.fails("page", pagePath, `${pagePath} is missing.`);
    return;
  }
  const shown = pageFiles(index, new Map([...intact, [indexPath, files.get(indexPath)!]]));
  if (index.page.data === "inside" && shown.length <= index.files.filter(({ path }) => isPageData(path)).length) return report.notChecked("page", pagePath, "The page: files that it shows are missing or were changed, so that it cannot be compared with them.");
  const dataBytes = index.page.data === "inside" ? await lengthOf(pageData(shown)) : besideData(indexPath).length;
  const codeBytes = page.sizeBytes - dataBytes + dataPlace.length;
  if (codeBytes < dataPlace.length || codeBytes > mostPageBytes) return report.fails("page", pagePath, "The page does not hold the data of the files beside it.");
  const place = await findPlace(page, index.page.data === "inside" ? beginData : besideData(indexPath), codeBytes);
  if (place === null) return report.fails("page", pagePath, "The page does not hold the data of the files beside it.");
  const { before, after } = await aroundData(page, place, dataBytes, codeBytes - dataPlace.length - place);
  const code = trust.sha256.begin();
  for (const part of [before, new TextEncoder().encode(dataPlace), after]) code.update(part);
  const found = toHex(code.digest());
  if (found !== index.page.sha256) return report.fails("page", pagePath, "The page's own code is not what was exported.", { expected: index.page.sha256, found });

  const unbroken = report.mark();
  if (index.page.data === "inside") {
    const whole = (async function* () {
      yield before;
      yield* pageData(shown);
      yield after;
    })();
    const at = await firstDifference(whole, page.open());
    if (at !== null) report.fails("page", pagePath, `The page shows something else than the files beside it, from byte ${at} on.`);
  } else {
    for (const file of shown) {
      const path = dataScriptPath(file.path);
      const script = files.get(path);
      const at = script === undefined ? 0 : await report.attempt("page", path, () => firstDifference(dataScript(file.path, file.open()), script.open()));
      if (script === undefined) report.fails("page", path, `${path} is missing: the page cannot show ${file.path}.`);
      else if (at !== null) report.fails("page", path, `The page shows something else than ${file.path}.`);
    }
  }
  if (unbroken()) report.holds("page", pagePath, "The page shows the same bytes as the files beside it, and its code is what was exported.");
}

/** The files that the page is given, in the order in which it gets them. */
export function pageFiles(index: BundleIndex, files: BundleFiles): BundleFile[] {
  return [indexPath, ...index.files.map(({ path }) => path)].filter(isPageData).map((path) => files.get(path)).filter((file) => file !== undefined);
}

/** The data as it lies inside of a page. */
export async function* pageData(files: readonly BundleFile[]): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(beginData);
  for (const file of files) yield* dataScript(file.path, file.open());
  yield encoder.encode(endData);
}

async function lengthOf(stream: ByteStream): Promise<number> {
  let length = 0;
  for await (const bytes of stream) length += bytes.length;
  return length;
}

/** Where the data begins: the last place where it can. Data stands behind the page's code. */
async function findPlace(page: BundleFile, begin: string, codeBytes: number): Promise<number | null> {
  const head = await readAll(firstBytes(page.open(), codeBytes + begin.length), codeBytes + begin.length, pagePath);
  const wanted = new TextEncoder().encode(begin);
  search: for (let at = head.length - wanted.length; at >= 0; at -= 1) {
    for (let i = 0; i < wanted.length; i += 1) if (head[at + i] !== wanted[i]) continue search;
    return at;
  }
  return null;
}

async function* firstBytes(stream: ByteStream, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const bytes of stream) {
    yield bytes.subarray(0, left);
    left -= Math.min(left, bytes.length);
    if (left === 0) return;
  }
}

async function aroundData(page: BundleFile, place: number, dataBytes: number, afterBytes: number): Promise<{ before: Uint8Array; after: Uint8Array }> {
  const before: Uint8Array[] = [];
  const after: Uint8Array[] = [];
  let at = 0;
  for await (const bytes of page.open()) {
    if (at < place) before.push(bytes.subarray(0, place - at));
    const from = place + dataBytes - at;
    if (from < bytes.length) after.push(bytes.subarray(Math.max(0, from)));
    at += bytes.length;
  }
  return { before: await readAll(streamOf(...before), mostPageBytes, pagePath), after: await readAll(streamOf(...after), Math.max(0, afterBytes), pagePath) };
}
