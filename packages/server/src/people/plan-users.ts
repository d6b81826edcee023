import type { Person, PersonSettings } from "@earwitness/contract";
import type { UserChange } from "#directory";
import { newUuid } from "#ids";
import { settingsFrom } from "./directory-person.ts";
import type { RememberedPerson } from "./remembered-people.ts";
import { personChange } from "./person-settings.ts";

/** What is known before users of a directory are taken in. Ids and UPNs in lower case. */
export interface KnownBefore {
  /** Person by object id. */
  readonly linked: ReadonlyMap<string, string>;
  /** Living people who are linked, or have a UPN that one of the users has. */
  readonly people: readonly Person[];
  /** Of these, those who are linked to any object. */
  readonly claimed: ReadonlySet<string>;
  /** Ids that are people's already, living or not. */
  readonly taken: ReadonlySet<string>;
  /** Of those who are linked, the ones who were removed, by person. */
  readonly remembered: ReadonlyMap<string, RememberedPerson>;
}

export interface PlannedUser {
  readonly objectId: string;
  readonly before: Person | null;
  readonly after: Person;
  /** They were removed, and come back. */
  readonly back: RememberedPerson | null;
  /** The person is the directory's from now on. */
  readonly isNewLink: boolean;
  /** Empty: nothing differs. */
  readonly change: Record<string, { from: unknown; to: unknown }>;
}

export interface UsersPlan {
  /** In the order in which they can be written: whoever gives a UPN away comes before whoever gets it. */
  readonly users: readonly PlannedUser[];
  readonly problems: readonly { readonly objectId: string; readonly message: string }[];
}

/**
 * Whom each user becomes: the person who is linked to it; else the one with the same UPN, who came by form or CSV and is the
 * directory's from now on; else the one who was linked to it and removed; else somebody new, under the object's own id, by which
 * people also sign in.
 */
export function planUsers(users: readonly UserChange[], { linked, people: known, claimed: claimedBefore, taken, remembered }: KnownBefore, recordsNew: boolean): UsersPlan {
  const people = new Map(known.map((person) => [person.id, person]));
  const owners = new Map(known.map(({ id, settings }) => [settings.upn.toLowerCase(), id]));
  const claimed = new Set(claimedBefore);
  const planned: PlannedUser[] = [];

  /** What is in the way; null: it is planned. */
  function take(user: UserChange): string | null {
    const objectId = user.id.toLowerCase();
    const personId = linked.get(objectId);
    const own = personId === undefined ? null : (people.get(personId) ?? null);
    const removed = personId === undefined || own !== null ? null : (remembered.get(personId) ?? null);
    const upn = (user.userPrincipalName ?? own?.settings.upn ?? removed?.now.upn ?? "").toLowerCase();
    const owner = people.get(owners.get(upn) ?? "");
    const before = own ?? (owner !== undefined && !claimed.has(owner.id) ? owner : null);
    const back = before === null ? removed : null;
    const { settings, mistake } = settingsFrom(user, before?.settings ?? (back === null ? null : (back.was ?? afresh(back.now, recordsNew))), recordsNew);
    if (mistake !== null) return mistake;
    if (owner !== undefined && owner.id !== before?.id) return `${upn} is the UPN of ${owner.settings.displayName} already`;
    const after = { id: before?.id ?? back?.id ?? (taken.has(objectId) ? newUuid() : objectId), settings };
    planned.push({ objectId, before, after, back, isNewLink: personId !== after.id, change: personChange(before?.settings ?? back?.now ?? null, settings) });
    if (before !== null) owners.delete(before.settings.upn.toLowerCase());
    owners.set(settings.upn.toLowerCase(), after.id);
    people.set(after.id, after);
    claimed.add(after.id);
    return null;
  }

  for (let waiting = users; ; ) {
    const problems = waiting.flatMap((user) => {
      const message = take(user);
      return message === null ? [] : [{ user, message }];
    });
    // A UPN that somebody else of these gives away may be free now.
    if (problems.length === 0 || problems.length === waiting.length) return { users: planned, problems: problems.map(({ user, message }) => ({ objectId: user.id.toLowerCase(), message })) };
    waiting = problems.map(({ user }) => user);
  }
}

/** Somebody whom people removed here, and who is still there: they keep their name, and nothing that was given to them. */
const afresh = (now: PersonSettings, recordsNew: boolean): PersonSettings => ({ ...now, role: "User", recorded: recordsNew });
