/** Nobody makes themselves more than they are, by whatever way (ACC-24): what they have after a change is held against what they had. */
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import type { Actor } from "#evidence";
import { isWithin, withoutGrants, type Rights } from "./rights.ts";
import { rightsOfKey, rightsOfPerson } from "./read-rights.ts";

/** What the actor has by now; null of whoever stands above the tenants: the command line, the provision file, jobs. */
export async function rightsOfActor(tx: TenantTransaction, actor: Actor, now: Date): Promise<Rights | null> {
  if (actor.kind === "person") {
    const person = await tx.selectFrom("people").select("role").where("person_id", "=", actor.id).where("deleted_at", "is", null).executeTakeFirst();
    return await rightsOfPerson(tx, actor.id, person?.role ?? "User", now);
  }
  if (actor.kind === "api_key") {
    const key = await tx.selectFrom("api_keys").select(["role", "access_profile_id"]).where("api_key_id", "=", actor.id).executeTakeFirst();
    return await rightsOfKey(tx, key ?? { role: "API User", access_profile_id: null });
  }
  return null;
}

/** Does the work, and takes it back where it gave the actor a right, or calls, that they did not have. */
export async function withoutGain<T>(tx: TenantTransaction, actor: Actor, now: Date, work: () => Promise<T>): Promise<T> {
  const before = await rightsOfActor(tx, actor, now);
  const done = await work();
  // Whoever has everything cannot gain anything.
  if (before === null || before.role === "Admin") return done;
  const after = await rightsOfActor(tx, actor, now);
  // What one has for a time is compared apart: it does not become what one has for good.
  if (after !== null && isWithin(after, before) && isWithin(withoutGrants(after), withoutGrants(before))) return done;
  throw new Refusal("ESCALATION", 403, "This would give yourself more than you have: a right, or the calls of others. Somebody who has it, or an administrator, has to do it.");
}

/**
 * Whoever hands out the way in of somebody who may do more than they could go through it themselves, or keep everybody above them out:
 * that is for those who may do as much.
 */
export async function refuseStandingFor(tx: TenantTransaction, actor: Actor, personId: string, now: Date): Promise<void> {
  const own = await rightsOfActor(tx, actor, now);
  if (own === null || own.role === "Admin") return;
  const theirs = await rightsOfActor(tx, { kind: "person", id: personId, name: "" }, now);
  if (theirs !== null && isWithin(theirs, own)) return;
  throw new Refusal("ESCALATION", 403, "This person may do more than you. An administrator has to do it.");
}
