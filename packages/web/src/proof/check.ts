/** Checks what proves an interaction, in the browser: the archive is an evidence bundle without audio files and page. */
import { checkpointPath, checkpointTimestamp, indexPath, Malformed, noteTypes, openZip, parseBundleIndex, parseCheckpoint, parseNote, parseVkey, readAll, readPemCertificates, sha256Here, verifyBundle, type BundledInteraction, type BundleFile, type BundleFiles, type BundleReport, type NoteKey } from "@earwitness/verify";

/** What whoever checks brings along. */
export interface Trust {
  /** Public key of the log; null: the one that comes with the archive. */
  readonly key: string | null;
  readonly witnesses: readonly string[];
  /** Certificates of timestamp authorities, PEM; empty: none. */
  readonly authorities: string;
}

export interface Outcome {
  readonly report: BundleReport;
  readonly interaction: BundledInteraction | null;
  /** Public keys that came with the archive, the newest last. */
  readonly vkeys: readonly string[];
  /** The key that the checkpoint was proved to be signed by. */
  readonly signedBy: string | null;
  /** The head that everything leads to, where it was proved. */
  readonly checkpoint: { readonly size: number; readonly root: string } | null;
}

export async function openArchive(archive: Blob): Promise<BundleFiles> {
  return await openZip({ sizeBytes: archive.size, read: async (offset, length) => new Uint8Array(await archive.slice(offset, offset + length).arrayBuffer()) });
}

/** Throws Malformed for an archive that cannot be opened, and for a key that is none. */
export async function checkArchive(archive: Blob, { key, witnesses, authorities }: Trust, progress: (share: number) => void): Promise<Outcome> {
  const trust = { key: key === null ? null : readKey(key, noteTypes.ed25519), witnesses: witnesses.map((one) => readKey(one, noteTypes.cosignature)), timestamp: authorities.trim() === "" ? null : checkpointTimestamp(readPemCertificates(authorities)) };
  const files = await openArchive(archive);
  const report = await verifyBundle(counted(files, progress), { ...trust, sha256: sha256Here, sound: null, packetsAlone: true, notHere: (path) => path === "index.html" });
  progress(1);
  const proved = report.statements.find(({ kind, about }) => kind === "holds" && about === "checkpoint")?.bytes;
  const index = await indexOf(files);
  return {
    report,
    interaction: index?.interactions[0] ?? null,
    vkeys: index?.vkeys ?? [],
    signedBy: proved?.["key"] ?? null,
    checkpoint: proved?.["root"] === undefined ? null : { size: await sizeOf(files), root: proved["root"] },
  };
}

/** Throws Malformed, in words. */
export function readKey(text: string, type: number): NoteKey {
  const key = parseVkey(text.trim());
  if (key.type !== type) throw new Malformed(`“${key.name}” is not the key of a ${type === noteTypes.ed25519 ? "log" : "witness"}`);
  return key;
}

/** Every file is read once for its digest and once for what it says. */
function counted(files: BundleFiles, progress: (share: number) => void): BundleFiles {
  const all = 2 * [...files.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let done = 0;
  const count = (file: BundleFile): BundleFile => ({
    ...file,
    async *open() {
      for await (const bytes of file.open()) {
        done += bytes.length;
        progress(Math.min(0.99, done / all));
        yield bytes;
      }
    },
  });
  return new Map([...files].map(([path, file]) => [path, count(file)]));
}

const mostBytes = 64 * 1024 * 1024;

async function indexOf(files: BundleFiles) {
  const file = files.get(indexPath);
  if (file === undefined) return null;
  try {
    return parseBundleIndex(await readAll(file.open(), mostBytes, indexPath));
  } catch {
    return null; // the report says so
  }
}

async function sizeOf(files: BundleFiles): Promise<number> {
  return parseCheckpoint(parseNote(new TextDecoder().decode(await readAll(files.get(checkpointPath)!.open(), mostBytes, checkpointPath))).text).size;
}
