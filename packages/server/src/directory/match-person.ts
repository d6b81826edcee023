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
}

interface Index {
  readonly byAddress: ReadonlyMap<string, DirectoryPerson>;
  readonly byUpn: ReadonlyMap<string, DirectoryPerson>;
}

/** Made once for each snapshot of a tenant, however many calls it lives through. */
const indexes = new WeakMap<KnownPeople, Index>();

function indexOf(tenant: KnownPeople): Index {
  const known = indexes.get(tenant);
  if (known !== undefined) return known;
  const byAddress = new Map<string, DirectoryPerson>();
  const byUpn = new Map<string, DirectoryPerson>();
  for (const person of tenant.people) {
    for (const address of person.addresses) byAddress.set(address, person);
    byUpn.set(person.upn.toLowerCase(), person);
  }
  const made = { byAddress, byUpn };
  indexes.set(tenant, made);
  return made;
}

/**
 * The person behind a normalized address of call metadata, or null. An address that is on record for somebody wins. Else
 * `sip:user@domain` is read as a UPN, but only for the domains that the trunk vouches for: anybody can claim any name.
 */
export function matchPerson(tenant: KnownPeople, trunk: { readonly personDomains: readonly string[] }, address: string): DirectoryPerson | null {
  const { byAddress, byUpn } = indexOf(tenant);
  const onRecord = byAddress.get(address);
  if (onRecord !== undefined) return onRecord;
  const [, upn, domain] = /^sip:([^@]+@([^@]+))$/.exec(address) ?? [];
  if (upn === undefined || domain === undefined || !trunk.personDomains.includes(domain)) return null;
  return byUpn.get(upn) ?? null;
}
