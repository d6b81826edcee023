/** Nobody but a person with full access can give access to others: the last of them stays, whatever a directory says. */
import { sql } from "kysely";
import type { Person } from "@earwitness/contract";
import type { TenantTransaction } from "#db";

const fullAccess = "Admin";

/** Of those who are to go, the ones who have to stay: all with full access, where nobody else who may sign in has it. */
export async function lastAdministrators(tx: TenantTransaction, going: readonly Person[]): Promise<ReadonlySet<string>> {
  const administrators = going.filter(({ settings }) => settings.role === fullAccess).map(({ id }) => id);
  if (administrators.length === 0) return new Set();
  const other = await tx.selectFrom("people").select("person_id").where("role", "=", fullAccess).where("deleted_at", "is", null).where("portal_access", "=", true).where(sql<boolean>`(valid_till is null or valid_till >= current_date)`).where("person_id", "not in", administrators).limit(1).executeTakeFirst();
  return new Set(other === undefined ? administrators : []);
}
