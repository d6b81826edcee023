/** All finished recordings of a tenant, one after the other: their files against their manifests, and these against the rows. */
import { sql } from "kysely";
import { withTenant } from "#db";
import { finder, type CheckedRecording, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import type { Finding, Part } from "./finding.ts";
import { isMinted, mintedBehind, strangeIds } from "./ids-as-stored.ts";
import { manifestAgainstRows } from "./manifest-against-rows.ts";
import { mediaAgainstManifest } from "./media-against-manifest.ts";
import { readRecording } from "./recording-as-stored.ts";
import { openManifests } from "./sealed-manifest.ts";
import { unreadable } from "./stored-value.ts";

/** Id of the last recording that was checked: ids begin with their second of birth, and so are in order. */
export type RecordingsCursor = string;

const pageRecordings = 100;

/** Those that began before `before`; what runs is not looked at, and what was begun later is for the next check. */
export async function* recordings(checking: Checking, tenant: CheckedTenant, parts: ReadonlySet<Part>, before: Date, from: RecordingsCursor): AsyncGenerator<Portion<RecordingsCursor>> {
  const { db, twice } = checking;
  const { tenantId } = tenant;
  const behind = (id: string) => sql<boolean>`${isMinted("media_id")} and ${mintedBehind("media_id", id, before)} and state not in ('recording', 'finalizing')`;
  const of = await withTenant(db, tenantId, (tx) => tx.selectFrom("media").select((eb) => eb.fn.countAll<number>().as("count")).where(behind("")).executeTakeFirstOrThrow());
  const left = from === "" ? of : await withTenant(db, tenantId, (tx) => tx.selectFrom("media").select((eb) => eb.fn.countAll<number>().as("count")).where(behind(from)).executeTakeFirstOrThrow());
  let done = of.count - left.count;

  let last = from;
  for (;;) {
    const after = last;
    const page = await withTenant(db, tenantId, (tx) => tx.selectFrom("media").select("media_id").where(behind(after)).orderBy("minted_at").orderBy("media_id").limit(pageRecordings).execute());
    for (const { media_id: recordingId } of page) {
      const { findings, bytes, interactionIds } = await twice(async () => await checkReadable(checking, tenant, parts, recordingId));
      last = recordingId;
      done += 1;
      const checked: CheckedRecording[] = interactionIds === null ? [] : [{ recordingId, interactionIds, findings }];
      yield { cursor: last, findings, done, of: Math.max(of.count, done), counted: { recordings: 1, bytes }, checked };
    }
    if (page.length < pageRecordings) break;
  }
  const strange = await twice(async () => ({ findings: await strangeIds(db, tenant, "media", before) }));
  yield { cursor: last, findings: strange.findings, done, of: Math.max(of.count, done) };
}

/** A recording that cannot be read is a finding, and not the end of the check. */
async function checkReadable(checking: Checking, tenant: CheckedTenant, parts: ReadonlySet<Part>, recordingId: string): ReturnType<typeof checkRecording> {
  try {
    return await checkRecording(checking, tenant, parts, recordingId);
  } catch (error) {
    const found = unreadable(error, finder(parts.has("manifests") ? "manifests" : "media", tenant), `recording ${recordingId}`);
    if (found === null) throw error;
    return { findings: [found], bytes: 0, interactionIds: null };
  }
}

/** `interactionIds` is null where there is nothing of it to be verified. */
async function checkRecording(checking: Checking, tenant: CheckedTenant, parts: ReadonlySet<Part>, recordingId: string): Promise<{ findings: Finding[]; bytes: number; interactionIds: readonly string[] | null }> {
  const recording = await readRecording(checking, tenant, recordingId);
  if (recording === null) return { findings: [finder("manifests", tenant)("RECORDING_MISSING", `recording ${recordingId}`, "Its row went away while it was being checked.")], bytes: 0, interactionIds: null };
  const interactionIds = recording.parts.map(({ interaction_id }) => interaction_id);
  if (recording.media.state === "deleted") {
    const row = recording.evidence.find(({ row: { action } }) => action === "Delete");
    const finding = finder("manifests", tenant);
    return { findings: [row === undefined ? finding("RECORDING_MISSING", `recording ${recordingId}`, "The database says that it was deleted, and no row says by whom.") : finding("DESTROYED", `recording ${recordingId}`, `Row ${row.treeIndex ?? row.row.evidenceId} says who deleted it, ${row.row.recordedAt}.`)], bytes: 0, interactionIds: null };
  }
  const manifests = await openManifests(checking.vault, recording);
  const media = parts.has("media") ? await mediaAgainstManifest(checking, tenant, recording, manifests) : { findings: [], bytes: 0 };
  const facts = parts.has("manifests") ? await manifestAgainstRows(checking, tenant, recording, manifests) : [];
  return { findings: once([...media.findings, ...facts]), bytes: media.bytes, interactionIds };
}

/** A key or a manifest that is gone is met by both parts, and is one thing. */
function once(findings: readonly Finding[]): Finding[] {
  const told = new Set<string>();
  return findings.filter(({ code, says }) => {
    const name = `${code} ${says}`;
    if (told.has(name)) return false;
    told.add(name);
    return true;
  });
}
