/** Whether a person may sign in, until when, and by which accounts they come (USR-17). */
import type { PersonSignIn, PortalEntrySettings } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append } from "#evidence";
import { entityTag, refuseStale } from "./entity-tag.ts";
import type { Origin } from "./http.ts";
import { keepingAnAdministrator } from "./last-administrator.ts";
import { refuseStandingFor } from "./no-escalation.ts";
import { endSessions, readOpenSessions } from "./open-sessions.ts";
import { noEntryFor } from "./portal-entry.ts";
import { accountsOf } from "./sign-in.ts";

type PersonRow = Awaited<ReturnType<typeof personOf>>;

export async function personOf(tx: TenantTransaction, personId: string) {
  const person = await tx.selectFrom("people").select(["person_id", "display_name", "portal_access", "valid_till", "deleted_at"]).where("person_id", "=", personId).where("deleted_at", "is", null).executeTakeFirst();
  if (person === undefined) throw new Refusal("PERSON_NOT_FOUND", 404, "There is no such person.");
  return person;
}

const settingsOf = (person: PersonRow): PortalEntrySettings => ({ portalAccess: person.portal_access, validTill: person.valid_till });

export async function readPersonSignIn(tx: TenantTransaction, person: PersonRow, now: Date, current: string | null): Promise<PersonSignIn> {
  const accounts = await tx.selectFrom("person_identities").select(["issuer", "subject"]).where("person_id", "=", person.person_id).orderBy("issuer").orderBy("subject").execute();
  const local = await tx.selectFrom("local_accounts").select("since").where("person_id", "=", person.person_id).executeTakeFirst();
  const enrollment = await tx.selectFrom("local_enrollments").select("expires_at").where("person_id", "=", person.person_id).where("expires_at", ">", now).executeTakeFirst();
  return { settings: settingsOf(person), accounts, local: local === undefined ? null : { since: local.since.toISOString() }, enrollment: enrollment === undefined ? null : { expiresAt: enrollment.expires_at.toISOString() }, sessions: await readOpenSessions(tx, person.person_id, now, current) };
}

export async function changePortalEntry(tx: TenantTransaction, personId: string, wanted: PortalEntrySettings, origin: Origin, ifMatch: string | undefined): Promise<void> {
  await tx.selectFrom("people").select("person_id").where("person_id", "=", personId).forNoKeyUpdate().execute();
  const before = await personOf(tx, personId);
  refuseStale(ifMatch, entityTag(settingsOf(before)), "person");
  const after = { ...before, portal_access: wanted.portalAccess, valid_till: wanted.validTill };
  const change = Object.fromEntries((["portal_access", "valid_till"] as const).flatMap((column) => (before[column] === after[column] ? [] : [[column, { from: before[column], to: after[column] }]])));
  if (Object.keys(change).length === 0) return;
  const why = noEntryFor(after, origin.occurredAt);
  if (why !== null && origin.actor.kind === "person" && origin.actor.id === personId) throw new Refusal("YOURSELF", 409, "You cannot lock yourself out; somebody else has to.");
  await refuseStandingFor(tx, origin.actor, personId, origin.occurredAt);
  await keepingAnAdministrator(tx, origin.actor, origin.occurredAt, () => tx.updateTable("people").set({ portal_access: wanted.portalAccess, valid_till: wanted.validTill }).where("person_id", "=", personId).execute());
  await append(tx, { ...origin, action: "Modify", item: "User", subject: personId, detail: { name: before.display_name, change } });
  // What was open while nobody could use it does not come back either.
  const wasShut = noEntryFor(before, origin.occurredAt);
  if ((why ?? wasShut) !== null) await endSessions(tx, before, origin, why ?? wasShut!);
}

export async function forgetAccounts(tx: TenantTransaction, personId: string, origin: Origin): Promise<void> {
  const person = await personOf(tx, personId);
  const from = await accountsOf(tx, personId);
  if (from.length === 0) return;
  await refuseStandingFor(tx, origin.actor, personId, origin.occurredAt);
  await tx.deleteFrom("person_identities").where("person_id", "=", personId).execute();
  await append(tx, { ...origin, action: "Modify", item: "User", subject: personId, detail: { name: person.display_name, change: { sign_in_accounts: { from, to: [] } } } });
  await endSessions(tx, person, origin, "accounts forgotten");
}
