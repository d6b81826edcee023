/** Who a checked ID token says somebody is, and by what of it they may be known here. */
import { Refusal } from "#errors";

/** Strings as they came, to be looked up, not believed. */
export interface Identity {
  /** The token's own issuer: of Microsoft it names the directory. */
  readonly issuer: string;
  /** Never given to anybody else at that issuer: Microsoft's object id; of another provider its `sub`. */
  readonly subject: string;
  readonly tenant: { readonly kind: "directory"; readonly tid: string } | { readonly kind: "named"; readonly slug: string };
  /** By which somebody who never came before is found; null where the name is one of another organization, or nobody vouches for it. */
  readonly name: string | null;
}

export interface IdentityRules {
  /** As the provider's metadata has it; Microsoft's for many directories is a template with `{tenantid}`. */
  readonly issuer: string;
  /** Short name of the tenant that everybody of this issuer belongs to; null: the token's directory says whose they are. */
  readonly tenant: string | null;
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** The directory that Microsoft keeps personal accounts in. */
const personalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad";
const placeholder = "{tenantid}";

export const isTemplate = (issuer: string): boolean => issuer.includes(placeholder);

/**
 * Groups, roles and the addresses that a token gives for reading them (`_claim_sources`) are not looked at: what somebody may
 * do is what our own directory says.
 */
export function identityOf(claims: Readonly<Record<string, unknown>>, rules: IdentityRules): Identity {
  const [issuer, sub, tid, oid] = [text(claims["iss"]), text(claims["sub"]), text(claims["tid"]), text(claims["oid"])];
  if (issuer === null || sub === null) throw new Refusal("NO_SUBJECT", 403, "The token names no issuer or nobody.");
  if (rules.tenant !== null) {
    if (isTemplate(rules.issuer)) throw new Refusal("ANY_DIRECTORY", 403, "An issuer that lets in every directory belongs to no single tenant.");
    const email = claims["email_verified"] === true ? text(claims["email"]) : null;
    return { issuer, subject: sub, tenant: { kind: "named", slug: rules.tenant }, name: text(claims["upn"]) ?? text(claims["preferred_username"]) ?? email };
  }
  if (tid === null || !uuidForm.test(tid)) throw new Refusal("UNKNOWN_TENANT", 403, "The token names no directory (tid); a provider without one needs EARWITNESS_OIDC_TENANT.");
  // Without this half any directory's token would do for any other's.
  if (isTemplate(rules.issuer) && issuer !== rules.issuer.replace(placeholder, tid)) throw new Refusal("FOREIGN_ISSUER", 403, "The token's issuer is not that of its directory.");
  if (tid.toLowerCase() === personalAccounts) throw new Refusal("PERSONAL_ACCOUNT", 403, "A personal Microsoft account belongs to no organization.");
  const name = text(claims["upn"]) ?? text(claims["preferred_username"]);
  return { issuer, subject: oid ?? sub, tenant: { kind: "directory", tid: tid.toLowerCase() }, name: isGuest(claims, issuer, name) ? null : name };
}

/** A guest's name is one of their own organization, which may call people as it likes: guests are known by object id alone. */
function isGuest(claims: Readonly<Record<string, unknown>>, issuer: string, name: string | null): boolean {
  const idp = text(claims["idp"]);
  return claims["acct"] === 1 || claims["acct"] === "1" || /#EXT#/i.test(name ?? "") || (idp !== null && idp !== issuer);
}

/** Microsoft publishes keys of all directories in one place, and says beside some whose they are. */
export function isKeyOf(key: Readonly<Record<string, unknown>>, identity: Identity): boolean {
  const owner = key["issuer"];
  if (owner === undefined) return true;
  const own = identity.tenant.kind === "directory" && typeof owner === "string" ? owner.replace(placeholder, identity.tenant.tid) : owner;
  return own === identity.issuer;
}

function text(claim: unknown): string | null {
  return typeof claim === "string" && claim !== "" ? claim : null;
}
