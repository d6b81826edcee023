/** What the database has of a person, a group, a trunk, a key, a session or the tenant, against the last word that rows of evidence have of it. */
import { fact, finer, isDifferent } from "./facts-that-differ.ts";
import type { LastWord, Teller } from "./last-word.ts";
import type { StoredSetting } from "./settings-as-stored.ts";
import { momentText } from "./stored-value.ts";

/** `since`: the row that says otherwise; null where none says anything. What was erased behind it may have said more. */
export interface Differing {
  readonly code: "SETTING_DIFFERS" | "SETTING_ADDED" | "SETTING_MISSING";
  readonly says: string;
  readonly since: Teller | null;
}

/** The database writes its own time where a row has the node's, some statements later. */
const nearlyMs = 60 * 60_000;

/** `said`: the last word of it; undefined where no row says anything. `isGroupGone`: whether rows say that this group was deleted. */
export function settingThatDiffers(stored: StoredSetting, word: LastWord | undefined, isGroupGone: (groupId: unknown) => boolean): Differing[] {
  if (!stored.hasRow) return word === undefined ? [{ code: "SETTING_ADDED", says: "Other tables name it, its own does not, and no row of evidence says that it was added.", since: null }] : [];
  if (word === undefined) return [{ code: "SETTING_ADDED", says: "No row of evidence says that it was added.", since: null }];
  const found: Differing[] = [];
  const differs = (says: string | null, since: Teller): void => {
    if (isDifferent(says)) found.push({ code: "SETTING_DIFFERS", says: `${says}.`, since });
  };
  if (word.began === null) found.push({ code: "SETTING_ADDED", says: "No row of evidence says that it was added.", since: null });
  else differs(momentThatDiffers("created_at", stored.createdAt, word.began.recordedAt, word.began), word.began);
  const isDeleted = stored.deletedAt !== null;
  if (isDeleted !== (word.ended !== null)) {
    const by = word.ended ?? word.latest;
    differs(isDeleted ? `deleted_at: the database says that it was deleted, ${momentText(stored.deletedAt)}, and no row does` : `the database has it, and ${by.name} says that it was deleted`, by);
  } else if (word.ended !== null) differs(momentThatDiffers("deleted_at", stored.deletedAt, word.ended.occurredAt, word.ended), word.ended);
  for (const [field, value] of Object.entries(stored.fields)) {
    const last = word.said.get(field) ?? (field in unsaid ? { value: unsaid[field], by: word.began ?? word.latest } : undefined);
    if (last === undefined) continue;
    const said = Array.isArray(last.value) && setFields.has(field) ? last.value.filter((one) => field !== "group_ids" || !isGroupGone(one)).toSorted() : last.value;
    differs(fact(nameOf(field), value, said, last.by.name), last.by);
  }
  if (!stored.timesWhole) differs(finer.replace("a recorder", "Earwitness"), word.latest);
  return found;
}

/** What is so where no row says anything of it: who may come in, as whom, and for how long, is never changed without one. */
const unsaid: Readonly<Record<string, unknown>> = { portal_access: true, valid_till: null, sign_in_accounts: [], local_sign_in: null, enrollment: null, session_idle_minutes: 480, session_whole_minutes: 1440 };

const setFields: ReadonlySet<string> = new Set(["addresses", "extensions", "group_ids", "managed_group_ids", "sign_in_accounts"]);
const nameOf = (field: string): string => (field === "fingerprint" ? "fingerprint of the secret" : field === "public_key" ? "id of the public key" : field);

function momentThatDiffers(name: string, stored: unknown, said: Date, { name: row }: Teller): string | null {
  const isNear = stored instanceof Date && Math.abs(stored.getTime() - said.getTime()) < nearlyMs;
  return isNear ? null : `${name}: the database says ${momentText(stored)}, and ${row} is of ${momentText(said)}`;
}
