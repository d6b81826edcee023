/** What stands in rows of evidence for a password and one-time codes. */
import type { TenantTransaction } from "#db";
import { fingerprintOf } from "#evidence";

/** Of a hash with a salt that stands in it alone, and of a sealed secret: nobody guesses either by this. */
export function localFingerprint(account: { readonly password_hash: string; readonly code_sealed: string; readonly since: Date } | undefined): string | null {
  return account === undefined ? null : fingerprintOf(account.password_hash, account.code_sealed, account.since.toISOString());
}

/** The person has none any more; answers the fingerprint of what was there, null where nothing was. */
export async function takeAccount(tx: TenantTransaction, personId: string): Promise<string | null> {
  return localFingerprint(await tx.deleteFrom("local_accounts").where("person_id", "=", personId).returning(["password_hash", "code_sealed", "since"]).executeTakeFirst());
}
