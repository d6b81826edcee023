/** Sends a bundle: its files, then what lists them, then what the page shows of them. */
import { createHash } from "node:crypto";
import { beginData, besideData, dataPlace, dataScript, dataScriptPath, endData, formatBundleIndex, indexPath, interactionPaths, isPageData, pagePath, type BundledInteraction, type BundleIndex, type ListedFile } from "@earwitness/verify";
import { NotAuthentic, ObjectMissing } from "#vault";
import { interactionContents, logContents, vconContent, type Content, type InteractionContentsOptions, type LogParts } from "./contents.ts";
import type { Prepared } from "./prepare.ts";
import { createTrackCheck } from "./track-check.ts";
import type { ZipStream } from "./zip-stream.ts";

export interface BundleToSend extends InteractionContentsOptions {
  readonly about: Omit<BundleIndex, "interactions" | "page" | "files">;
  readonly interactions: readonly Prepared[];
  readonly log: LogParts;
  readonly vcon: boolean;
  /** Null: none is sent, whoever is handed the files has a page of their own. */
  readonly page: EvidencePage | null;
  readonly pageSha256: string;
}

/** What the check of an interaction's packets came to while they went out. */
export interface Checked {
  readonly interactionId: string;
  readonly checked: readonly string[];
  readonly differing: readonly string[];
}

/** The page of every bundle, with the one line in it that its data takes the place of. */
export interface EvidencePage {
  readonly html: string;
  readonly sha256: string;
}

export function readEvidencePage(html: string): EvidencePage {
  if (html.split(dataPlace).length !== 2) throw new Error(`the page of evidence bundles has no one place for its data (${dataPlace})`);
  return { html, sha256: createHash("sha256").update(html).digest("hex") };
}

/** With less data than this the page holds it inside, and shows it even where nobody unpacked the archive. */
const mostInsideBytes = 64 * 1024 * 1024;

/** Answers what was checked on the way. `onBroken` is told of an interaction that could not be read to its end, before this throws. */
export async function sendBundle(bundle: BundleToSend, zip: ZipStream, onBroken: (checked: Checked) => Promise<void>): Promise<readonly Checked[]> {
  const exportedAt = new Date(bundle.about.exportedAt);
  const files: ListedFile[] = [];
  const shown: Content[] = [];
  async function add(content: Content, also?: { update(bytes: Uint8Array): unknown }): Promise<void> {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const bytes of content.open()) {
        hash.update(bytes);
        also?.update(bytes);
        sizeBytes += bytes.length;
        yield bytes;
      }
    }
    await zip.add(content.path, counted(), content);
    files.push({ path: content.path, sizeBytes, sha256: hash.digest("hex") });
    if (isPageData(content.path)) shown.push(content);
  }

  for (const content of logContents(bundle.log)) await add(content);
  const all: Checked[] = [];
  for (const prepared of bundle.interactions) {
    const { id } = prepared.detail;
    const paths = interactionPaths(id);
    const sources = new Map((prepared.recording?.manifest.sources ?? []).map((source) => [paths.packets(source.track), source]));
    const [checked, differing]: [string[], string[]] = [[], []];
    let mixed: Uint8Array | null = null;
    try {
      for await (const content of interactionContents(bundle, prepared)) {
        const source = sources.get(content.path);
        if (source !== undefined) {
          const check = createTrackCheck(source);
          await add(content, { update: (bytes) => check.push(bytes) });
          const { holds, says } = check.end();
          (holds ? checked : differing).push(says);
          continue;
        }
        const sha512 = content.path === paths.mixed ? createHash("sha512") : undefined;
        await add(content, sha512);
        mixed = sha512?.digest() ?? mixed;
      }
    } catch (error) {
      if (error instanceof NotAuthentic || error instanceof ObjectMissing) await onBroken({ interactionId: id, checked, differing: [...differing, `What is stored is not what was sealed: ${error.message}.`] });
      throw error;
    }
    if (prepared.recording !== null) all.push({ interactionId: id, checked: ["The manifest is the one that was sealed when the recording was finished.", ...checked], differing });
    if (bundle.vcon) await add(vconContent(prepared, bundle.about.bundleId, exportedAt, mixed));
  }

  const dataBytes = files.filter(({ path }) => isPageData(path)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const data = dataBytes <= mostInsideBytes ? "inside" : "beside";
  const index = formatBundleIndex({ ...bundle.about, interactions: bundle.interactions.map(bundled), page: { sha256: bundle.pageSha256, data }, files });
  const indexContent: Content = {
    path: indexPath,
    compress: true,
    async *open() {
      yield index;
    },
  };
  await zip.add(indexPath, indexContent.open(), { compress: true });
  const { page } = bundle;
  if (page !== null) await addPage(page, [indexContent, ...shown]);
  zip.end();
  return all;

  async function addPage({ html }: EvidencePage, contents: readonly Content[]): Promise<void> {
    if (data === "beside") for (const { path, open } of contents) await zip.add(dataScriptPath(path), dataScript(path, open()), { compress: true });
    await zip.add(pagePath, pageOf(html, data, contents), { compress: true });
  }
}

async function* pageOf(html: string, data: "inside" | "beside", files: readonly Content[]): AsyncGenerator<Uint8Array> {
  const [before, after] = html.split(dataPlace) as [string, string];
  if (data === "beside") yield Buffer.from(before + besideData(indexPath) + after);
  else {
    yield Buffer.from(before + beginData);
    for (const { path, open } of files) yield* dataScript(path, open());
    yield Buffer.from(endData + after);
  }
}

function bundled({ detail, recording }: Prepared): BundledInteraction {
  return recording === null ? { id: detail.id, recordingId: null, fromMs: 0, toMs: 0 } : { id: detail.id, recordingId: recording.recordingId, ...recording.part };
}
