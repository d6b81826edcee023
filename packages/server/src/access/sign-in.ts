import { withSystem, withTenant, type Db } from "#db";
import type { Identity } from "./oidc.ts";
import type { Role } from "./permissions.ts";
import { rightsOfPerson } from "./read-rights.ts";

/** Why somebody whom the identity provider knows is not let in. The sign-in page has a sentence for each. */
export type SignInError = "unknown_tenant" | "unknown_person" | "no_access" | "expired" | "refused" | "provider_away" | "not_configured";

export type Admission =
  | { readonly kind: "person"; readonly tenantId: string; readonly personId: string }
  /** `tried`: in whose log it belongs, and who it was as far as is known; null where no tenant of ours was named. */
  | { readonly kind: "error"; readonly error: SignInError; readonly tried: { readonly tenantId: string; readonly id: string; readonly name: string } | null };

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The person of ours that an identity is: the tenant by its directory id, the person by the object id or else the user
 * principal name, which only counts within that tenant.
 */
export async function admit(db: Db, identity: Identity, now: Date): Promise<Admission> {
  if (!uuidForm.test(identity.tid)) return { kind: "error", error: "unknown_tenant", tried: null };
  const known = await withSystem(db, async (tx): Promise<(Admission & { kind: "person" } & { readonly name: string; readonly role: Role }) | (Admission & { kind: "error" })> => {
    const tenant = await tx.selectFrom("tenants").select("tenant_id").where("m365_tenant_id", "=", identity.tid).executeTakeFirst();
    if (tenant === undefined) return { kind: "error", error: "unknown_tenant", tried: null };
    const people = tx.selectFrom("people").select(["person_id", "display_name", "role"]).where("tenant_id", "=", tenant.tenant_id).where("deleted_at", "is", null);
    const { oid, upn } = identity;
    const byId = oid !== null && uuidForm.test(oid) ? await people.where("person_id", "=", oid).executeTakeFirst() : undefined;
    const person = byId ?? (upn === null ? undefined : await people.where((row) => row(row.fn<string>("lower", ["upn"]), "=", upn.toLowerCase())).executeTakeFirst());
    if (person === undefined) return { kind: "error", error: "unknown_person", tried: { tenantId: tenant.tenant_id, id: oid ?? upn ?? "unknown", name: upn ?? oid ?? "Unknown" } };
    return { kind: "person", tenantId: tenant.tenant_id, personId: person.person_id, name: person.display_name, role: person.role };
  });
  if (known.kind === "error") return known;
  const { tenantId, personId, name, role } = known;
  const { permissions } = await withTenant(db, tenantId, (tx) => rightsOfPerson(tx, personId, role, now));
  // Recorded people without a role or a profile may see nothing (CON-07), so there is nothing to sign in to.
  if (permissions.size === 0) return { kind: "error", error: "no_access", tried: { tenantId, id: personId, name } };
  return { kind: "person", tenantId, personId };
}

/** A path of this portal, or its front page: a link may not send whoever signs in to another site. */
export function safeReturnTo(wanted: string | undefined): string {
  if (wanted === undefined || !wanted.startsWith("/")) return "/";
  // The parser decides, as the browser's will: `//host`, `/\host` and control characters all become another origin or vanish.
  const url = URL.parse(wanted, "http://portal.invalid");
  if (url === null || url.origin !== "http://portal.invalid" || url.pathname.startsWith("//")) return "/";
  return `${url.pathname}${url.search}${url.hash}`;
}
