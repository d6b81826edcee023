/** What was sealed of a call when it ended, against the log's row that says so and against what the database tells of it today. */
import { withTenant } from "#db";
import { checkRows, type StoredRow } from "#evidence";
import { mintedAt } from "#ids";
import { finder, type CheckedTenant, type Checking } from "./checking.ts";
import { erasedTellings, isSomethingErased } from "./erased-rows.ts";
import type { Finding } from "./finding.ts";
import { factsThatDiffer } from "./facts-that-differ.ts";
import { partsThatDiffer } from "./parts-that-differ.ts";
import { recordedBy, said, type StoredRecording } from "./recording-as-stored.ts";
import type { Manifests } from "./sealed-manifest.ts";
import { nameOfRow } from "./told-of-interaction.ts";

export async function manifestAgainstRows(checking: Checking, tenant: CheckedTenant, recording: StoredRecording, { first, derivations }: Manifests): Promise<Finding[]> {
  const { media, evidence } = recording;
  const finding = finder("manifests", tenant);
  const where = `recording ${media.media_id}`;
  const isElsewhere = recordedBy(recording) !== checking.nodeId;
  const findings: Finding[] = [];
  const known = media.manifest_sha256?.toString("hex") ?? null;

  const finished = evidence.filter(({ row }) => row.action === "Recording Finalized");
  if (finished.length === 0) findings.push((await withTenant(checking.db, tenant.tenantId, (tx) => isSomethingErased(tx, mintedAt(media.media_id)))) ? finding("MANIFEST_MAYBE_ERASED", where, "No row of evidence says that it was finished, and rows since its beginning were erased.") : finding("MANIFEST_NOT_IN_LOG", where, "No row of evidence says that it was finished."));
  // A row in this answer is only as good as its place: what it says of the manifest is believed where it is the one that was committed to.
  for (const { treeIndex, row } of finished) {
    if (treeIndex === null) continue;
    const { differences } = await withTenant(checking.db, tenant.tenantId, (tx) => checkRows(tx, treeIndex, treeIndex + 1));
    if (differences.length > 0) findings.push(finding("MANIFEST_NOT_IN_LOG", where, `Row ${treeIndex} (${row.evidenceId}), which says that it was finished, is not the one that was committed to.`));
  }
  for (const row of finished) if (said(row, "manifestSha256") !== known) findings.push(finding("MANIFEST_ALTERED", where, `The database has the digest ${known ?? "of none"} for its manifest, and ${nameOfRow(row)} says ${String(said(row, "manifestSha256"))}.`));

  if (first.kind === "opened") {
    const { value: manifest, facts, sha256 } = first;
    if (sha256 !== known && !finished.some((row) => said(row, "manifestSha256") === sha256)) findings.push(finding("MANIFEST_ALTERED", where, `The manifest in the store has the digest ${sha256}, and the database ${known ?? "none"}.`));
    const differing = factsThatDiffer(recording, manifest, facts);
    if (differing.length > 0) findings.push(finding("FACTS_DIFFER", where, `${differing.join("; ")}.`));
  } else if (first.kind === "damaged key") findings.push(finding("KEY_ALTERED", where, `${first.why}.`));
  else if (first.kind === "damaged") findings.push(finding("MANIFEST_ALTERED", where, `The manifest cannot be read: ${first.why}.`));
  else if (isElsewhere && first.object !== null) findings.push(finding("LIES_ELSEWHERE", where, `Its manifest cannot be opened here: ${first.why}; node ${recordedBy(recording)} recorded it.`));
  else findings.push(finding(first.kind === "missing key" ? "KEY_MISSING" : "OBJECT_MISSING", `${where}, its manifest`, `${first.why}.`));

  const sealed = first.kind === "opened" ? { manifest: first.value, facts: first.facts } : null;
  findings.push(...partsThatDiffer(finding, recording, sealed, await erasedBefore(checking, tenant, recording, finished[0])));

  const compacted = evidence.filter(({ row }) => row.action === "Recording Compacted");
  const here = new Set<string>();
  for (const one of derivations) {
    const at = `${where}, ${one.object?.object_name ?? "a derivation"}`;
    if (one.kind === "opened") {
      here.add(one.sha256);
      const { derivedFrom, tenantId, recordingId, sources } = one.value;
      if (!compacted.some((row) => said(row, "manifestSha256") === one.sha256)) findings.push(finding("DERIVATION_DIFFERS", at, "No row of evidence knows this derivation."));
      else if (derivedFrom !== known || tenantId !== tenant.tenantId || recordingId !== media.media_id) findings.push(finding("DERIVATION_DIFFERS", at, "It was derived from another recording."));
      else if (first.kind === "opened" && [...sources].some(([name, digest]) => first.value.pieces.get(name) !== digest)) findings.push(finding("DERIVATION_DIFFERS", at, "It was derived from a piece that the manifest does not name."));
    } else if (one.kind === "damaged key") findings.push(finding("KEY_ALTERED", at, `${one.why}.`));
    else if (one.kind === "damaged") findings.push(finding("DERIVATION_DIFFERS", at, `It cannot be read: ${one.why}.`));
  }
  const unread = derivations.some(({ kind }) => kind !== "opened");
  for (const row of compacted) if (!unread && !here.has(String(said(row, "manifestSha256")))) findings.push(finding("DERIVATION_DIFFERS", where, `${nameOfRow(row)} says that a copy was made, whose manifest the database does not name.`));
  return findings;
}

/** Between a recording's first row and the one that says that it was finished: an erased one of them may have said something of its interactions. */
async function erasedBefore({ db }: Checking, { tenantId }: CheckedTenant, { evidence }: StoredRecording, finished: StoredRow | undefined): Promise<number[]> {
  return await withTenant(db, tenantId, (tx) => erasedTellings(tx, evidence[0]?.treeIndex ?? 0, finished?.treeIndex ?? Number.MAX_SAFE_INTEGER));
}
