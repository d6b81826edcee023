import ipaddr from "ipaddr.js";
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { normalizeAddress } from "@earwitness/media";

const closed = { additionalProperties: false };
const name = Type.String({ minLength: 1, maxLength: 200 });
const id = Type.String({ format: "uuid" });
const orNull = <T extends ReturnType<typeof Type.String>>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

const PersonEntry = Type.Object(
  {
    personId: id,
    upn: Type.String({ pattern: "^[^@\\s]+@[^@\\s]+$", maxLength: 320 }),
    displayName: name,
    givenName: orNull(name),
    familyName: orNull(name),
    accessProfile: orNull(name),
    recorded: Type.Optional(Type.Boolean()),
    addresses: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 500 }))),
  },
  closed,
);

const TrunkEntry = Type.Object(
  {
    trunkId: id,
    name,
    sourceNetworks: Type.Array(Type.String(), { minItems: 1 }),
    personDomains: Type.Optional(Type.Array(Type.String({ pattern: "^[^@\\s]+$" }))),
    recordAll: Type.Optional(Type.Boolean()),
  },
  closed,
);

const TenantEntry = Type.Object(
  {
    tenantId: id,
    slug: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,62}$" }),
    displayName: name,
    m365TenantId: orNull(id),
    sandbox: Type.Optional(Type.Boolean()),
    keepOriginal: Type.Optional(Type.Boolean()),
    people: Type.Optional(Type.Array(PersonEntry)),
    trunks: Type.Optional(Type.Array(TrunkEntry)),
  },
  closed,
);

export const ProvisionFile = Type.Object({ tenants: Type.Array(TenantEntry) }, closed);

/** What must exist, complete and in one spelling. */
export interface Provision {
  readonly tenants: readonly ProvisionedTenant[];
}

export interface ProvisionedTenant {
  readonly tenantId: string;
  readonly slug: string;
  readonly displayName: string;
  readonly m365TenantId: string | null;
  readonly sandbox: boolean;
  readonly keepOriginal: boolean;
  readonly people: readonly ProvisionedPerson[];
  readonly trunks: readonly ProvisionedTrunk[];
}

export interface ProvisionedPerson {
  readonly personId: string;
  readonly upn: string;
  readonly displayName: string;
  readonly givenName: string | null;
  readonly familyName: string | null;
  readonly accessProfile: string | null;
  readonly recorded: boolean;
  readonly addresses: readonly string[];
}

export interface ProvisionedTrunk {
  readonly trunkId: string;
  readonly name: string;
  readonly sourceNetworks: readonly string[];
  readonly personDomains: readonly string[];
  readonly recordAll: boolean;
}

export class ProvisionMistakes extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The provision file has ${mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`}:\n${mistakes.map((mistake) => `  - ${mistake}`).join("\n")}`);
    this.name = "ProvisionMistakes";
    this.mistakes = mistakes;
  }
}

/** Reads the text of the file. Throws `ProvisionMistakes` with all of them. `profiles` are the access profiles that there are. */
export function parseProvision(text: string, profiles: readonly string[]): Provision {
  let file: unknown;
  const unreadable: string[] = [];
  try {
    file = JSON.parse(text, (key, value: unknown) => {
      // U+0000 the database does not take at all, and U+001F means something in its search text.
      if (typeof value === "string" && (/\p{Cc}/u.test(value) || !value.isWellFormed())) unreadable.push(`${key}: ${JSON.stringify(value)} holds a control character`);
      return value;
    });
  } catch (error) {
    throw new ProvisionMistakes([`it is not JSON: ${(error as Error).message}`]);
  }
  if (unreadable.length > 0) throw new ProvisionMistakes(unreadable);
  if (!Value.Check(ProvisionFile, file)) throw new ProvisionMistakes(formMistakes(file));
  const provision = { tenants: file.tenants.map(complete) };
  const mistakes = [...repetitions(provision), ...provision.tenants.flatMap((tenant, at) => profileMistakes(tenant, `/tenants/${at}`, profiles)), ...provision.tenants.flatMap((tenant, at) => networkMistakes(tenant, `/tenants/${at}`)), ...contested(provision)];
  if (mistakes.length > 0) throw new ProvisionMistakes(mistakes);
  return { tenants: provision.tenants.map(canonical) };
}

function formMistakes(file: unknown): string[] {
  const told: string[] = [];
  for (const error of Value.Errors(ProvisionFile, file)) {
    if (error.keyword === "boolean") told.push(`${error.instancePath}: is not known here`);
    // Said in better words by the entries it contains.
    else if (error.keyword !== "additionalProperties" && error.keyword !== "anyOf") told.push(`${error.instancePath || "/"}: ${error.message}`);
  }
  return [...new Set(told)];
}

function complete(tenant: Static<typeof TenantEntry>): ProvisionedTenant {
  return {
    tenantId: tenant.tenantId.toLowerCase(),
    slug: tenant.slug,
    displayName: tenant.displayName,
    m365TenantId: tenant.m365TenantId?.toLowerCase() ?? null,
    sandbox: tenant.sandbox ?? false,
    keepOriginal: tenant.keepOriginal ?? true,
    people: (tenant.people ?? []).map((person) => ({
      personId: person.personId.toLowerCase(),
      upn: person.upn,
      displayName: person.displayName,
      givenName: person.givenName ?? null,
      familyName: person.familyName ?? null,
      accessProfile: person.accessProfile ?? null,
      recorded: person.recorded ?? true,
      addresses: [...new Set((person.addresses ?? []).map(normalizeAddress))].sort(),
    })),
    trunks: (tenant.trunks ?? []).map((trunk) => ({
      trunkId: trunk.trunkId.toLowerCase(),
      name: trunk.name,
      sourceNetworks: trunk.sourceNetworks,
      personDomains: [...new Set((trunk.personDomains ?? []).map((domain) => domain.toLowerCase()))].sort(),
      recordAll: trunk.recordAll ?? false,
    })),
  };
}

function repetitions({ tenants }: Provision): string[] {
  const people = tenants.map((tenant, at) => ({ where: `/tenants/${at}/people`, people: tenant.people }));
  return [
    ...repeated("/tenants", "tenantId", tenants.map(({ tenantId }) => tenantId)),
    ...repeated("/tenants", "slug", tenants.map(({ slug }) => slug)),
    ...repeated("/tenants", "m365TenantId", tenants.flatMap(({ m365TenantId }) => m365TenantId ?? [])),
    ...people.flatMap(({ where, people }) => [
      ...repeated(where, "personId", people.map(({ personId }) => personId)),
      ...repeated(where, "upn", people.map(({ upn }) => upn.toLowerCase())),
      ...repeated(where, "address", people.flatMap(({ addresses }) => addresses)),
    ]),
    ...tenants.flatMap(({ trunks }, at) => [
      ...repeated(`/tenants/${at}/trunks`, "trunkId", trunks.map(({ trunkId }) => trunkId)),
      ...repeated(`/tenants/${at}/trunks`, "name", trunks.map(({ name }) => name)),
    ]),
  ];
}

function repeated(where: string, what: string, values: readonly string[]): string[] {
  const twice = new Set(values.filter((value, at) => values.indexOf(value) !== at));
  return [...twice].map((value) => `${where}: ${what} ${value} is there more than once`);
}

/** Whoever has a profile that does not exist may do nothing; nobody writes that on purpose. */
function profileMistakes({ people }: ProvisionedTenant, where: string, profiles: readonly string[]): string[] {
  return people.flatMap(({ accessProfile }, at) =>
    accessProfile === null || profiles.includes(accessProfile) ? [] : `${where}/people/${at}/accessProfile: there is no access profile “${accessProfile}”; there are ${profiles.join(", ")}`,
  );
}

function networkMistakes({ trunks }: ProvisionedTenant, where: string): string[] {
  return trunks.flatMap(({ sourceNetworks }, trunk) =>
    sourceNetworks.flatMap((network, at) => {
      const path = `${where}/trunks/${trunk}/sourceNetworks/${at}`;
      if (!ipaddr.isValidCIDR(network)) return `${path}: “${network}” is no network such as 192.0.2.0/24 or 192.0.2.7/32`;
      const [base, bits] = canonicalNetwork(network).split("/");
      const [address] = ipaddr.parseCIDR(network);
      return address.toString() === base ? [] : `${path}: “${network}” has bits to the right of its /${bits}; did you mean ${base}/${bits}?`;
    }),
  );
}

/** As PostgreSQL writes a cidr. */
function canonicalNetwork(network: string): string {
  const [address, bits] = ipaddr.parseCIDR(network);
  const base = address.kind() === "ipv4" ? ipaddr.IPv4.networkAddressFromCIDR(network) : ipaddr.IPv6.networkAddressFromCIDR(network);
  return `${base.toString()}/${bits}`;
}

const canonical = (tenant: ProvisionedTenant): ProvisionedTenant => ({
  ...tenant,
  trunks: tenant.trunks.map((trunk) => ({ ...trunk, sourceNetworks: [...new Set(trunk.sourceNetworks.map(canonicalNetwork))].sort() })),
});

/** A network that two tenants claim would be refused on the wire (#trunks); better to refuse it here. */
function contested({ tenants }: Provision): string[] {
  const claims = new Map<string, string>();
  const mistakes: string[] = [];
  for (const { slug, trunks } of tenants) {
    for (const network of trunks.flatMap(({ sourceNetworks }) => sourceNetworks).filter((text) => ipaddr.isValidCIDR(text)).map(canonicalNetwork)) {
      const first = claims.get(network) ?? slug;
      claims.set(network, first);
      if (first !== slug) mistakes.push(`/tenants: the network ${network} is claimed by ${first} and by ${slug}`);
    }
  }
  return mistakes;
}
