/** What a superuser of the database can do to recordings and interactions: every column beside tenant and moment of birth, which their keys hold. */
import { sql, type RawBuilder } from "kysely";
import type { Finding, FindingCode } from "../../../packages/server/src/fsck/index.ts";
import { flipped, otherJson, otherText, otherwhileMicroseconds } from "./changed-values.ts";
import type { Random } from "./tally.ts";
import type { Change, Changes } from "./stage.ts";

type Kind = "text" | "uuid" | "whole" | "json" | "bytes" | "time" | "flag";

interface Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, Kind>>;
}

const media: Table = { name: "media", key: ["media_id"], columns: { media_id: "text", node_id: "text", state: "text", started_at: "time", ended_at: "time", duration_ms: "whole", manifest_sha256: "bytes", recovered: "flag", end_reason: "text" } };
const tracks: Table = {
  name: "media_tracks",
  key: ["media_id", "track"],
  columns: { track: "whole", label: "text", participant_name: "text", participant_aor: "text", source_track: "whole", from_ms: "whole", to_ms: "whole", codec: "text", sample_rate: "whole", offset_ms: "whole", duration_ms: "whole", speech: "json", gaps: "json", packets: "whole", packets_lost: "whole" },
};
const objects: Table = { name: "media_objects", key: ["media_id", "kind", "seq"], columns: { media_id: "text", object_name: "text", kind: "text", seq: "whole", key_id: "text", size_bytes: "whole", sha256: "bytes", from_ms: "whole", to_ms: "whole", stored_at: "time" } };
const interactions: Table = {
  name: "interactions",
  key: ["interaction_id"],
  columns: {
    interaction_id: "text", node_id: "text", trunk_id: "uuid", person_id: "uuid", user_name: "text", user_upn: "text", user_address: "text", media_status: "text", started_at: "time", answered_at: "time", released_at: "time",
    direction: "text", call_type: "text", release_cause: "text", calling: "json", called: "json", answering: "json", on_behalf_of: "json", transferred_by: "json", transferred_to: "json", participants: "json",
    sip_call_id: "text", sys_call_id: "text", chain_id: "text", has_gaps: "flag", sandbox: "flag", decision: "json", party_text: "text", updated_at: "time",
  },
};
const parts: Table = { name: "interaction_media", key: ["interaction_id"], columns: { interaction_id: "text", media_id: "text", from_ms: "whole", to_ms: "whole" } };

/** What is one of a closed set becomes another of it: its table refuses the rest. */
const others: Readonly<Record<string, readonly string[]>> = {
  state: ["recording", "finalizing", "available", "failed", "deleted"],
  kind: ["piece", "opus", "peaks", "manifest", "metadata"],
  media_status: ["Recording", "Pending", "Available", "Failed", "Unavailable", "Deleted"],
  direction: ["Incoming", "Outgoing", "None"],
  release_cause: ["Normal", "Failure", "Missed", "Abandoned", "Transferred"],
};

const nullable: ReadonlySet<string> = new Set(["user_upn", "sys_call_id", "chain_id"]);

/** Their first eight digits are when they were born, by which their rows are kept. */
const bornIds: ReadonlySet<string> = new Set(["media_id", "interaction_id"]);

function otherValue(random: Random, column: string, kind: Kind, was: unknown): unknown {
  const set = others[column];
  if (set !== undefined) return random.pick(set.filter((one) => one !== was));
  switch (kind) {
    case "text":
      if (bornIds.has(column)) return `${String(was).slice(0, 8)}${otherText(random, String(was).slice(8))}`;
      return was === null ? random.pick(["", "null"]) : random.below(8) === 0 && nullable.has(column) ? null : otherText(random, String(was));
    case "uuid":
      return was === null ? random.bytes(16).toString("hex") : String(was).replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    case "whole":
      return was === null ? random.below(1_000) : Number(was) + random.pick([-1, 1]) * (1 + random.below(10 ** (1 + random.below(6))));
    case "json":
      if (was !== null && random.below(8) === 0) return null;
      return JSON.stringify(was === null ? random.pick([{}, [], 0, "x"]) : otherJson(random, was));
    case "bytes":
      return flipped(random, was as Buffer);
    case "flag":
      return was !== true;
    case "time":
      return null;
  }
}

const idsOf = (row: Record<string, unknown>): string[] => ["media_id", "interaction_id"].flatMap((column) => (typeof row[column] === "string" ? [row[column]] : []));
const codes: ReadonlySet<FindingCode> = new Set<FindingCode>([
  "FACTS_DIFFER", "ID_NOT_OURS", "INTERACTION_ADDED", "INTERACTION_MISSING", "MANIFEST_ALTERED", "MANIFEST_NOT_IN_LOG", "OBJECT_ALTERED", "OBJECT_EXTRA", "OBJECT_MISSING", "OBJECT_ROW_ALTERED", "OBJECT_TRUNCATED", "DERIVATION_DIFFERS", "RECORDING_MISSING", "RECORDING_UNKNOWN", "VALUE_NOT_OURS",
]);
/** The recording or the interaction, as what differs. */
const namesOneOf = (ids: readonly string[]) => (findings: readonly Finding[]): boolean => findings.some(({ code, where }) => codes.has(code) && ids.some((id) => where.includes(id)));

function valueChanged({ name, key, columns }: Table): Change {
  return async (tx, { tenantId, random }) => {
    const table = sql.table(name);
    const { rows } = await sql<Record<string, unknown>>`select *, ctid::text as at from ${table} where tenant_id = ${tenantId} order by ${sql.join(key.map((column) => sql.ref(column)))}`.execute(tx);
    const row = random.pick(rows);
    const column = random.pick(Object.keys(columns));
    const was = row[column];
    const kind = columns[column]!;
    const value: RawBuilder<unknown> = kind === "time" ? sql`coalesce(${sql.ref(column)}, now()) + ${otherwhileMicroseconds(random)}::interval` : kind === "json" ? sql`${otherValue(random, column, kind, was)}::jsonb` : sql`${otherValue(random, column, kind, was)}`;
    const { rows: changed } = await sql<Record<string, unknown>>`update ${table} set ${sql.ref(column)} = ${value} where tenant_id = ${tenantId} and ctid = ${row["at"]}::tid returning *`.execute(tx);
    return { what: `${column} of a row of ${name} (${idsOf(row).join(", ")}), which was ${JSON.stringify(was)} and is ${JSON.stringify(changed[0]?.[column])}`, names: namesOneOf([...idsOf(row), ...idsOf(changed[0] ?? {})]) };
  };
}

function rowDeleted({ name, key }: Table): Change {
  return async (tx, { tenantId, random }) => {
    const { rows } = await sql<Record<string, unknown>>`select *, ctid::text as at from ${sql.table(name)} where tenant_id = ${tenantId} order by ${sql.join(key.map((column) => sql.ref(column)))}`.execute(tx);
    const row = random.pick(rows);
    await sql`delete from ${sql.table(name)} where tenant_id = ${tenantId} and ctid = ${row["at"]}::tid`.execute(tx);
    return { what: `a row of ${name} (${key.map((column) => String(row[column])).join(" ")})`, names: namesOneOf(idsOf(row)) };
  };
}

/** A copy under another id, as somebody would make up a call. */
const interactionMadeUp: Change = async (tx, { tenantId, recordings, random }) => {
  const { interactionId, recordingId } = random.pick(recordings);
  const id = `${interactionId.slice(0, 8)}${random.bytes(8).toString("hex")}`;
  await sql`insert into interactions select (jsonb_populate_record(i, jsonb_build_object('interaction_id', ${id}::text))).* from interactions i where tenant_id = ${tenantId} and interaction_id = ${interactionId}`.execute(tx);
  if (random.below(2) === 0) await sql`insert into interaction_media select (jsonb_populate_record(i, jsonb_build_object('interaction_id', ${id}::text))).* from interaction_media i where tenant_id = ${tenantId} and interaction_id = ${interactionId}`.execute(tx);
  return { what: `interaction ${id}, as if of recording ${recordingId}`, names: namesOneOf([id]) };
};

const recordingMadeUp: Change = async (tx, { tenantId, recordings, random }) => {
  const { recordingId } = random.pick(recordings);
  const id = `${recordingId.slice(0, 8)}${random.bytes(8).toString("hex")}`;
  for (const table of ["media", "media_tracks"]) await sql`insert into ${sql.table(table)} select (jsonb_populate_record(m, jsonb_build_object('media_id', ${id}::text))).* from ${sql.table(table)} m where tenant_id = ${tenantId} and media_id = ${recordingId}`.execute(tx);
  return { what: `recording ${id}, like ${recordingId}`, names: namesOneOf([id]) };
};

const eventAdded: Change = async (tx, { tenantId, recordings, random }) => {
  const { recordingId } = random.pick(recordings);
  await sql`insert into media_events (tenant_id, minted_at, media_id, seq, at_ms, kind) select tenant_id, minted_at, media_id, ${random.below(100)}, ${random.below(5_000)}, ${random.pick(["hold", "join", "x"])} from media where tenant_id = ${tenantId} and media_id = ${recordingId}`.execute(tx);
  return { what: `an event in ${recordingId}`, names: namesOneOf([recordingId]) };
};

export const recordingChanges: Changes<Change> = [
  ["a value of a recording", 8, valueChanged(media)],
  ["a value of a track", 12, valueChanged(tracks)],
  ["a value of a file's row", 16, valueChanged(objects)],
  ["a value of an interaction", 24, valueChanged(interactions)],
  ["a value of a part", 4, valueChanged(parts)],
  ["a recording's row deleted", 2, rowDeleted(media)],
  ["a track deleted", 2, rowDeleted(tracks)],
  ["a file's row deleted", 3, rowDeleted(objects)],
  ["an interaction deleted", 2, rowDeleted(interactions)],
  ["a part deleted", 2, rowDeleted(parts)],
  ["an interaction made up", 2, interactionMadeUp],
  ["a recording made up", 2, recordingMadeUp],
  ["an event made up", 1, eventAdded],
];
