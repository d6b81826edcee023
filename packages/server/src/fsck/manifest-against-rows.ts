/** What was sealed of a call when it ended, against the log's row that says so and against what the database tells of it today. */
import type { Manifest, ManifestInteraction } from "@earwitness/verify";
import { withTenant } from "#db";
import { checkRows, type StoredRow } from "#evidence";
import { mintedAt } from "#ids";
import { finder, type CheckedTenant, type Checking } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { said, type InteractionRow, type PartRow, type StoredRecording, type TrackRow } from "./recording-as-stored.ts";
import type { Manifests } from "./sealed-manifest.ts";
import { fieldOf, momentText, valueText } from "./stored-value.ts";

export async function manifestAgainstRows(checking: Checking, tenant: CheckedTenant, recording: StoredRecording, { first, derivations }: Manifests): Promise<Finding[]> {
  const { media, evidence } = recording;
  const finding = finder("manifests", tenant);
  const where = `recording ${media.media_id}`;
  const isElsewhere = media.node_id !== checking.nodeId;
  const findings: Finding[] = [];
  const known = media.manifest_sha256?.toString("hex") ?? null;

  const finished = evidence.filter(({ row }) => row.action === "Recording Finalized");
  if (finished.length === 0) findings.push((await mayBeErased(checking, tenant, mintedAt(media.media_id))) ? finding("MANIFEST_MAYBE_ERASED", where, "No row of evidence says that it was finished, and rows since its beginning were erased.") : finding("MANIFEST_NOT_IN_LOG", where, "No row of evidence says that it was finished."));
  // A row in this answer is only as good as its place: what it says of the manifest is believed where it is the one that was committed to.
  for (const { treeIndex, row } of finished) {
    if (treeIndex === null) continue;
    const { differences } = await withTenant(checking.db, tenant.tenantId, (tx) => checkRows(tx, treeIndex, treeIndex + 1));
    if (differences.length > 0) findings.push(finding("MANIFEST_NOT_IN_LOG", where, `Row ${treeIndex} (${row.evidenceId}), which says that it was finished, is not the one that was committed to.`));
  }
  for (const row of finished) if (said(row, "manifestSha256") !== known) findings.push(finding("MANIFEST_ALTERED", where, `The database has the digest ${known ?? "of none"} for its manifest, and ${placeOf(row)} says ${String(said(row, "manifestSha256"))}.`));

  if (first.kind === "opened") {
    const { value: manifest, sha256 } = first;
    if (sha256 !== known && !finished.some((row) => said(row, "manifestSha256") === sha256)) findings.push(finding("MANIFEST_ALTERED", where, `The manifest in the store has the digest ${sha256}, and the database ${known ?? "none"}.`));
    const differing = factsThatDiffer(recording, manifest);
    if (differing.length > 0) findings.push(finding("FACTS_DIFFER", where, `${differing.join("; ")}.`));
    findings.push(...partsThatDiffer(recording, manifest));
  } else if (first.kind === "damaged key") findings.push(finding("KEY_ALTERED", where, `${first.why}.`));
  else if (first.kind === "damaged") findings.push(finding("MANIFEST_ALTERED", where, `The manifest cannot be read: ${first.why}.`));
  else if (isElsewhere && first.object !== null) findings.push(finding("LIES_ELSEWHERE", where, `Its manifest cannot be opened here: ${first.why}; node ${media.node_id} recorded it.`));
  else findings.push(finding(first.kind === "missing key" ? "KEY_MISSING" : "OBJECT_MISSING", `${where}, its manifest`, `${first.why}.`));

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
  for (const row of compacted) if (!unread && !here.has(String(said(row, "manifestSha256")))) findings.push(finding("DERIVATION_DIFFERS", where, `${placeOf(row)} says that a copy was made, whose manifest the database does not name.`));
  return findings;

  function partsThatDiffer({ parts, strangeParts, interactions }: StoredRecording, manifest: Manifest): Finding[] {
    const differing: Finding[] = strangeParts.map((id) => finding("INTERACTION_ADDED", `interaction ${JSON.stringify(id)} of ${where}`, "The database ties it to this recording, and it is no id of an interaction."));
    for (const part of manifest.interactions) {
      const row = interactions.get(part.interactionId);
      const link = parts.find(({ interaction_id }) => interaction_id === part.interactionId);
      const at = `interaction ${part.interactionId} of ${where}`;
      if (link === undefined || row === undefined) {
        differing.push(finding("INTERACTION_MISSING", at, link === undefined ? "The database does not tie it to its recording." : "The database has no such interaction."));
        continue;
      }
      const facts = interactionThatDiffers(part, row, link);
      if (facts.length > 0) differing.push(finding("FACTS_DIFFER", at, `${facts.join("; ")}.`));
    }
    for (const { interaction_id } of parts) if (!manifest.interactions.some(({ interactionId }) => interactionId === interaction_id)) differing.push(finding("INTERACTION_ADDED", `interaction ${interaction_id} of ${where}`, "The database ties it to this recording, whose manifest does not know it."));
    return differing;
  }
}

const placeOf = ({ treeIndex, row }: StoredRow): string => (treeIndex === null ? `row ${row.evidenceId}` : `row ${treeIndex}`);

/** One fact, as both say it; null where they agree. */
function fact(name: string, database: unknown, manifest: unknown): string | null {
  const [here, sealed] = [valueText(database), valueText(manifest)];
  return here === sealed ? null : `${name}: the database says ${short(here)}, the manifest ${short(sealed)}`;
}

const short = (text: string): string => (text.length <= 200 ? text : `${text.slice(0, 200)}…`);

const isDifferent = (text: string | null): text is string => text !== null;

function factsThatDiffer({ media, tracks }: StoredRecording, manifest: Manifest): string[] {
  const facts = [
    fact("recording", media.media_id, manifest.recordingId),
    fact("tenant", media.tenant_id, manifest.tenantId),
    fact("start", momentText(media.started_at), manifest.startedAt),
    fact("end", momentText(media.ended_at), new Date(Date.parse(manifest.startedAt) + manifest.durationMs)),
    fact("length in ms", media.duration_ms, manifest.durationMs),
    fact("how it ended", media.end_reason ?? "", manifest.endReason),
    fact("recovered", media.recovered, manifest.recovered),
    fact("tracks", tracks.map(({ track }) => track), manifest.tracks.map(({ track }) => track).toSorted((a, b) => a - b)),
  ];
  for (const sealed of manifest.tracks) {
    const row = tracks.find(({ track }) => track === sealed.track);
    if (row === undefined) continue; // told above
    const of = (name: string): string => `${name} of track ${sealed.track}`;
    facts.push(
      fact(of("speaker"), speakerOf(row), [sealed.name, sealed.address]),
      fact(of("stream"), row.source_track, sealed.sourceTrack),
      fact(of("span"), [row.from_ms, row.to_ms, row.offset_ms, row.duration_ms], [sealed.fromMs, sealed.toMs, sealed.offsetMs, sealed.durationMs]),
      fact(of("speech"), row.speech, sealed.speech),
      fact(of("gaps"), plainGaps(row.gaps), plainGaps(sealed.gaps)),
    );
  }
  return facts.filter(isDifferent);
}

const speakerOf = (row: TrackRow): unknown => [row.participant_name, row.participant_aor];
/** What the manifest's reader knows of gaps and people; of a list that is none, all that is there. */
const plainGaps = (gaps: unknown): unknown => plain(gaps, ["fromMs", "toMs", "reason"]);
const plainPeople = (people: unknown): unknown => plain(people, ["name", "address"]);
const plain = (list: unknown, names: readonly string[]): unknown => (Array.isArray(list) ? list.map((one) => names.map((name) => fieldOf(one, name) ?? null)) : list);

function interactionThatDiffers(sealed: ManifestInteraction, row: InteractionRow, part: PartRow): string[] {
  return [
    fact("part of the recording", [part.from_ms, part.to_ms], [sealed.fromMs, sealed.toMs]),
    fact("recorded person", [row.user_name, row.user_address], [sealed.user.name ?? sealed.user.address, sealed.user.address]),
    fact("people", plainPeople(row.participants), plainPeople(sealed.participants)),
  ].filter(isDifferent);
}

/** An erased row names nothing any more: it may have been the one that is looked for. */
async function mayBeErased({ db }: Checking, { tenantId }: CheckedTenant, since: Date): Promise<boolean> {
  return (await withTenant(db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").where("recorded_at", ">=", since).where("erased_by", "is not", null).limit(1).executeTakeFirst())) !== undefined;
}
