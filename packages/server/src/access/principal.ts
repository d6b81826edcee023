import type { Actor } from "#evidence";
import type { Permission } from "./permissions.ts";
import type { Rights, Scope } from "./rights.ts";

/** Who asks: a signed-in person, or a program with a key. */
export interface Principal {
  readonly kind: "person" | "api_key";
  /** Of the person or of the key. */
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  /** Role and access profiles, as one line for people; empty where they give nothing. */
  readonly profile: string;
  readonly rights: Rights;
  readonly permissions: ReadonlySet<Permission>;
  /** Whose calls "own calls" are. A key has none. */
  readonly personId: string | null;
}

export function can(principal: Principal, permission: Permission): boolean {
  return principal.permissions.has(permission);
}

/** Whose interactions the principal's permissions hold for. */
export function scopeOf(principal: Principal): Scope {
  return principal.rights.scope;
}

/** The principal as evidence names it. */
export function actorOf(principal: Principal): Actor {
  return { kind: principal.kind, id: principal.id, name: principal.name };
}

export function makePrincipal(who: Pick<Principal, "kind" | "id" | "name" | "tenantId" | "personId">, rights: Rights): Principal {
  const giving = rights.sources.filter(({ kind, level, permissions }) => kind === "profile" || level !== "none" || permissions.length > 0);
  return { ...who, profile: giving.map(({ name }) => name).join(", "), rights, permissions: rights.permissions };
}
