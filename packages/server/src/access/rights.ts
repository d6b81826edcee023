/** What somebody may do and of whose calls, put together from everything that gives it (ACC-14). Nothing but values in and out. */
import type { Level, Permission, Role } from "@earwitness/contract";
import { rolesGive } from "./permissions.ts";

/** One thing that gives rights: a role, or an access profile that somebody has by groups or by a grant. */
export interface Source {
  readonly kind: "role" | "profile";
  /** Of the profile; null of a role. */
  readonly id: string | null;
  readonly name: string;
  /** Through membership of these groups. */
  readonly groupIds: readonly string[];
  /** Where it rests on grants alone: when the last of them ends. */
  readonly until: Date | null;
  readonly level: Level;
  /** Whose members' calls the level `groups` lets see. */
  readonly ofGroupIds: readonly string[];
  readonly permissions: readonly Permission[];
}

/** Whose calls: of everybody, of one person and of these groups' members, or of nobody. */
export type Scope = { readonly kind: "all" } | { readonly kind: "some"; readonly personId: string | null; readonly groupIds: readonly string[] } | { readonly kind: "none" };

export interface Rights {
  readonly role: Role;
  readonly sources: readonly Source[];
  /** Whose own calls are meant; null of a program. */
  readonly personId: string | null;
  readonly level: Level;
  readonly permissions: ReadonlySet<Permission>;
  readonly scope: Scope;
}

const widest: readonly Level[] = ["none", "own", "groups", "all"];

export function roleSource(role: Role, managedGroupIds: readonly string[]): Source {
  const { level, permissions } = rolesGive[role];
  return { kind: "role", id: null, name: role, groupIds: [], until: null, level, ofGroupIds: level === "groups" ? managedGroupIds : [], permissions };
}

/** The permissions of all together, for the calls of all together. `personId`: whose own calls are meant; null of a program. */
export function unite(role: Role, sources: readonly Source[], personId: string | null): Rights {
  const level = sources.reduce<Level>((most, source) => (widest.indexOf(source.level) > widest.indexOf(most) ? source.level : most), "none");
  const given = new Set(sources.flatMap(({ permissions }) => permissions));
  // To see rows is what a level means; without one there is nothing to list.
  if (level !== "none") given.add("interaction.list");
  return { role, sources, personId, level, permissions: given, scope: scopeOf(level, sources, personId) };
}

function scopeOf(level: Level, sources: readonly Source[], personId: string | null): Scope {
  if (level === "all") return { kind: "all" };
  const groupIds = [...new Set(sources.flatMap((source) => (source.level === "groups" ? source.ofGroupIds : [])))].sort();
  return level === "none" || (personId === null && groupIds.length === 0) ? { kind: "none" } : { kind: "some", personId, groupIds };
}

/** What is left when everything that was granted for a time is over. */
export function withoutGrants({ role, sources, personId }: Rights): Rights {
  return unite(role, sources.filter(({ until }) => until === null), personId);
}

/** Whether `rights` give nothing that `other` do not. Groups are compared as groups, not by who is in them. */
export function isWithin(rights: Rights, other: Rights): boolean {
  return [...rights.permissions].every((permission) => other.permissions.has(permission)) && isScopeWithin(rights.scope, other.scope);
}

function isScopeWithin(scope: Scope, other: Scope): boolean {
  if (other.kind === "all" || scope.kind === "none") return true;
  if (other.kind === "none" || scope.kind === "all") return false;
  return (scope.personId === null || scope.personId === other.personId) && scope.groupIds.every((id) => other.groupIds.includes(id));
}
