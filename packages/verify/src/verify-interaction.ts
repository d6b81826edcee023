/** One interaction of a bundle: its rows, its manifest, and everything that the manifest answers for. */
import { interactionPaths, type BundledInteraction } from "./bundle-index.ts";
import { readAll } from "./byte-stream.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { EvidenceRow } from "./evidence-row.ts";
import { parseDerivation, parseManifest, parseParty, type Manifest, type ManifestInteraction } from "./manifest.ts";
import { list, object, parseJson, textOrNull } from "./read-json.ts";
import { verifyAudio } from "./verify-audio.ts";
import type { Bundle } from "./bundle.ts";
import type { Head } from "./verify-head.ts";
import { detailOf, verifyRows } from "./verify-rows.ts";
import { verifyTracks } from "./verify-tracks.ts";

const mostJsonBytes = 256 * 1024 * 1024;

export async function verifyInteraction(bundle: Bundle, interaction: BundledInteraction, head: Head | null): Promise<void> {
  const rows = await verifyRows(bundle, interaction, head);
  const handedOut = await checkHandedOut(bundle, interaction, rows, head);
  if (interaction.recordingId === null) {
    bundle.report.notChecked("recording", interaction.id, "There is no recording of this interaction in the bundle; its metadata says why.");
    return;
  }
  const manifest = await checkManifest(bundle, interaction, rows, head);
  if (manifest === null) return;
  const part = checkPart(bundle, interaction, manifest);
  sayGaps(bundle, interaction, manifest);
  checkDecision(bundle, interaction, manifest, rows);
  await checkDerivations(bundle, interaction, manifest, rows, head);
  await checkBodies(bundle, interaction, manifest);
  if (part !== null) await bundle.report.attempt("interaction", interactionPaths(interaction.id).interaction, () => comparePeople(bundle, interaction, part));
  sayUnopened(bundle, interaction, manifest, handedOut);
  const tracks = await verifyTracks(bundle, interaction, manifest);
  if (bundle.trust.packetsAlone === true) bundle.report.notChecked("audio", interaction.id, "Sound that was rendered for a player: no file of it is here, and what is checked are the packets that it is made of.");
  else await verifyAudio(bundle, interaction, manifest, tracks);
}

/**
 * The row of the act itself says who was handed what and why, and what the metadata was then: `Export`, or `Verify` where it was to be
 * checked on the spot and nothing but proofs and packets was handed out. Null where there is none.
 */
async function checkHandedOut({ index, digests, report, covered }: Bundle, { id }: BundledInteraction, rows: readonly EvidenceRow[], head: Head | null): Promise<EvidenceRow | null> {
  const { interaction: path } = interactionPaths(id);
  if (!digests.has(path)) report.fails("interaction", id, "The interaction's metadata is missing or was changed.");
  if (head === null) return null;
  const row = rows.find((one) => (one.action === "Export" || one.action === "Verify") && one.item === "Call" && one.subject === id && detailOf(one, "bundle") === index.bundleId);
  if (row === undefined) {
    report.fails("export", id, "The log has no row of this export: who made the bundle, when and why is not proved, and neither is the metadata.");
    return null;
  }
  const { kind, id: actorId, name } = row.actor;
  const { exportedBy, exportedAt, reason, tenant, page } = index;
  const differing = [
    ...(kind === exportedBy.kind && actorId === exportedBy.id && name === exportedBy.name ? [] : ["who exported it"]),
    ...(row.occurredAt === exportedAt ? [] : ["when"]),
    ...(row.reason === reason ? [] : ["why"]),
    ...(detailOf(row, "tenant") === tenant.name ? [] : ["whose it is"]),
    ...(detailOf(row, "page") === page.sha256 ? [] : ["what its page is"]),
  ];
  if (differing.length > 0) report.fails("export", id, `bundle.json and the log's row of the export say different things about ${differing.join(", ")}.`);
  else report.holds("export", id, row.action === "Verify" ? `Handed to ${name} to be checked, on ${row.occurredAt}.` : `Exported by ${name} on ${row.occurredAt}, because: ${reason}.`);
  if (!digests.has(path)) return row;
  covered.add(path);
  if (detailOf(row, "interactionSha256") === digests.get(path)) report.holds("interaction", path, "The metadata is what the installation said of the interaction when it was exported.");
  else report.fails("interaction", path, "The metadata is not what the installation said of the interaction when it was exported: it was changed.");
  return row;
}

const mostNamed = 20;

/** Seconds that the store could not open when they were to be checked: `unopened: [[track, second], …]` of the row. Each is damage. */
function sayUnopened({ report }: Bundle, { id }: BundledInteraction, manifest: Manifest, handedOut: EvidenceRow | null): void {
  const unopened = detailOf(handedOut ?? undefined, "unopened");
  if (!Array.isArray(unopened) || unopened.length === 0) return;
  const seconds = unopened.map((one: unknown): [number, number] => (Array.isArray(one) ? [Number(one[0]), Number(one[1])] : [Number.NaN, Number.NaN]));
  for (const [track, second] of seconds.slice(0, mostNamed)) {
    const who = manifest.tracks.filter(({ sourceTrack }) => sourceTrack === track).map(({ name, address }) => name ?? address).join(", ");
    report.fails("store", id, `Second ${time(second * 1000)} of track ${track}${who === "" ? "" : ` (${who})`} cannot be opened: what is stored of it is not what was sealed.`);
  }
  if (seconds.length > mostNamed) report.fails("store", id, `… and ${seconds.length - mostNamed} more seconds.`);
}

/** The manifest's bytes are the ones that the log knows of. Null where it cannot be relied on. */
async function checkManifest({ index, intact, digests, report, covered }: Bundle, { id, recordingId }: BundledInteraction, rows: readonly EvidenceRow[], head: Head | null): Promise<Manifest | null> {
  const { manifest: path } = interactionPaths(id);
  const file = intact.get(path);
  if (file === undefined) {
    report.fails("manifest", id, "The manifest is missing or was changed: nothing says what was recorded.");
    return null;
  }
  covered.add(path);
  const sha256 = digests.get(path)!;
  const manifest = await report.attempt("manifest", path, async () => parseManifest(await readAll(file.open(), mostJsonBytes, path)));
  if (manifest === null) return null;
  if (manifest.tenantId !== index.tenant.id || manifest.recordingId !== recordingId) {
    report.fails("manifest", path, "The manifest is of another recording.");
    return null;
  }
  const finalized = rows.filter((row) => row.action === "Recording Finalized" && row.subject === recordingId);
  if (head === null) report.notChecked("manifest", path, "Whether the log knows this manifest: there is no checkpoint to rely on. What is said of the recording is only of one piece with it.");
  else if (finalized.length === 0) report.fails("manifest", path, "The log has no row that says that this recording was finished: nothing vouches for the manifest.");
  else if (!finalized.every((row) => detailOf(row, "manifestSha256") === sha256)) {
    report.fails("manifest", path, "The manifest is not the one that the log knows: it was changed.", { found: sha256 });
    return null;
  } else report.holds("manifest", path, `The manifest is the one that was sealed when the recording was finished, ${manifest.finalizedAt}.`, { sha256 });
  return manifest;
}

function checkPart({ report }: Bundle, { id, fromMs, toMs }: BundledInteraction, manifest: Manifest): ManifestInteraction | null {
  const part = manifest.interactions.find(({ interactionId }) => interactionId === id);
  if (part === undefined) report.fails("part", id, "The recording is not this interaction's.");
  else if (part.fromMs !== fromMs || part.toMs !== toMs) report.fails("part", id, "The manifest says that another part of the recording is this interaction's.");
  else if (fromMs === 0 && toMs >= manifest.durationMs) report.holds("part", id, `The whole recording is this interaction's: ${time(manifest.durationMs)} from ${manifest.startedAt}.`);
  else report.holds("part", id, `${time(fromMs)} to ${time(toMs)} of a recording of ${time(manifest.durationMs)} is this interaction's.`);
  return part ?? null;
}

function sayGaps({ report }: Bundle, { id }: BundledInteraction, manifest: Manifest): void {
  const gaps = manifest.tracks.flatMap((track) => track.gaps.map((gap) => ({ ...gap, who: track.name ?? track.address })));
  const told = gaps.slice(0, 20).map((gap) => `${gap.who} ${time(gap.fromMs)}–${time(gap.toMs)} (${gap.reason})`);
  const more = gaps.length > told.length ? `, and ${gaps.length - told.length} more in the manifest` : "";
  report.holds("gaps", id, gaps.length === 0 ? "No audio was missing when the recording was finished." : `Audio that is missing was written down when the recording was finished: ${told.join("; ")}${more}.`);
}

function checkDecision({ report }: Bundle, { id, recordingId }: BundledInteraction, { decision }: Manifest, rows: readonly EvidenceRow[]): void {
  const started = rows.find((row) => row.action === "Recording Started" && row.subject === recordingId);
  const says = `It was recorded by version ${decision.ruleVersion} of the rules: ${decision.reasons.map((reason) => reason.replace(/\.$/, "")).join("; ") || "no reason was given"}.`;
  if (started === undefined) report.notChecked("decision", id, `${says} The row that was written when the recording began is not in the bundle.`);
  else if (sameJson(detailOf(started, "decision"), decision)) report.holds("decision", id, says);
  else report.fails("decision", id, "The log says that it was decided otherwise when the recording began.");
}

async function checkDerivations({ index, intact, digests, report, covered }: Bundle, { id, recordingId }: BundledInteraction, manifest: Manifest, rows: readonly EvidenceRow[], head: Head | null): Promise<void> {
  const paths = interactionPaths(id);
  const known = rows.filter((row) => row.action === "Recording Compacted" && row.subject === recordingId);
  const found = new Set<string>();
  for (const [path, file] of intact) {
    const [, revision] = /^[0-9a-f]{24}\/manifest-([1-9][0-9]{0,3})\.json$/.exec(path) ?? [];
    if (revision === undefined || path !== paths.derivation(Number(revision))) continue;
    covered.add(path);
    const sha256 = digests.get(path)!;
    const derivation = await report.attempt("derivation", path, async () => parseDerivation(await readAll(file.open(), mostJsonBytes, path)));
    if (derivation === null) continue;
    found.add(sha256);
    if (head === null) report.notChecked("derivation", path, "Whether the log knows this derivation: there is no checkpoint to rely on.");
    else if (!known.some((row) => detailOf(row, "manifestSha256") === sha256)) report.fails("derivation", path, "The log does not know this derivation.");
    else if (derivation.tenantId !== index.tenant.id || derivation.recordingId !== recordingId || derivation.derivedFrom !== digests.get(paths.manifest)) report.fails("derivation", path, "This was derived from another recording.");
    else if ([...derivation.sources].some(([name, digest]) => manifest.pieces.get(name) !== digest)) report.fails("derivation", path, "This was derived from something that the manifest does not name.");
    else report.holds("derivation", path, `On ${derivation.derivedAt}, ${derivation.encoder} made copies of this recording; they are not in the bundle, the original is.`);
  }
  for (const row of known) if (!found.has(String(detailOf(row, "manifestSha256")))) report.fails("derivation", id, `The log says that copies were made on ${row.occurredAt}; the manifest of that is missing.`);
}

async function checkBodies({ digests, report, covered }: Bundle, { id }: BundledInteraction, { bodies }: Manifest): Promise<void> {
  const paths = interactionPaths(id);
  const unbroken = report.mark();
  let here = 0;
  for (const [at, body] of bodies.entries()) {
    const path = paths.metadata(at + 1);
    const sha256 = digests.get(path);
    if (sha256 === undefined) continue;
    covered.add(path);
    here += 1;
    if (sha256 !== body.sha256) report.fails("metadata", path, `This is not the ${body.contentType} that came at ${body.receivedAt}.`);
  }
  if (here > 0 && unbroken()) report.holds("metadata", id, `${here} ${here === 1 ? "document" : "documents"} about the call (SIP, SDP, recording metadata) ${here === 1 ? "is" : "are"} word for word what came or was sent.`);
  if (here < bodies.length) report.notChecked("metadata", id, `${bodies.length - here} of ${bodies.length} documents about the call are not in the bundle.`);
}

/** Who was in the call: the metadata names the same people as the manifest. */
async function comparePeople({ intact, report }: Bundle, { id }: BundledInteraction, part: ManifestInteraction): Promise<void> {
  const { interaction: path } = interactionPaths(id);
  const file = intact.get(path);
  if (file === undefined) return;
  const value = object(parseJson(await readAll(file.open(), mostJsonBytes, path), path), path);
  const user = object(value["user"], "user");
  const people = list(value["participants"], "participants", parseParty);
  const named = part.participants.map(({ name, address }) => name ?? address);
  const sameUser = user["address"] === part.user.address && textOrNull(user["name"], "user.name") === (part.user.name ?? part.user.address);
  if (value["id"] !== id || !sameUser || !sameJson(people, part.participants)) report.fails("people", path, "The metadata names other people than the manifest.");
  else report.holds("people", id, `In the call: ${named.join(", ") || "nobody was named"}; recorded for ${part.user.name ?? part.user.address}.`);
}

function sameJson(one: unknown, other: unknown): boolean {
  try {
    return canonicalJson(one) === canonicalJson(other);
  } catch {
    return false;
  }
}

/** Media time as people read it. */
export function time(ms: number): string {
  const pad = (value: number): string => String(value).padStart(2, "0");
  const seconds = Math.floor(ms / 1000);
  const fraction = ms % 1000 === 0 ? "" : `.${String(ms % 1000).padStart(3, "0")}`;
  return `${seconds >= 3600 ? `${Math.floor(seconds / 3600)}:` : ""}${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}${fraction}`;
}

