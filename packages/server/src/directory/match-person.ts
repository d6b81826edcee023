import type { PersonMatch } from "@earwitness/contract";
import { normalizeAddress } from "@earwitness/media";
import { expand, plainMatching, readExpression, type Expression } from "#tenants";

/** What matching looks at; the node's snapshot has it. */
export interface KnownPeople {
  readonly people: readonly DirectoryPerson[];
}

export interface DirectoryPerson {
  readonly personId: string;
  readonly upn: string;
  readonly displayName: string;
  readonly recorded: boolean;
  /** Normalized, as call metadata is. */
  readonly addresses: readonly string[];
  /** Internal numbers, of at least three digits (CAP-75). */
  readonly extensions?: readonly string[];
}

/** How a trunk's participants become people. */
export interface MatchingRules {
  readonly personDomains: readonly string[];
  /** The first that finds somebody wins. */
  readonly matching?: readonly PersonMatch[];
}

export interface PersonFound {
  readonly person: DirectoryPerson | null;
  /** Which rule said so, in words. */
  readonly explanation: string;
}

interface Index {
  readonly byAddress: ReadonlyMap<string, DirectoryPerson>;
  readonly byUpn: ReadonlyMap<string, DirectoryPerson>;
  readonly byExtension: ReadonlyMap<string, DirectoryPerson>;
}

/** Made once for each snapshot of a tenant, however many calls it lives through. */
const indexes = new WeakMap<KnownPeople, Index>();
/** And once for each snapshot of a trunk. */
const expressions = new WeakMap<PersonMatch, Expression | null>();

function indexOf(tenant: KnownPeople): Index {
  const known = indexes.get(tenant);
  if (known !== undefined) return known;
  const byAddress = new Map<string, DirectoryPerson>();
  const byUpn = new Map<string, DirectoryPerson>();
  const byExtension = new Map<string, DirectoryPerson>();
  for (const person of tenant.people) {
    for (const address of person.addresses) byAddress.set(address, person);
    for (const extension of person.extensions ?? []) byExtension.set(extension, person);
    byUpn.set(person.upn.toLowerCase(), person);
  }
  const made = { byAddress, byUpn, byExtension };
  indexes.set(tenant, made);
  return made;
}

function expressionOf(rule: Extract<PersonMatch, { by: "pattern" }>): Expression | null {
  const known = expressions.get(rule);
  if (known !== undefined) return known;
  const read = readExpression(rule.match);
  const made = read.ok ? read.expression : null; // checked where it was set
  expressions.set(rule, made);
  return made;
}

/** The person behind a normalized address of call metadata, or null. Pure: it runs while a call is being answered. */
export function matchPerson(tenant: KnownPeople, trunk: MatchingRules, address: string): DirectoryPerson | null {
  return findPerson(tenant, trunk, address).person;
}

export function findPerson(tenant: KnownPeople, { personDomains, matching = plainMatching }: MatchingRules, address: string): PersonFound {
  const index = indexOf(tenant);
  for (const [at, rule] of matching.entries()) {
    const found = applyRule(index, personDomains, rule, address);
    if (found !== null) return { person: found.person, explanation: `Rule ${at + 1}: ${found.why}.` };
  }
  return { person: null, explanation: `No rule finds a person for ${address}.` };
}

function applyRule(index: Index, personDomains: readonly string[], rule: PersonMatch, address: string): { person: DirectoryPerson; why: string } | null {
  const found = (person: DirectoryPerson | undefined, why: string) => (person === undefined ? null : { person, why });
  switch (rule.by) {
    case "address": {
      if (address.startsWith("+")) return null;
      const onRecord = index.byAddress.get(address);
      if (onRecord !== undefined) return found(onRecord, `${address} is an address of theirs`);
      // Anybody can claim any name, so it counts only for the domains that the trunk vouches for.
      const [upn, domain] = upnIn(address);
      return upn === null || !personDomains.includes(domain) ? null : found(index.byUpn.get(upn), `${upn} is their UPN, and the trunk vouches for ${domain}`);
    }
    case "number": {
      const digits = numberIn(address);
      if (digits === null) return null;
      const onRecord = index.byAddress.get(`+${digits}`);
      if (onRecord !== undefined) return found(onRecord, `+${digits} is a number of theirs`);
      return found(index.byExtension.get(digits), `${digits} is an extension of theirs`);
    }
    case "extension": {
      const digits = numberIn(address)?.slice(-rule.digits);
      return digits === undefined ? null : found(index.byExtension.get(digits), `the last digits, ${digits}, are an extension of theirs`);
    }
    case "pattern": {
      const match = expressionOf(rule)?.search(address) ?? null;
      if (match === null) return null;
      const target = normalizeAddress(expand(rule.address, match.groups));
      const why = `“${rule.match}” made ${target} of ${address}`;
      // Whoever wrote the pattern vouches for the name it makes.
      return found(index.byAddress.get(target) ?? index.byUpn.get(upnIn(target)[0] ?? ""), `${why}, which is theirs`);
    }
  }
}

function upnIn(address: string): [upn: string, domain: string] | [null, ""] {
  const [, upn, domain] = /^sip:([^@]+@([^@]+))$/.exec(address) ?? [];
  return upn === undefined || domain === undefined ? [null, ""] : [upn, domain];
}

/** The digits of a number, also of one that stands at a host: `+4930123`, `sip:4711@pbx.example`. */
function numberIn(address: string): string | null {
  return /^\+([0-9]{3,15})$/.exec(address)?.[1] ?? /^sip:([0-9]{3,15})@/.exec(address)?.[1] ?? null;
}
