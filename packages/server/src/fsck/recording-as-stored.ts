/** All that the database has of one finished recording, read in one go. */
import type { Selectable } from "kysely";
import { withTenant, type Database, type TenantTransaction } from "#db";
import { believableRows, rowsOf, type StoredRow } from "#evidence";
import { isId, mintedAt, momentsOf } from "#ids";
import type { ReadableObject } from "#recorder";
import type { CheckedTenant, Checking } from "./checking.ts";
import { readObjectName } from "./own-object-name.ts";
import { fieldOf } from "./stored-value.ts";
import { isWhole } from "./whole-moments.ts";

/** Whether its times are of whole milliseconds: Earwitness writes no others, and reads no more of them. */
interface Timed {
  readonly times_whole: boolean;
}

export type MediaRow = Selectable<Database["media"]> & Timed;
export type ObjectRow = Selectable<Database["media_objects"]> & Timed;
export type TrackRow = Selectable<Database["media_tracks"]>;
export type InteractionRow = Selectable<Database["interactions"]> & Timed;
export type EventRow = Selectable<Database["media_events"]>;
export type PartRow = Selectable<Database["interaction_media"]>;

export interface StoredRecording {
  readonly media: MediaRow;
  /** As their names say what they are: nobody can have the check read another file, or one as something else. */
  readonly objects: readonly ObjectRow[];
  /** Names that Earwitness does not give in this recording, which lead anywhere. */
  readonly strangeNames: readonly string[];
  /** Rows whose kind, number or key is not the one in their name. */
  readonly misnamed: readonly ObjectRow[];
  readonly tracks: readonly TrackRow[];
  readonly events: readonly EventRow[];
  readonly parts: readonly PartRow[];
  /** Ids that no interaction can have, tied to the recording. */
  readonly strangeParts: readonly string[];
  readonly interactions: ReadonlyMap<string, InteractionRow>;
  /** Rows of evidence about the recording that have their place, in its order. */
  readonly evidence: readonly StoredRow[];
  /** The same about its interactions, by their ids. */
  readonly told: ReadonlyMap<string | null, readonly StoredRow[]>;
  /** The node that recorded it, as the log says; null where it does not. The database's word would say where its files need not be looked for. */
  readonly startedBy: string | null;
}

export const recordedBy = ({ startedBy, media }: StoredRecording): string => startedBy ?? media.node_id;

/** Null where it is gone meanwhile. */
export async function readRecording({ db }: Checking, { tenantId }: CheckedTenant, recordingId: string): Promise<StoredRecording | null> {
  return await withTenant(db, tenantId, async (tx) => {
    const of = mintedAt(recordingId);
    const media = await tx.selectFrom("media").selectAll().select(isWhole("started_at", "ended_at").as("times_whole")).where("minted_at", "=", of).where("media_id", "=", recordingId).executeTakeFirst();
    if (media === undefined) return null;
    const objects = await tx.selectFrom("media_objects").selectAll().select(isWhole("stored_at").as("times_whole")).where("minted_at", "=", of).where("media_id", "=", recordingId).orderBy("object_name").execute();
    const tracks = await tx.selectFrom("media_tracks").selectAll().where("minted_at", "=", of).where("media_id", "=", recordingId).orderBy("track").execute();
    const events = await tx.selectFrom("media_events").selectAll().where("minted_at", "=", of).where("media_id", "=", recordingId).orderBy("seq").execute();
    const tied = await tx.selectFrom("interaction_media").selectAll().where("media_id", "=", recordingId).orderBy("interaction_id").execute();
    const parts = tied.filter(({ interaction_id }) => isId(interaction_id));
    const strangeParts = tied.filter(({ interaction_id }) => !isId(interaction_id)).map(({ interaction_id }) => interaction_id);
    const evidence = await rowsOf(tx, { subject: recordingId });
    const told: StoredRow[] = [];
    for (const { interaction_id } of parts) told.push(...(await rowsOf(tx, { subject: interaction_id })));
    const believable = [...(await believableRows(tx, told))]; // the others vouch for nothing
    return { media, ...asNamed(objects), tracks, events, parts, strangeParts, interactions: await interactionsOf(tx, parts), evidence, told: Map.groupBy(believable, ({ row }) => row.subject), startedBy: evidence.find(({ row }) => row.action === "Recording Started")?.row.nodeId ?? null };
  });
}

function asNamed(rows: readonly ObjectRow[]): Pick<StoredRecording, "objects" | "strangeNames" | "misnamed"> {
  const objects: ObjectRow[] = [];
  const strangeNames: string[] = [];
  const misnamed: ObjectRow[] = [];
  for (const row of rows) {
    const named = readObjectName(row);
    if (named === null) {
      strangeNames.push(row.object_name);
      continue;
    }
    if (row.kind !== named.kind || row.seq !== named.seq || row.key_id !== named.key_id) misnamed.push(row);
    objects.push({ ...row, ...named });
  }
  return { objects: objects.toSorted((a, b) => a.seq - b.seq), strangeNames, misnamed };
}

async function interactionsOf(tx: TenantTransaction, parts: readonly PartRow[]): Promise<Map<string, InteractionRow>> {
  if (parts.length === 0) return new Map();
  const ids = parts.map(({ interaction_id }) => interaction_id);
  const rows = await tx.selectFrom("interactions").selectAll().select(isWhole("started_at", "answered_at", "released_at", "updated_at").as("times_whole")).where("minted_at", "in", momentsOf(ids)).where("interaction_id", "in", ids).execute();
  return new Map(rows.map((row) => [row.interaction_id, row]));
}

export const readable = (object: ObjectRow): ReadableObject => ({ objectName: object.object_name, kind: object.kind, keyId: object.key_id, seq: object.seq, fromMs: object.from_ms, toMs: object.to_ms, sizeBytes: object.size_bytes });

/** What a row of evidence says under this name. */
export const said = ({ row }: StoredRow, name: string): unknown => fieldOf(row.detail, name);
