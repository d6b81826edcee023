/** A user as Microsoft Graph has one; the properties that we read, and those that it returns unasked. */
export interface GraphUser {
  readonly id: string;
  readonly displayName: string | null;
  readonly givenName: string | null;
  readonly surname: string | null;
  readonly userPrincipalName: string;
  readonly mail: string | null;
  readonly accountEnabled: boolean;
  readonly userType: "Member" | "Guest";
  readonly department: string | null;
  readonly jobTitle: string | null;
  readonly officeLocation: string | null;
  readonly businessPhones: readonly string[];
  readonly mobilePhone: string | null;
  readonly preferredLanguage: string | null;
}

export interface GraphGroup {
  readonly id: string;
  readonly displayName: string;
  readonly description: string | null;
  readonly mail: string | null;
  readonly securityEnabled: boolean;
  readonly groupTypes: readonly string[];
}

/** How a thing went: `changed` can be restored for 30 days, `deleted` cannot. */
export type Removal = "changed" | "deleted";

export interface Kept<T> {
  readonly object: T;
  /** Number of the last change to it. */
  readonly sequence: number;
  readonly removed: Removal | null;
}

export interface Membership {
  readonly sequence: number;
  readonly removed: boolean;
}

/**
 * A directory in memory that remembers when what changed. Made for 20,000 users in 500 groups: reading it in order of ids
 * costs a sort only after somebody came or went.
 */
export interface GraphDirectory {
  /** Number of the last change of all. */
  sequence(): number;
  users(): readonly Kept<GraphUser>[];
  groups(): readonly Kept<GraphGroup>[];
  user(id: string): Kept<GraphUser> | undefined;
  group(id: string): Kept<GraphGroup> | undefined;
  /** Of a group: who is in it and who was, by id. */
  memberships(groupId: string): ReadonlyMap<string, Membership>;
  /** Ids of those in a group, in order; with `nested`, also of those in groups in it, each once. */
  members(groupId: string, nested: boolean): readonly string[];
  putUser(user: Partial<GraphUser> & Pick<GraphUser, "id" | "userPrincipalName">): void;
  putGroup(group: Partial<GraphGroup> & Pick<GraphGroup, "id" | "displayName">): void;
  /** Takes it out of every group too. */
  remove(id: string, how: Removal): void;
  addMember(groupId: string, memberId: string): void;
  removeMember(groupId: string, memberId: string): void;
}

const plainUser = {
  displayName: null, givenName: null, surname: null, mail: null, accountEnabled: true, userType: "Member", department: null, jobTitle: null,
  officeLocation: null, businessPhones: [], mobilePhone: null, preferredLanguage: null,
} as const;
const plainGroup = { description: null, mail: null, securityEnabled: true, groupTypes: [] } as const;

/** Things by id, and in order of id. */
function createShelf<T extends { readonly id: string }>() {
  const byId = new Map<string, Kept<T>>();
  let ordered: readonly Kept<T>[] | null = null;
  return {
    get: (id: string) => byId.get(id),
    put(kept: Kept<T>) {
      byId.set(kept.object.id, kept);
      ordered = null;
    },
    all: () => (ordered ??= [...byId.values()].sort((a, b) => (a.object.id < b.object.id ? -1 : 1))),
  };
}

export function createGraphDirectory(): GraphDirectory {
  const users = createShelf<GraphUser>();
  const groups = createShelf<GraphGroup>();
  const memberships = new Map<string, Map<string, Membership>>();
  let sequence = 0;

  const setMember = (groupId: string, memberId: string, removed: boolean): void => {
    const members = memberships.get(groupId);
    if (members === undefined) throw new Error(`there is no group ${groupId}`);
    const before = members.get(memberId);
    if ((before?.removed ?? true) !== removed) members.set(memberId, { sequence: ++sequence, removed });
  };
  const membersOf = (groupId: string): string[] => [...(memberships.get(groupId) ?? [])].flatMap(([id, { removed }]) => (removed ? [] : [id]));

  return {
    sequence: () => sequence,
    users: users.all,
    groups: groups.all,
    user: users.get,
    group: groups.get,
    memberships: (groupId) => memberships.get(groupId) ?? new Map<string, Membership>(),
    members(groupId, nested) {
      const found = new Set<string>();
      const visit = (id: string): void => {
        for (const member of membersOf(id)) {
          if (found.has(member)) continue; // also where groups contain each other
          found.add(member);
          if (nested && memberships.has(member)) visit(member);
        }
      };
      visit(groupId);
      found.delete(groupId);
      return [...found].sort();
    },
    putUser(user) {
      users.put({ object: { ...plainUser, ...users.get(user.id)?.object, ...user }, sequence: ++sequence, removed: null });
    },
    putGroup(group) {
      groups.put({ object: { ...plainGroup, ...groups.get(group.id)?.object, ...group }, sequence: ++sequence, removed: null });
      if (!memberships.has(group.id)) memberships.set(group.id, new Map());
    },
    remove(id, how) {
      const user = users.get(id);
      const group = groups.get(id);
      if (user !== undefined) users.put({ ...user, sequence: ++sequence, removed: how });
      if (group !== undefined) groups.put({ ...group, sequence: ++sequence, removed: how });
      for (const [groupId, members] of memberships) if (members.has(id)) setMember(groupId, id, true);
      memberships.delete(id);
    },
    addMember: (groupId, memberId) => setMember(groupId, memberId, false),
    removeMember: (groupId, memberId) => setMember(groupId, memberId, true),
  };
}
