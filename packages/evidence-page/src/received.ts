/** The bundle's files as the scripts in and beside the page hand them on. */
import { dataScriptPath, fromBase64, indexPath, isPageData, Malformed, parseBundleIndex, streamOf, type BundleFile, type BundleFiles, type BundleIndex } from "@earwitness/verify";

declare global {
  var earwitnessReceived: [path: string, base64: string | undefined][];
}

export interface Received {
  readonly files: BundleFiles;
  /** Null where it cannot be read; checking says why. */
  readonly index: BundleIndex | null;
}

export async function receive(progress: (done: number, all: number) => void): Promise<Received> {
  const files = new Map<string, BundleFile>();
  take(files);
  const first = files.get(indexPath);
  if (first === undefined) throw new Malformed("the page has no data: it was taken out of its bundle, or the archive was not unpacked");
  const index = readIndex(await wholeOf(first));
  if (index === null || index.page.data === "inside") return { files, index };
  const wanted = index.files.map(({ path }) => path).filter(isPageData);
  for (const [done, path] of wanted.entries()) {
    progress(done, wanted.length);
    await load(dataScriptPath(path));
    take(files);
  }
  return { files, index };
}

function readIndex(bytes: Uint8Array): BundleIndex | null {
  try {
    return parseBundleIndex(bytes);
  } catch {
    return null;
  }
}

/** What came since the last time, as files. A file that is not all there is none. */
function take(files: Map<string, BundleFile>): void {
  const parts = new Map<string, Uint8Array[]>();
  for (const [path, base64] of globalThis.earwitnessReceived.splice(0)) {
    const some = parts.get(path) ?? [];
    parts.set(path, some);
    if (base64 === undefined) files.set(path, { path, sizeBytes: some.reduce((sum, part) => sum + part.length, 0), open: () => streamOf(...some) });
    else some.push(fromBase64(base64) ?? new Uint8Array(0)); // its digest will not fit
  }
}

/** One that cannot be loaded is missing; checking says so. */
async function load(path: string): Promise<void> {
  await new Promise<void>((done) => {
    const script = document.createElement("script");
    script.src = path;
    script.onload = script.onerror = () => {
      script.remove();
      done();
    };
    document.head.append(script);
  });
}

export async function wholeOf(file: BundleFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(file.sizeBytes);
  let at = 0;
  for await (const part of file.open()) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
