import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";

/** How many people have full access by their role (ACC-17). */
export async function countAdministrators(tx: TenantTransaction): Promise<number> {
  const { count } = await tx.selectFrom("people").select((eb) => eb.fn.countAll<number>().as("count")).where("role", "=", "Admin").where("deleted_at", "is", null).executeTakeFirstOrThrow();
  return count;
}

/** Does the work, and takes it back where it took away the last administrator. */
export async function keepingAnAdministrator<T>(tx: TenantTransaction, work: () => Promise<T>): Promise<T> {
  const before = await countAdministrators(tx);
  const done = await work();
  if (before > 0 && (await countAdministrators(tx)) === 0) throw new Refusal("LAST_ADMINISTRATOR", 409, "Nobody would be left with the role Admin. Give it to somebody else first.");
  return done;
}
