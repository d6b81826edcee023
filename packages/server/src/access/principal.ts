import type { Actor } from "#evidence";
import { profileOf, type Permission } from "./permissions.ts";

/** Who asks: a signed-in person, or a program with a key. */
export interface Principal {
  readonly kind: "person" | "api_key";
  /** Of the person or of the key. */
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  /** Name of the access profile; empty where there is none. */
  readonly profile: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Whose calls "own calls" are. A key has none. */
  readonly personId: string | null;
}

export type Scope = { readonly kind: "all" } | { readonly kind: "own"; readonly personId: string } | { readonly kind: "none" };

export function can(principal: Principal, permission: Permission): boolean {
  return principal.permissions.has(permission);
}

/** Whose interactions the principal's permissions hold for. */
export function scopeOf(principal: Principal): Scope {
  const { reach } = profileOf(principal.profile);
  if (reach === "all") return { kind: "all" };
  if (reach === "own" && principal.personId !== null) return { kind: "own", personId: principal.personId };
  return { kind: "none" };
}

/** The principal as evidence names it. */
export function actorOf(principal: Principal): Actor {
  return { kind: principal.kind, id: principal.id, name: principal.name };
}

export function makePrincipal(who: Omit<Principal, "permissions" | "profile"> & { readonly profile: string | null }): Principal {
  return { ...who, profile: who.profile ?? "", permissions: profileOf(who.profile).permissions };
}
