/**
 * Whether a call is recorded, for whom, and why: a pure function, so that any decision can be repeated and explained
 * later (CAP-48). The rules of recording profiles come in a later issue; today's are the trunk's.
 */

export interface PolicyParty {
  /** Id of the party inside the call. */
  readonly id: string;
  readonly address: string;
  /** The known person behind the address, if any. */
  readonly person: { readonly personId: string; readonly recorded: boolean } | null;
}

export interface PolicyTrunk {
  readonly name: string;
  /** What becomes of a party nobody knows: `record` gives them an interaction of their own. */
  readonly unknown: "ignore" | "record";
}

export interface Decision {
  readonly record: boolean;
  /** One sentence each, for people; the first names the rule that decided. */
  readonly reasons: readonly string[];
  readonly ruleVersion: string;
  /** Parties that get an interaction of their own. */
  readonly recordedPartyIds: readonly string[];
}

/** Bump when the meaning of a rule changes; stored with every decision. */
export const ruleVersion = "trunk-rules/1";

export function decide(trunk: PolicyTrunk, parties: readonly PolicyParty[]): Decision {
  const people = parties.filter((party) => party.person?.recorded === true);
  const recordsAll = trunk.unknown === "record";
  const unknown = recordsAll ? parties.filter((party) => party.person === null) : [];
  const excluded = parties.filter((party) => party.person?.recorded === false);

  const reasons: string[] = [];
  for (const party of people) reasons.push(`${party.address} is a person whose calls are recorded.`);
  for (const party of unknown) reasons.push(`Trunk “${trunk.name}” records every party; ${party.address} is not in the directory.`);
  // A trunk that records all also records a call of which nothing is known yet: metadata may come later.
  const openEnded = recordsAll && parties.length === 0;
  if (openEnded) reasons.push(`Trunk “${trunk.name}” records every call; its parties are not known yet.`);
  for (const party of excluded) reasons.push(`${party.address} is excluded from recording.`);

  const record = people.length > 0 || unknown.length > 0 || openEnded;
  if (!record) {
    const strangers = parties.filter((party) => party.person === null);
    reasons.unshift(`No party of the call is recorded on trunk “${trunk.name}”.`);
    for (const party of strangers) reasons.push(`${party.address} is nobody that the directory knows, and the trunk does not record strangers.`);
  }
  return { record, reasons, ruleVersion, recordedPartyIds: [...people, ...unknown].map((party) => party.id) };
}
