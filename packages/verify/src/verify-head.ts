/** The head of the log that a bundle rests on: who signed it, who else saw it, and when. */
import { toHex } from "./base64.ts";
import type { Bundle } from "./bundle.ts";
import { checkpointPath, handoverPath, timestampPath } from "./bundle-index.ts";
import { readAll } from "./byte-stream.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { followHandovers, keysFor } from "./handover.ts";
import { formatVkey, Malformed, noteTypes, parseNote, parseVkey, verifyNote, type NoteKey } from "./note.ts";


/** A head that somebody is trusted for. */
export interface Head {
  readonly size: number;
  readonly root: Uint8Array;
}

const mostNoteBytes = 1_000_000;

/** Null where the head cannot be relied on. */
export async function verifyHead(bundle: Bundle): Promise<Head | null> {
  const { index, intact, report, trust, covered } = bundle;
  const file = intact.get(checkpointPath);
  if (file === undefined) {
    report.fails("checkpoint", checkpointPath, "Without the checkpoint nothing in the bundle can be traced to the log.");
    return null;
  }
  covered.add(checkpointPath);
  const noteText = textOf(await readAll(file.open(), mostNoteBytes, checkpointPath), checkpointPath);
  const note = parseNote(noteText);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== index.origin) {
    report.fails("checkpoint", checkpointPath, `The checkpoint is of the log ${checkpoint.origin}, not of ${index.origin}.`);
    return null;
  }
  const keys = await logKeys(bundle, checkpoint.size);
  const signed = await verifyNote(note, keys);
  const [signature] = signed;
  if (signature === undefined) {
    const whose = trust.key === null ? "a key that came with the bundle" : "the key that was given";
    const other = trust.key !== null && trust.key.name !== index.origin ? ` That key is of ${trust.key.name}; the bundle is of ${index.origin}.` : "";
    report.fails("checkpoint", checkpointPath, `The checkpoint is not signed by ${whose}.${other}`);
    return null;
  }
  const bytes = { root: toHex(checkpoint.root), key: formatVkey(signature.key) };
  if (trust.key === null) {
    report.holds("checkpoint", checkpointPath, `The checkpoint of ${checkpoint.size} rows is signed by the key that came with the bundle.`, bytes);
    report.notChecked("key", "", `Whether that key is the log's. Compare it with the one that ${index.tenant.name} gives out, or give a key of your own.`);
  } else report.holds("checkpoint", checkpointPath, `The checkpoint of ${checkpoint.size} rows of ${checkpoint.origin} is signed by ${trust.key.id === signature.key.id ? "the key that was given" : "a key that the log's hand-overs lead to from the given one"}.`, bytes);

  const seen = await verifyNote(note, trust.witnesses);
  for (const witness of trust.witnesses) {
    const cosigned = seen.find(({ key }) => key === witness);
    if (cosigned === undefined) report.fails("witness", checkpointPath, `The witness ${witness.name} has not co-signed the checkpoint.`);
    else report.holds("witness", checkpointPath, `The witness ${witness.name} has co-signed the checkpoint${cosigned.atSeconds === null ? "" : ` at ${momentOf(cosigned.atSeconds)}`}: it saw no other history of this log.`);
  }
  if (trust.witnesses.length === 0) report.notChecked("witness", "", "Split view and roll-back: not checked. That the log shows the same history to everybody, and was never set back, only a witness can say who is not the log's own.");
  await checkTimestamp(bundle, noteText);
  return { size: checkpoint.size, root: checkpoint.root };
}

/** The trusted key, and those that it handed the log over to; without a trusted one, the bundle's own. */
async function logKeys({ index, intact, report, trust, covered }: Bundle, size: number): Promise<readonly NoteKey[]> {
  if (trust.key === null) return index.vkeys.map(parseVkey).filter(({ type }) => type === noteTypes.ed25519);
  const notes: string[] = [];
  for (let number = 1; ; number += 1) {
    const file = intact.get(handoverPath(number));
    if (file === undefined) break;
    covered.add(handoverPath(number));
    notes.push(textOf(await readAll(file.open(), mostNoteBytes, file.path), file.path));
  }
  if (notes.length === 0) return [trust.key];
  const { key } = trust;
  return (await report.attempt("key", "log", async () => keysFor(await followHandovers(key, notes), size))) ?? [];
}

async function checkTimestamp({ intact, report, trust, covered }: Bundle, noteText: string): Promise<void> {
  const file = intact.get(timestampPath);
  if (file === undefined) {
    report.notChecked("time", "", "When the checkpoint was made: the bundle holds no timestamp of an authority; the times in it are the installation's own.");
    return;
  }
  covered.add(timestampPath);
  const { timestamp } = trust;
  if (timestamp === null) {
    report.notChecked("time", timestampPath, "The timestamp of the checkpoint: no certificate of an authority was given to check it against.");
    return;
  }
  const stamped = await report.attempt("time", timestampPath, async () => await timestamp(await readAll(file.open(), mostNoteBytes, file.path), noteText));
  if (stamped !== null) report.holds("time", timestampPath, `${stamped.by} saw the checkpoint at ${stamped.at}: everything in it is older.`);
}

const momentOf = (seconds: number): string => (seconds < 8.64e12 ? `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z` : `second ${seconds}`);

export function textOf(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed(`${where} is no UTF-8`);
  }
}
