/** `bundle.json`: what an evidence bundle is, who made it and why, and every file in it. One spelling only, so that no byte of it is free. */
import { count, digestHex, list, object, parseJson, text } from "./read-json.ts";
import { Malformed } from "./note.ts";

export const bundleFormat = "earwitness/evidence-bundle/1";

export interface BundleIndex {
  readonly bundleId: string;
  /** When, by whom and why; the log says the same in the rows of the export. */
  readonly exportedAt: string;
  readonly exportedBy: { readonly kind: string; readonly id: string; readonly name: string };
  readonly reason: string;
  readonly tenant: { readonly id: string; readonly name: string };
  /** Of the log. */
  readonly origin: string;
  /** Public keys of the log, the newest last. Whoever checks brings their own. */
  readonly vkeys: readonly string[];
  readonly interactions: readonly BundledInteraction[];
  readonly page: {
    /** Of the page without its data. */
    readonly sha256: string;
    /** Whether the data lies in the page itself or in scripts beside it. */
    readonly data: "inside" | "beside";
  };
  /** All but `bundle.json`, the page and the scripts that carry its data. */
  readonly files: readonly ListedFile[];
}

export interface BundledInteraction {
  readonly id: string;
  /** Null where there is no recording. */
  readonly recordingId: string | null;
  /** The part of the recording that is this interaction's, in milliseconds from its start. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ListedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export const indexPath = "bundle.json";
export const pagePath = "index.html";
export const checkpointPath = "log/checkpoint";
export const timestampPath = "log/timestamp.tsr";
export const handoverPath = (number: number): string => `log/handover-${number}`;

/** Where the parts of an interaction lie. */
export const interactionPaths = (id: string) => ({
  folder: `${id}/`,
  interaction: `${id}/interaction.json`,
  manifest: `${id}/manifest.json`,
  derivation: (revision: number) => `${id}/manifest-${revision}.json`,
  evidence: `${id}/evidence.jsonl`,
  packets: (track: number) => `${id}/packets/${track}.ewt`,
  audio: (track: number, extension: "wav" | "ogg") => `${id}/audio/${track}.${extension}`,
  mixed: `${id}/audio/mixed.wav`,
  metadata: (number: number) => `${id}/metadata/${number}`,
  vcon: `${id}/vcon.json`,
});

export function formatBundleIndex(index: BundleIndex): Uint8Array {
  const { bundleId, exportedAt, exportedBy, reason, tenant, origin, vkeys, interactions, page, files } = index;
  const value = {
    format: bundleFormat,
    bundleId,
    exportedAt,
    exportedBy: { kind: exportedBy.kind, id: exportedBy.id, name: exportedBy.name },
    reason,
    tenant: { id: tenant.id, name: tenant.name },
    origin,
    vkeys,
    interactions: interactions.map(({ id, recordingId, fromMs, toMs }) => ({ id, recordingId, fromMs, toMs })),
    page: { sha256: page.sha256, data: page.data },
    files: files.map(({ path, sizeBytes, sha256 }) => ({ path, sizeBytes, sha256 })),
  };
  return new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
}

const idPattern = /^[0-9a-f]{24}$/;

/** Throws Malformed. */
export function parseBundleIndex(bytes: Uint8Array): BundleIndex {
  const value = object(parseJson(bytes, indexPath), indexPath);
  if (value["format"] !== bundleFormat) {
    throw new Malformed(typeof value["format"] === "string" && value["format"].startsWith("earwitness/evidence-bundle/") ? `${indexPath} is of the format “${value["format"].slice(0, 60)}”; this program knows ${bundleFormat}` : `${indexPath} does not say that this is an evidence bundle`);
  }
  const by = object(value["exportedBy"], "exportedBy");
  const tenant = object(value["tenant"], "tenant");
  const page = object(value["page"], "page");
  const data = page["data"];
  if (data !== "inside" && data !== "beside") throw new Malformed("page.data is neither “inside” nor “beside”");
  const index: BundleIndex = {
    bundleId: text(value["bundleId"], "bundleId"),
    exportedAt: text(value["exportedAt"], "exportedAt"),
    exportedBy: { kind: text(by["kind"], "exportedBy.kind"), id: text(by["id"], "exportedBy.id"), name: text(by["name"], "exportedBy.name") },
    reason: text(value["reason"], "reason"),
    tenant: { id: text(tenant["id"], "tenant.id"), name: text(tenant["name"], "tenant.name") },
    origin: text(value["origin"], "origin"),
    vkeys: list(value["vkeys"], "vkeys", text),
    interactions: list(value["interactions"], "interactions", parseInteraction),
    page: { sha256: digestHex(page["sha256"], "page.sha256"), data },
    files: list(value["files"], "files", parseFile),
  };
  if (new Set(index.files.map(({ path }) => path)).size !== index.files.length) throw new Malformed(`${indexPath} names a file twice`);
  if (new Set(index.interactions.map(({ id }) => id)).size !== index.interactions.length) throw new Malformed(`${indexPath} names an interaction twice`);
  const again = formatBundleIndex(index);
  if (again.length !== bytes.length || again.some((byte, at) => byte !== bytes[at])) throw new Malformed(`${indexPath} is not written the one way it is written`);
  return index;
}

function parseInteraction(value: unknown, where: string): BundledInteraction {
  const { id, recordingId, fromMs, toMs } = object(value, where);
  const known = (one: unknown, at: string): string => {
    const given = text(one, at);
    if (!idPattern.test(given)) throw new Malformed(`${at} is no id`);
    return given;
  };
  return { id: known(id, `${where}.id`), recordingId: recordingId === null ? null : known(recordingId, `${where}.recordingId`), fromMs: count(fromMs, `${where}.fromMs`), toMs: count(toMs, `${where}.toMs`) };
}

function parseFile(value: unknown, where: string): ListedFile {
  const { path, sizeBytes, sha256 } = object(value, where);
  return { path: text(path, `${where}.path`), sizeBytes: count(sizeBytes, `${where}.sizeBytes`), sha256: digestHex(sha256, `${where}.sha256`) };
}
