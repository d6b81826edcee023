/**
 * `evidence.jsonl`: rows of the log with their places, one a line. A row that was erased leaves the hash of its leaf and the row that
 * says so; everything else about it is gone.
 */
import { fromBase64, toBase64 } from "./base64.ts";
import { saltBytes, type EvidenceRow } from "./evidence-row.ts";
import { count, list, object, parseJsonText, text, textOrNull, type Json } from "./read-json.ts";
import { Malformed } from "./note.ts";

export interface PlacedRow {
  readonly kind: "row";
  readonly row: EvidenceRow;
  readonly salt: Uint8Array;
  readonly index: number;
  /** From the leaf's sibling up to the root of the bundle's checkpoint. */
  readonly proof: readonly Uint8Array[];
}

export interface ErasedRow {
  readonly kind: "erased";
  readonly evidenceId: string;
  /** The row `Erase`, in the same file, that says it. */
  readonly erasedBy: string;
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly proof: readonly Uint8Array[];
}

export type EvidenceLine = PlacedRow | ErasedRow;

export function formatEvidenceLine(line: EvidenceLine): string {
  const place = { index: line.index, proof: line.proof.map(toBase64) };
  if (line.kind === "erased") return `${JSON.stringify({ erased: line.evidenceId, erasedBy: line.erasedBy, leaf: toBase64(line.leaf), ...place })}\n`;
  const { tenantId, evidenceId, recordedAt, occurredAt, nodeId, actor, action, item, subject, remoteAddress, reason, detail } = line.row;
  const row = { tenantId, evidenceId, recordedAt, occurredAt, nodeId, actor: { kind: actor.kind, id: actor.id, name: actor.name }, action, item, subject, remoteAddress, reason, detail };
  return `${JSON.stringify({ row, salt: toBase64(line.salt), ...place })}\n`;
}

/** A tree of 2^53 leaves is 53 high. */
const mostSteps = 63;

/** Throws Malformed. */
export function parseEvidenceLine(lineText: string): EvidenceLine {
  const value = object(parseJsonText(lineText, "the line"), "the line");
  const place = { index: count(value["index"], "index"), proof: list(value["proof"], "proof", hash) };
  if (place.proof.length > mostSteps) throw new Malformed("the proof is longer than any tree is high");
  const line: EvidenceLine =
    value["erased"] === undefined
      ? { kind: "row", row: parseRow(object(value["row"], "row")), salt: bytesOf(value["salt"], "salt", saltBytes), ...place }
      : { kind: "erased", evidenceId: text(value["erased"], "erased"), erasedBy: text(value["erasedBy"], "erasedBy"), leaf: hash(value["leaf"], "leaf"), ...place };
  if (formatEvidenceLine(line) !== `${lineText}\n`) throw new Malformed("the line is not written the one way it is written");
  return line;
}

function parseRow(row: Json): EvidenceRow {
  const actor = object(row["actor"], "row.actor");
  if (row["detail"] === undefined) throw new Malformed("row.detail is missing");
  return {
    tenantId: text(row["tenantId"], "row.tenantId"),
    evidenceId: text(row["evidenceId"], "row.evidenceId"),
    recordedAt: text(row["recordedAt"], "row.recordedAt"),
    occurredAt: text(row["occurredAt"], "row.occurredAt"),
    nodeId: text(row["nodeId"], "row.nodeId"),
    actor: { kind: text(actor["kind"], "row.actor.kind"), id: text(actor["id"], "row.actor.id"), name: text(actor["name"], "row.actor.name") },
    action: text(row["action"], "row.action"),
    item: text(row["item"], "row.item"),
    subject: textOrNull(row["subject"], "row.subject"),
    remoteAddress: textOrNull(row["remoteAddress"], "row.remoteAddress"),
    reason: textOrNull(row["reason"], "row.reason"),
    detail: row["detail"],
  };
}

const hash = (value: unknown, where: string): Uint8Array => bytesOf(value, where, 32);

function bytesOf(value: unknown, where: string, length: number): Uint8Array {
  const bytes = typeof value === "string" ? fromBase64(value) : null;
  if (bytes === null || bytes.length !== length) throw new Malformed(`${where} is not ${length} bytes in base64`);
  return bytes;
}
