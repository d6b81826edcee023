import { sql } from "kysely";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import type { Actor } from "#evidence";
import { rightsOfActor } from "./no-escalation.ts";

interface Administrators {
  readonly ids: readonly string[];
  /** How many of them could sign in today. */
  readonly able: number;
}

/** People with full access by their role (ACC-17). */
async function administratorsOf(tx: TenantTransaction, now: Date): Promise<Administrators> {
  const today = now.toISOString().slice(0, 10);
  const rows = await tx
    .selectFrom("people")
    .select(["person_id", sql<boolean>`portal_access and (valid_till is null or valid_till >= ${today}::date)`.as("able")])
    .where("role", "=", "Admin")
    .where("deleted_at", "is", null)
    .orderBy("person_id")
    .execute();
  return { ids: rows.map(({ person_id }) => person_id), able: rows.filter(({ able }) => able).length };
}

/** Does the work, and takes it back where nobody with full access could sign in any more, or where the role Admin was given or taken by somebody who does not have it. */
export async function keepingAnAdministrator<T>(tx: TenantTransaction, actor: Actor, now: Date, work: () => Promise<T>): Promise<T> {
  const before = await administratorsOf(tx, now);
  const done = await work();
  const after = await administratorsOf(tx, now);
  if (before.able > 0 && after.able === 0) throw new Refusal("LAST_ADMINISTRATOR", 409, "Nobody with the role Admin could sign in any more. Give it to somebody else first.");
  if (before.ids.join() !== after.ids.join()) {
    const rights = await rightsOfActor(tx, actor, now);
    if (rights !== null && rights.role !== "Admin") throw new Refusal("ESCALATION", 403, "Only an administrator gives the role Admin, or takes it.");
  }
  return done;
}
