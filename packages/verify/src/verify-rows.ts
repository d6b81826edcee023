/** The rows of an interaction: each is in the log, at its place, and about this interaction. */
import { toHex } from "./base64.ts";
import { interactionPaths, type BundledInteraction } from "./bundle-index.ts";
import { readAll } from "./byte-stream.ts";
import { parseEvidenceLine, type EvidenceLine } from "./evidence-lines.ts";
import { rowLeaf, type EvidenceRow } from "./evidence-row.ts";
import { verifyInclusion } from "./merkle.ts";
import { Malformed } from "./note.ts";
import type { Bundle } from "./bundle.ts";
import { textOf, type Head } from "./verify-head.ts";

const mostEvidenceBytes = 512 * 1024 * 1024;

/** Rows that are proved to be in the log. Without a head to rely on, none are. */
export async function verifyRows({ index, intact, report, trust, covered }: Bundle, interaction: BundledInteraction, head: Head | null): Promise<EvidenceRow[]> {
  const { evidence: path } = interactionPaths(interaction.id);
  const file = intact.get(path);
  if (file === undefined) {
    report.fails("evidence", interaction.id, "Without its rows of evidence nothing about this interaction can be traced to the log.");
    return [];
  }
  covered.add(path);
  const text = textOf(await readAll(file.open(), mostEvidenceBytes, path), path);
  if (!text.endsWith("\n")) throw new Malformed(`${path} ends in the middle of a row`);
  const proved: EvidenceRow[] = [];
  const erased: (EvidenceLine & { kind: "erased" })[] = [];
  const places = new Set<number>();
  const ids = new Set<string>();
  const unbroken = report.mark();
  for (const [number, lineText] of text.slice(0, -1).split("\n").entries()) {
    const where = `${path}:${number + 1}`;
    const line = await report.attempt("evidence", where, async () => parseEvidenceLine(lineText));
    if (line === null) continue;
    const evidenceId = line.kind === "row" ? line.row.evidenceId : line.evidenceId;
    const wrong = places.has(line.index) ? "two rows claim the same place" : ids.has(evidenceId) ? "a row is there twice" : line.kind === "row" ? strangeness(line.row, index.tenant.id, interaction) : null;
    places.add(line.index);
    ids.add(evidenceId);
    if (wrong !== null) {
      report.fails("evidence", where, `Row ${evidenceId}: ${wrong}.`);
      continue;
    }
    if (head === null) continue;
    const leaf = await report.attempt("evidence", where, async () => (line.kind === "row" ? rowLeaf(trust.sha256.of, line.row, line.salt) : line.leaf));
    if (leaf === null) continue;
    if (!verifyInclusion(trust.sha256.of, { leaf, index: line.index, size: head.size, proof: line.proof, root: head.root })) {
      const what = line.kind === "row" ? `${line.row.action} by ${line.row.actor.name}, ${line.row.occurredAt}` : "erased";
      report.fails("evidence", where, `Row ${evidenceId} (${what}) is not in the log at place ${line.index}: it was altered, or never written.`, { leaf: toHex(leaf) });
      continue;
    }
    if (line.kind === "row") proved.push(line.row);
    else erased.push(line);
  }
  for (const line of erased) {
    const certificate = proved.find((row) => row.action === "Erase" && row.evidenceId === line.erasedBy && names(row, line));
    if (certificate === undefined) report.fails("evidence", path, `The row at place ${line.index} is gone, and no row of the log says that it was erased: it was altered.`);
    else report.erased("evidence", path, `The row at place ${line.index} was erased by ${certificate.actor.name} on ${certificate.occurredAt}${certificate.reason === null ? "" : `: ${certificate.reason}`}. Its place in the log stands.`);
  }
  if (head === null) report.notChecked("evidence", path, "Whether these rows are in the log: there is no checkpoint to rely on.");
  else if (unbroken()) report.holds("evidence", path, `${proved.length} ${proved.length === 1 ? "row of evidence is" : "rows of evidence are"} in the log, each at its place, as ${proved.length === 1 ? "it was" : "they were"} written.`);
  return proved;
}

function strangeness(row: EvidenceRow, tenantId: string, { id, recordingId }: BundledInteraction): string | null {
  if (row.tenantId !== tenantId) return "it is another tenant's";
  if (row.action === "Erase") return null; // says of which places it is, not of which call
  return row.subject === id || (recordingId !== null && row.subject === recordingId) ? null : "it is about something else";
}

/** An `Erase` row names the rows that it erased: `rows: [[place, evidence id, recorded at], …]`. */
function names(certificate: EvidenceRow, { index, evidenceId }: EvidenceLine & { kind: "erased" }): boolean {
  const rows = detailOf(certificate, "rows");
  return Array.isArray(rows) && rows.some((row: unknown) => Array.isArray(row) && row[0] === index && row[1] === evidenceId);
}

/** A member of a row's detail. */
export function detailOf(row: EvidenceRow | undefined, name: string): unknown {
  const detail = row?.detail;
  return typeof detail === "object" && detail !== null && !Array.isArray(detail) ? (detail as Readonly<Record<string, unknown>>)[name] : undefined;
}
