import { withSystem, withTenant, type Db, type TenantTransaction } from "#db";
import { append, type EvidenceEntry } from "#evidence";
import { takeBack } from "./enrollments.ts";
import type { Identity } from "./identity.ts";
import { takeAccount } from "./local-fingerprint.ts";
import { noEntryFor, type NoEntry } from "./portal-entry.ts";
import { rightsOfPerson } from "./read-rights.ts";

/** Why somebody is not let in. The sign-in page has a sentence for each. */
export type SignInError = "unknown_tenant" | NoEntry | "name_taken" | "personal_account" | "no_access" | "expired" | "cancelled" | "refused" | "provider_away" | "unavailable" | "too_many" | "not_configured";

export type Admission =
  | { readonly kind: "person"; readonly tenantId: string; readonly personId: string }
  /** `tried`: in whose log it belongs, and who it was as far as is known; null where no tenant of ours was named. */
  | { readonly kind: "error"; readonly error: SignInError; readonly tried: { readonly tenantId: string; readonly id: string; readonly name: string } | null };

/** When it is, and what its row says beside who: the half that no sign-in differs in. */
export type AdmissionOrigin = Pick<EvidenceEntry, "occurredAt" | "nodeId"> & { readonly remoteAddress: string };

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const columns = ["person_id", "display_name", "role", "portal_access", "valid_till", "deleted_at"] as const;

/** The person of ours that an identity is, and whether they may enter. */
export async function admit(db: Db, identity: Identity, origin: AdmissionOrigin): Promise<Admission> {
  const { tenant } = identity;
  const found = await withSystem(db, async (tx) => {
    const tenants = tx.selectFrom("tenants").select("tenant_id");
    return await (tenant.kind === "directory" ? tenants.where("m365_tenant_id", "=", tenant.tid) : tenants.where("slug", "=", tenant.slug)).executeTakeFirst();
  });
  if (found === undefined) return { kind: "error", error: "unknown_tenant", tried: null };
  const tenantId = found.tenant_id;
  return await withTenant(db, tenantId, async (tx): Promise<Admission> => {
    const known = (await byAccount(tx, identity)) ?? (await byName(tx, identity, origin));
    const refused = (error: SignInError, id: string, name: string): Admission => ({ kind: "error", error, tried: { tenantId, id, name } });
    if (known === undefined || known === "name_taken") return refused(known ?? "unknown_person", identity.subject, identity.name ?? identity.subject);
    const error = noEntryFor(known, origin.occurredAt) ?? ((await rightsOfPerson(tx, known.person_id, known.role, origin.occurredAt)).permissions.size === 0 ? "no_access" : null);
    // Recorded people without a role or a profile may see nothing (CON-07), so there is nothing to sign in to.
    if (error !== null) return refused(error, known.person_id, known.display_name);
    return { kind: "person", tenantId, personId: known.person_id };
  });
}

/** By what the provider gives to nobody else: as the directory was read, as it came before, or as the person was set up. */
async function byAccount(tx: TenantTransaction, { issuer, subject, tenant }: Identity) {
  const people = () => tx.selectFrom("people").select(columns).where("deleted_at", "is", null);
  const isObject = tenant.kind === "directory" && uuidForm.test(subject);
  const replicated = isObject ? await people().where("person_id", "in", (eb) => eb.selectFrom("directory_people").select("person_id").where("object_id", "=", subject)).executeTakeFirst() : undefined;
  const seen = replicated ?? (await people().where("person_id", "in", (eb) => eb.selectFrom("person_identities").select("person_id").where("issuer", "=", issuer).where("subject", "=", subject)).executeTakeFirst());
  return seen ?? (isObject ? await people().where("person_id", "=", subject).executeTakeFirst() : undefined);
}

/**
 * Somebody who never came before is found by name, and from then on that account alone is this person: a name that an
 * organization gives to somebody new does not open the calls of whoever had it.
 */
export async function byName(tx: TenantTransaction, { issuer, subject, name, tenant }: Identity, origin: AdmissionOrigin) {
  if (name === null) return undefined;
  // Two who come by one name at the same moment wait for each other.
  const person = await tx.selectFrom("people").select(columns).where("deleted_at", "is", null).where((row) => row(row.fn<string>("lower", ["upn"]), "=", name.toLowerCase())).forUpdate().executeTakeFirst();
  if (person === undefined) return undefined;
  const replicated = tenant.kind === "directory" ? await tx.selectFrom("directory_people").select("object_id as subject").where("person_id", "=", person.person_id).executeTakeFirst() : undefined;
  const other = replicated ?? (await tx.selectFrom("person_identities").select("subject").where("issuer", "=", issuer).where("person_id", "=", person.person_id).executeTakeFirst());
  if (other !== undefined) return other.subject === subject ? person : "name_taken";
  if (noEntryFor(person, origin.occurredAt) !== null) return person;
  const before = await accountsOf(tx, person.person_id);
  await tx
    .insertInto("person_identities")
    .values({ tenant_id: tx.tenantId, issuer, subject, person_id: person.person_id })
    // Whose it was is gone from the directory, or it would have been found.
    .onConflict((conflict) => conflict.columns(["tenant_id", "issuer", "subject"]).doUpdateSet({ person_id: person.person_id }))
    .execute();
  // OVR-17: whoever signs in with the provider has no password here any more.
  const [enrollment, local] = [await takeBack(tx, person.person_id), await takeAccount(tx, person.person_id)];
  const change = {
    sign_in_accounts: { from: before, to: await accountsOf(tx, person.person_id) },
    ...(enrollment === null ? {} : { enrollment: { from: enrollment, to: null } }),
    ...(local === null ? {} : { local_sign_in: { from: local, to: null } }),
  };
  await append(tx, { ...origin, actor: { kind: "person", id: person.person_id, name: person.display_name }, action: "Modify", item: "User", subject: person.person_id, detail: { name: person.display_name, change } });
  return person;
}

/** As evidence tells them: issuer and subject of each, in order. */
export async function accountsOf(tx: TenantTransaction, personId: string): Promise<string[]> {
  const rows = await tx.selectFrom("person_identities").select(["issuer", "subject"]).where("person_id", "=", personId).execute();
  return rows.map(({ issuer, subject }) => `${issuer} ${subject}`).toSorted();
}

/** A path of this portal, or its front page: a link may not send whoever signs in to another site. */
export function safeReturnTo(wanted: string | undefined): string {
  if (wanted === undefined || !wanted.startsWith("/")) return "/";
  // The parser decides, as the browser's will: `//host`, `/\host` and control characters all become another origin or vanish.
  const url = URL.parse(wanted, "http://portal.invalid");
  if (url === null || url.origin !== "http://portal.invalid" || url.pathname.startsWith("//")) return "/";
  return `${url.pathname}${url.search}${url.hash}`;
}
