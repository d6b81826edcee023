/** Every file of a recording: is it there, whole, and what was stored; and do its seconds make up what the manifest says, one by one. */
import { createHash } from "node:crypto";
import { toHex } from "@earwitness/verify";
import { checkPieces, isKnownUnreadable } from "#recorder";
import { KeyMissing, NotAuthentic, ObjectMissing, type Vault } from "#vault";
import { finder, type CheckedTenant, type Checking } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { objectsThatDiffer, objectThatDiffers, type ObjectDifference } from "./objects-that-differ.ts";
import { readable, recordedBy, said, type ObjectRow, type StoredRecording } from "./recording-as-stored.ts";
import { sealedObject } from "./sealed-facts.ts";
import type { Manifests } from "./sealed-manifest.ts";
import { momentText, valueText } from "./stored-value.ts";
import { nameOfRow } from "./told-of-interaction.ts";

export interface MediaChecked {
  readonly findings: readonly Finding[];
  readonly bytes: number;
}

/** Seconds that are named one by one; of a file that is damaged throughout, more would drown everything else. */
const namedSeconds = 20;
const readBytes = 1024 * 1024;

export async function mediaAgainstManifest({ vault, nodeId }: Checking, tenant: CheckedTenant, recording: StoredRecording, { first, derivations }: Manifests): Promise<MediaChecked> {
  const { media, objects, strangeNames, misnamed } = recording;
  const finding = finder("media", tenant);
  const where = `recording ${media.media_id}`;
  const isElsewhere = recordedBy(recording) !== nodeId;
  const findings: Finding[] = [
    ...strangeNames.map((name) => finding("OBJECT_ROW_ALTERED", `${where}, ${name}`, `The database names ${JSON.stringify(name)}, and Earwitness names no file of this recording so.`)),
    ...misnamed.map(({ object_name, kind, seq, key_id }) => finding("OBJECT_ROW_ALTERED", `${where}, ${object_name}`, `The database says ${kind} ${seq} under the key ${JSON.stringify(key_id)} of ${object_name}, whose name says otherwise.`)),
  ];
  let bytes = 0;

  const manifest = first.kind === "opened" ? first.value : null;
  const pieces = objects.filter(({ kind }) => kind === "piece");
  const found = new Map<string, { sha256: Buffer; sizeBytes: number } | null>();
  try {
    const checked = await checkPieces({ vault, tenantId: tenant.tenantId, recordingId: media.media_id, pieces: pieces.map(readable), isKnownUnreadable: (second, track) => manifest !== null && isKnownUnreadable(second, track, manifest) });
    for (const piece of pieces) found.set(piece.object_name, checked.files.get(piece.object_name) ?? null);
    const seconds = checked.differences.filter((difference) => difference.kind === "second");
    for (const { objectName, track, second } of seconds.slice(0, namedSeconds)) findings.push(finding("SECOND_ALTERED", `${where}, track ${track}, second ${second}`, `Second ${second} of track ${track} in ${objectName} is not what was sealed.`));
    if (seconds.length > namedSeconds) findings.push(finding("SECOND_ALTERED", `${where}, ${seconds.length - namedSeconds} more seconds`, "More seconds beside these are not what was sealed."));
    for (const difference of checked.differences) if (difference.kind === "piece") findings.push(finding("PIECE_UNREADABLE", `${where}, ${difference.objectName}`, `${difference.why}.`));
    // Of fewer pieces than there were, no root can come out; what is missing is named by itself.
    const isWhole = !checked.isPartial && pieces.length > 0;
    for (const source of isWhole ? (manifest?.sources ?? []) : []) {
      const root = checked.roots.get(source.track);
      if ((root?.seconds ?? 0) !== source.chunks) findings.push(finding("TRACK_DIFFERS", `${where}, track ${source.track}`, `The manifest says ${source.chunks} seconds with sound, and the store has ${root?.seconds ?? 0}.`));
      else if (root !== undefined && toHex(root.root) !== source.merkleRoot) findings.push(finding("TRACK_DIFFERS", `${where}, track ${source.track}`, `Its seconds lead to ${toHex(root.root)}, and the manifest says ${source.merkleRoot}.`));
    }
  } catch (error) {
    if (error instanceof NotAuthentic) findings.push(finding("KEY_ALTERED", where, `${error.message}.`));
    else if (!(error instanceof KeyMissing)) throw error;
    else findings.push(isElsewhere ? finding("LIES_ELSEWHERE", where, `Its data key is not in this node's keystore; node ${recordedBy(recording)} recorded it.`) : finding("KEY_MISSING", where, `${error.message}.`));
  }

  for (const object of objects) {
    const stored = found.get(object.object_name) ?? (await digestOf(vault, object.object_name));
    bytes += stored?.sizeBytes ?? 0;
    const at = `${where}, ${object.object_name}`;
    const expected = object.sha256.toString("hex");
    if (stored === null) findings.push(isElsewhere ? finding("LIES_ELSEWHERE", at, `The file is not in this node's store; node ${recordedBy(recording)} recorded it.`) : finding("OBJECT_MISSING", at, `${object.object_name} is not in the store.`));
    else if (stored.sizeBytes < object.size_bytes) findings.push(finding("OBJECT_TRUNCATED", at, `${object.object_name} has ${stored.sizeBytes} bytes of ${object.size_bytes}.`));
    else if (stored.sha256.toString("hex") !== expected || stored.sizeBytes !== object.size_bytes) findings.push(finding("OBJECT_ALTERED", at, `${object.object_name} is ${stored.sizeBytes} bytes with the digest ${stored.sha256.toString("hex")}; ${object.size_bytes} with ${expected} were stored.`));
  }

  const differing: ObjectDifference[] = [];
  const [manifests, opus, own] = [objects.filter(({ kind }) => kind === "manifest"), objects.filter(({ kind }) => kind === "opus"), objects.filter(({ kind }) => !["manifest", "opus"].includes(kind))];
  if (first.kind === "opened") {
    // Manifests before this said digests of pieces alone.
    const isAllNamed = [...first.facts.objects.values()].some(({ kind }) => kind !== "piece" && kind !== undefined);
    differing.push(...objectsThatDiffer(isAllNamed ? own : pieces, first.facts.objects, "the manifest"));
  }
  for (const one of derivations) {
    if (one.kind === "opened") differing.push(...objectsThatDiffer(opus, one.facts.objects, `revision ${one.value.revision} of the manifest`));
  }
  differing.push(...objectsAgainstRows(recording), ...manifests.flatMap((row) => manifestThatDiffers(row, manifests)));
  findings.push(...differing.map(({ name, says }) => finding("OBJECT_ROW_ALTERED", `${where}, ${name}`, says)));
  return { findings, bytes };
}

/** Files as the log was told of them when they were stored: that holds also where the manifest cannot be opened. */
function objectsAgainstRows({ objects, evidence }: StoredRecording): ObjectDifference[] {
  const stored = evidence.filter(({ row }) => row.action === "Piece Stored").map((told) => ({ told, object: sealedObject(told.row.detail) }));
  const finished = evidence.find(({ row }) => row.action === "Recording Finalized");
  const compacted = evidence.find(({ row }) => row.action === "Recording Compacted");
  return objects.flatMap((row): ObjectDifference[] => {
    const piece = stored.find(({ object }) => object.objectName === row.object_name);
    const isOfCopy = row.kind === "opus" || (row.kind === "manifest" && row.seq > 1);
    const by = piece?.told ?? (isOfCopy ? compacted : row.kind === "piece" ? undefined : finished);
    if (by === undefined) return [];
    // Rows of an earlier version do not say when a copy was stored.
    const told = isOfCopy ? said(by, "storedAt") : by.row.occurredAt;
    const at = momentText(row.stored_at);
    return [
      ...(piece === undefined ? [] : objectThatDiffers(row, piece.object, nameOfRow(by))),
      ...(told === undefined || (at === told && row.times_whole) ? [] : [{ name: row.object_name, says: `The database says that ${row.object_name} was stored at ${at}, and ${nameOfRow(by)} at ${valueText(told)}.` }]),
    ];
  });
}

/** A manifest names all files but itself. Of each revision there is one, and it is of no time of the recording. */
function manifestThatDiffers(row: ObjectRow, all: readonly ObjectRow[]): ObjectDifference[] {
  const { object_name: name, seq, from_ms, to_ms } = row;
  return [
    ...(all.some((other) => other !== row && other.seq === seq) ? [{ name, says: `The database names another manifest of revision ${seq} beside ${name}.` }] : []),
    ...(from_ms === null && to_ms === null ? [] : [{ name, says: `The database has a time of the recording for ${name}, which is of all of it.` }]),
  ];
}

/** Null where it is not there. */
async function digestOf({ store }: Vault, name: string): Promise<{ sha256: Buffer; sizeBytes: number } | null> {
  try {
    const sizeBytes = await store.size(name);
    const hash = createHash("sha256");
    let at = 0;
    for (; at < sizeBytes; at += readBytes) hash.update(await store.read(name, at, readBytes));
    return { sha256: hash.digest(), sizeBytes };
  } catch (error) {
    if (error instanceof ObjectMissing) return null;
    throw error;
  }
}
