/** What rows of evidence say last of a person, a group, a trunk, a key, a session or the tenant: column by column, and whether it is there. */
import { stepOf, tellingKinds, type Step } from "#audit";
import { sql } from "kysely";
import type { TenantTransaction } from "#db";
import { believableRows, rowsOf, type StoredRow } from "#evidence";
import { settingTables, type SettingItem } from "./settings-as-stored.ts";
import { fieldOf } from "./stored-value.ts";

/** The row that says something. */
export interface Teller {
  readonly name: string;
  readonly recordedAt: Date;
  readonly occurredAt: Date;
}

export interface LastWord {
  /** Null where no row says that it was made. */
  began: Teller | null;
  /** Null where nothing says that it was deleted, or that it came back since. */
  ended: Teller | null;
  latest: Teller;
  readonly said: Map<string, { readonly value: unknown; readonly by: Teller }>;
}

const tellingActions: Readonly<Record<SettingItem, readonly string[]>> = {
  Tenant: ["Add", "Modify"],
  User: ["Add", "Modify", "Delete"],
  Group: ["Add", "Modify", "Delete"],
  "Access Profile": ["Add", "Modify", "Delete"],
  Access: ["Add", "Disabled"],
  Trunk: ["Add", "Modify", "Delete"],
  "API Key": ["Add", "Disabled"],
  Session: ["Login", "Logout"],
};
const rowsAtATime = 500;

/** Of each of these ids that a row names. A row that is not the one that the log was given at its place says nothing. */
export async function lastWords(tx: TenantTransaction, item: SettingItem, ids: readonly string[]): Promise<Map<string, LastWord>> {
  const words = new Map<string, LastWord>();
  if (ids.length === 0) return words;
  const named = await tx.selectFrom("evidence").select("evidence_id").where("subject", "=", sql<string>`any(${ids}::text[])`).where("item", "=", item).where("action", "in", tellingActions[item]).orderBy("tree_index").orderBy("recorded_at").orderBy("evidence_id").execute();
  for (let at = 0; at < named.length; at += rowsAtATime) {
    const rows = await rowsOf(tx, { evidenceIds: named.slice(at, at + rowsAtATime).map(({ evidence_id }) => evidence_id) });
    for (const row of await believableRows(tx, rows)) hear(words, item, row);
  }
  return words;
}

function hear(words: Map<string, LastWord>, item: SettingItem, { row, treeIndex }: StoredRow): void {
  const by: Teller = { name: treeIndex === null ? `the row of ${row.recordedAt}` : `row ${treeIndex}`, recordedAt: new Date(row.recordedAt), occurredAt: new Date(row.occurredAt) };
  const word: LastWord = words.get(row.subject!) ?? { began: null, ended: null, latest: by, said: new Map() };
  words.set(row.subject!, word);
  word.latest = by;
  const say = (field: string, value: unknown): void => void word.said.set(field, { value, by });
  const { life, mentions } = item === "Session" ? sessionStep(row) : stepOf(item, row);
  // Where the row in the database went away as well, what came back was made anew.
  const isAnew = word.ended !== null && !settingTables[item].isKept;
  if (life === "begins") [word.began, word.ended] = [isAnew ? by : (word.began ?? by), null];
  for (const [field, { to }] of mentions) say(field, to);
  if (life === "ends") {
    word.ended = by;
    if (item !== "Session") for (const [field, value] of Object.entries(tellingKinds[item].released)) say(field, value);
  }
  if (item === "Tenant" && mentions.has("public_key_id")) say("public_key", mentions.get("public_key_id")!.to);
  const endedAt = item === "API Key" ? "revoked_at" : item === "Access" ? "ended_at" : null;
  if (endedAt !== null && life === "begins") say(endedAt, null);
  if (endedAt !== null && row.action === "Disabled") say(endedAt, row.occurredAt);
  // What an earlier version wrote has none: then nothing is known of the secret, unless there is none.
  const fingerprint = fieldOf(row.detail, "fingerprint");
  if (typeof fingerprint === "string") say("fingerprint", fingerprint);
  else if (mentions.get("digest")?.to === null) say("fingerprint", null);
  else if (mentions.has("digest")) word.said.delete("fingerprint");
}

function sessionStep(row: StoredRow["row"]): Pick<Step, "life" | "mentions"> {
  if (row.action === "Logout") return { life: null, mentions: new Map([["ended_at", { to: row.occurredAt }]]) };
  const [expiresAt, userAgent] = [fieldOf(row.detail, "expiresAt"), fieldOf(row.detail, "userAgent")];
  // What an earlier version began says neither where nor by which browser, and its session has neither.
  const came: [string, { to: unknown }][] = [["remote_address", { to: userAgent === undefined ? null : row.remoteAddress }], ["user_agent", { to: userAgent ?? null }]];
  return { life: "begins", mentions: new Map<string, { to: unknown }>([["person_id", { to: row.actor.id }], ["ended_at", { to: null }], ...came, ...(expiresAt === undefined ? [] : [["expires_at", { to: expiresAt }] as const])]) };
}
