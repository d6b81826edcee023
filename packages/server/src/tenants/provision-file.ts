import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { AccessProfileSettings, roles, TrunkSettings, type Role } from "@earwitness/contract";
import { normalizeAddress } from "@earwitness/media";
import { digestOf, type TrunkDigest } from "./digest.ts";
import { profileMistakes } from "./profile-mistakes.ts";
import type { ProvisionedGroup, ProvisionedProfile } from "./provision-access.ts";
import { readPasswordFile } from "./password-file.ts";
import { checkTrunkSettings, plainMatching, plainNumbers } from "./trunk-settings.ts";

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
    role: orNull(name),
    recorded: Type.Optional(Type.Boolean()),
    addresses: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 500 }))),
    extensions: Type.Optional(Type.Array(Type.String({ pattern: "^[0-9]{3,15}$" }))),
    groups: Type.Optional(Type.Array(id, { maxItems: 200 })),
    managedGroups: Type.Optional(Type.Array(id, { maxItems: 200 })),
  },
  closed,
);

const GroupEntry = Type.Object({ groupId: id, name }, closed);

const profile = AccessProfileSettings.properties;
const ProfileEntry = Type.Object(
  { accessProfileId: id, name: profile.name, description: Type.Optional(profile.description), level: profile.level, ofGroups: Type.Optional(profile.ofGroupIds), permissions: profile.permissions, groups: Type.Optional(profile.groupIds) },
  closed,
);

const settings = TrunkSettings.properties;

const TrunkEntry = Type.Object(
  {
    trunkId: id,
    name,
    sourceNetworks: Type.Array(Type.String(), { minItems: 1 }),
    personDomains: Type.Optional(Type.Array(Type.String({ pattern: "^[^@\\s]+$" }))),
    recordAll: Type.Optional(Type.Boolean()), // what `unknown: "record"` was called first
    unknown: Type.Optional(settings.unknown),
    enabled: Type.Optional(settings.enabled),
    transport: Type.Optional(settings.transport),
    media: Type.Optional(settings.media),
    certificates: Type.Optional(settings.certificates),
    numbers: Type.Optional(Type.Partial(settings.numbers)),
    matching: Type.Optional(settings.matching),
    recordingUser: Type.Optional(Type.String({ pattern: "^[a-z0-9]{6,32}$" })),
    passwordFile: Type.Optional(Type.String({ minLength: 1, maxLength: 4_000 })),
    sandbox: Type.Optional(Type.Boolean()),
  },
  closed,
);

const DirectoryEntry = Type.Object(
  {
    clientId: id,
    clientSecretFile: Type.String({ minLength: 1, maxLength: 4_000 }),
    recordsNew: Type.Boolean(),
    groups: Type.Optional(Type.Array(Type.Object({ objectId: id, name }, closed), { maxItems: 1_000 })),
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
    groups: Type.Optional(Type.Array(GroupEntry)),
    people: Type.Optional(Type.Array(PersonEntry)),
    accessProfiles: Type.Optional(Type.Array(ProfileEntry)),
    trunks: Type.Optional(Type.Array(TrunkEntry)),
    directory: Type.Optional(DirectoryEntry),
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
  readonly groups: readonly ProvisionedGroup[];
  readonly people: readonly ProvisionedPerson[];
  readonly accessProfiles: readonly ProvisionedProfile[];
  readonly trunks: readonly ProvisionedTrunk[];
  /** Its Microsoft 365 directory; null: the file names none. */
  readonly directory: ProvisionedDirectory | null;
}

export interface ProvisionedDirectory {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly recordsNew: boolean;
  readonly groups: readonly { readonly objectId: string; readonly name: string }[];
}

export interface ProvisionedPerson {
  readonly personId: string;
  readonly upn: string;
  readonly displayName: string;
  readonly givenName: string | null;
  readonly familyName: string | null;
  readonly role: Role;
  readonly recorded: boolean;
  readonly addresses: readonly string[];
  /** Null: the file does not say, and what there is stays. */
  readonly extensions: readonly string[] | null;
  /** Ids of groups; null as well: what there is stays. */
  readonly groups: readonly string[] | null;
  readonly managedGroups: readonly string[] | null;
}

export interface ProvisionedTrunk {
  readonly trunkId: string;
  /** Complete, for a trunk that is made now. */
  readonly settings: TrunkSettings;
  /** What the file says; anything else of a trunk that exists is whoever's set it since. */
  readonly named: readonly (keyof TrunkSettings)[];
  /** Null: one is made with the trunk. */
  readonly recordingUser: string | null;
  /** What its clients are asked for. Null: the file does not say, and what there is stays. */
  readonly digest: TrunkDigest | null;
  /** The sandbox places its calls over it. */
  readonly sandbox: boolean;
}

export class ProvisionMistakes extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The provision file has ${mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`}:\n${mistakes.map((mistake) => `  - ${mistake}`).join("\n")}`);
    this.name = "ProvisionMistakes";
    this.mistakes = mistakes;
  }
}

/**
 * Reads the text of the file. Throws `ProvisionMistakes` with all of them. `folder` is where the relative names of password files begin. Of a password nothing stays but its digests.
 */
export function parseProvision(text: string, folder = "."): Provision {
  let file: unknown;
  const unreadable: string[] = [];
  try {
    file = JSON.parse(text, (key, value: unknown) => {
      // U+0000 the database does not take at all, and U+001F means something in its search text. Certificates have lines.
      if (typeof value === "string" && !value.startsWith("-----BEGIN ") && (/\p{Cc}/u.test(value) || !value.isWellFormed())) unreadable.push(`${key}: ${JSON.stringify(value)} holds a control character`);
      return value;
    });
  } catch (error) {
    throw new ProvisionMistakes([`it is not JSON: ${(error as Error).message}`]);
  }
  if (unreadable.length > 0) throw new ProvisionMistakes(unreadable);
  if (!Value.Check(ProvisionFile, file)) throw new ProvisionMistakes(formMistakes(file));
  const passwords = readPasswords(file, folder);
  const secrets = readSecrets(file, folder);
  const provision = { tenants: file.tenants.map((tenant) => complete(tenant, passwords.digests, secrets.read)) };
  const mistakes = [
    ...repetitions(provision),
    ...provision.tenants.flatMap((tenant, at) => roleMistakes(tenant, `/tenants/${at}`)),
    ...provision.tenants.flatMap((tenant, at) => accessMistakes(tenant, `/tenants/${at}`)),
    ...provision.tenants.flatMap((tenant, at) => trunkMistakes(tenant, `/tenants/${at}`)),
    ...file.tenants.flatMap(({ trunks = [] }, tenant) => trunks.flatMap(({ recordAll, unknown }, at) => (recordAll === undefined || unknown === undefined ? [] : `/tenants/${tenant}/trunks/${at}/recordAll: says what unknown says; leave it out`))),
    ...passwords.mistakes,
    ...secrets.mistakes,
    ...contested(provision),
  ];
  if (mistakes.length > 0) throw new ProvisionMistakes(mistakes);
  return { tenants: provision.tenants.map(canonical) };
}

function formMistakes(file: unknown): string[] {
  const told: string[] = [];
  for (const error of Value.Errors(ProvisionFile, file)) {
    if (error.keyword === "boolean") told.push(`${error.instancePath}: is not known here${error.instancePath.endsWith("/password") ? ". Write it into a file of its own and name that in passwordFile" : ""}`);
    // Said in better words by the entries it contains.
    else if (error.keyword !== "additionalProperties" && error.keyword !== "anyOf") told.push(`${error.instancePath || "/"}: ${error.message}`);
  }
  return [...new Set(told)];
}

type Digests = ReadonlyMap<Static<typeof TrunkEntry>, TrunkDigest>;

/** The files that trunks name, read once, now: a mistake in one is one of the provision file. */
function readPasswords({ tenants }: Static<typeof ProvisionFile>, folder: string): { readonly digests: Digests; readonly mistakes: readonly string[] } {
  const digests = new Map<Static<typeof TrunkEntry>, TrunkDigest>();
  const mistakes: string[] = [];
  for (const [tenant, { trunks = [] }] of tenants.entries()) {
    for (const [at, trunk] of trunks.entries()) {
      const { passwordFile, recordingUser } = trunk;
      if (passwordFile === undefined) continue;
      const wrong = (message: string): void => void mistakes.push(`/tenants/${tenant}/trunks/${at}/passwordFile: ${message}`);
      if (recordingUser === undefined) wrong("needs recordingUser beside it, which is the user name that belongs to the password");
      const read = readPasswordFile(folder, passwordFile);
      if (!read.ok) wrong(read.message);
      else if (recordingUser !== undefined) digests.set(trunk, digestOf(recordingUser, read.password));
    }
  }
  return { digests, mistakes };
}

type Secrets = ReadonlyMap<Static<typeof DirectoryEntry>, string>;

/** Client secrets, each from a file of its own like passwords. */
function readSecrets({ tenants }: Static<typeof ProvisionFile>, folder: string): { readonly read: Secrets; readonly mistakes: readonly string[] } {
  const read = new Map<Static<typeof DirectoryEntry>, string>();
  const mistakes: string[] = [];
  for (const [at, { directory, m365TenantId = null }] of tenants.entries()) {
    if (directory === undefined) continue;
    if (m365TenantId === null) mistakes.push(`/tenants/${at}/directory: needs m365TenantId beside it, which says whose directory it is`);
    const secret = readPasswordFile(folder, directory.clientSecretFile);
    if (secret.ok) read.set(directory, secret.password);
    else mistakes.push(`/tenants/${at}/directory/clientSecretFile: ${secret.message}`);
  }
  return { read, mistakes };
}

function complete(tenant: Static<typeof TenantEntry>, digests: Digests, secrets: Secrets): ProvisionedTenant {
  const { directory } = tenant;
  const clientSecret = directory === undefined ? undefined : secrets.get(directory);
  return {
    tenantId: tenant.tenantId.toLowerCase(),
    slug: tenant.slug,
    displayName: tenant.displayName,
    m365TenantId: tenant.m365TenantId?.toLowerCase() ?? null,
    sandbox: tenant.sandbox ?? false,
    keepOriginal: tenant.keepOriginal ?? true,
    groups: (tenant.groups ?? []).map((group) => ({ groupId: group.groupId.toLowerCase(), name: group.name })),
    people: (tenant.people ?? []).map((person) => ({
      personId: person.personId.toLowerCase(),
      upn: person.upn,
      displayName: person.displayName,
      givenName: person.givenName ?? null,
      familyName: person.familyName ?? null,
      role: (person.role ?? "User") as Role, // what it may be is checked with the rest
      recorded: person.recorded ?? true,
      addresses: [...new Set((person.addresses ?? []).map(normalizeAddress))].sort(),
      extensions: person.extensions === undefined ? null : [...new Set(person.extensions)].sort(),
      groups: person.groups === undefined ? null : uniqueIds(person.groups),
      managedGroups: person.managedGroups === undefined ? null : uniqueIds(person.managedGroups),
    })),
    accessProfiles: (tenant.accessProfiles ?? []).map(({ accessProfileId, ofGroups = [], groups = [], description = "", ...said }) => ({ ...said, accessProfileId: accessProfileId.toLowerCase(), description, permissions: [...new Set(said.permissions)].sort(), ofGroupIds: uniqueIds(ofGroups), groupIds: uniqueIds(groups) })),
    trunks: (tenant.trunks ?? []).map((trunk) => completeTrunk(trunk, digests.get(trunk) ?? null)),
    directory:
      directory === undefined || clientSecret === undefined
        ? null
        : { clientId: directory.clientId.toLowerCase(), clientSecret, recordsNew: directory.recordsNew, groups: (directory.groups ?? []).map(({ objectId, name: called }) => ({ objectId: objectId.toLowerCase(), name: called })) },
  };
}

const uniqueIds = (ids: readonly string[]): string[] => [...new Set(ids.map((one) => one.toLowerCase()))].sort();

function completeTrunk({ trunkId, recordingUser, recordAll, passwordFile: _read, sandbox = false, ...said }: Static<typeof TrunkEntry>, digest: TrunkDigest | null): ProvisionedTrunk {
  const unknown = said.unknown ?? (recordAll === undefined ? undefined : recordAll ? "record" : "ignore");
  const named = { ...said, ...(unknown === undefined ? {} : { unknown }), personDomains: said.personDomains ?? [] };
  return {
    trunkId: trunkId.toLowerCase(),
    named: Object.keys(named) as (keyof TrunkSettings)[],
    settings: {
      name: said.name,
      enabled: said.enabled ?? true,
      sourceNetworks: said.sourceNetworks,
      transport: said.transport ?? "any",
      media: said.media ?? "any",
      certificates: said.certificates ?? [],
      personDomains: named.personDomains,
      numbers: { ...plainNumbers, ...said.numbers },
      matching: said.matching ?? [...plainMatching],
      unknown: unknown ?? "ignore",
    },
    recordingUser: recordingUser ?? null,
    digest,
    sandbox,
  };
}

function repetitions({ tenants }: Provision): string[] {
  const people = tenants.map((tenant, at) => ({ where: `/tenants/${at}/people`, people: tenant.people }));
  return [
    ...repeated("/tenants", "tenantId", tenants.map(({ tenantId }) => tenantId)),
    ...repeated("/tenants", "slug", tenants.map(({ slug }) => slug)),
    ...repeated("/tenants", "recordingUser", tenants.flatMap(({ trunks }) => trunks.flatMap(({ recordingUser }) => recordingUser ?? []))),
    ...repeated("/tenants", "m365TenantId", tenants.flatMap(({ m365TenantId }) => m365TenantId ?? [])),
    ...people.flatMap(({ where, people }) => [
      ...repeated(where, "personId", people.map(({ personId }) => personId)),
      ...repeated(where, "upn", people.map(({ upn }) => upn.toLowerCase())),
      ...repeated(where, "address", people.flatMap(({ addresses }) => addresses)),
      ...repeated(where, "extension", people.flatMap(({ extensions }) => extensions ?? [])),
    ]),
    ...tenants.flatMap(({ groups, accessProfiles }, at) => [
      ...repeated(`/tenants/${at}/groups`, "groupId", groups.map(({ groupId }) => groupId)),
      ...repeated(`/tenants/${at}/groups`, "name", groups.map((group) => group.name.toLowerCase())),
      ...repeated(`/tenants/${at}/accessProfiles`, "accessProfileId", accessProfiles.map(({ accessProfileId }) => accessProfileId)),
      ...repeated(`/tenants/${at}/accessProfiles`, "name", accessProfiles.map((one) => one.name.toLowerCase())),
    ]),
    ...tenants.flatMap(({ trunks }, at) => [
      ...repeated(`/tenants/${at}/trunks`, "trunkId", trunks.map(({ trunkId }) => trunkId)),
      ...repeated(`/tenants/${at}/trunks`, "name", trunks.map(({ settings }) => settings.name)),
    ]),
  ];
}

function repeated(where: string, what: string, values: readonly string[]): string[] {
  const twice = new Set(values.filter((value, at) => values.indexOf(value) !== at));
  return [...twice].map((value) => `${where}: ${what} ${value} is there more than once`);
}

/** What the form of the portal would refuse too. Groups that are named have to be in the file: their ids are of its making. */
function accessMistakes({ groups, people, accessProfiles }: ProvisionedTenant, where: string): string[] {
  const known = new Set(groups.map(({ groupId }) => groupId));
  const unknown = (at: string, ids: readonly string[] | null) => (ids ?? []).flatMap((group) => (known.has(group) ? [] : `${where}/${at}: the group ${group} is not among the file's groups`));
  return [
    ...people.flatMap((person, at) => [
      ...unknown(`people/${at}/groups`, person.groups),
      ...unknown(`people/${at}/managedGroups`, person.managedGroups),
      ...((person.managedGroups?.length ?? 0) > 0 && person.role !== "Supervisor" && person.role !== "Admin" ? [`${where}/people/${at}/managedGroups: have a meaning with the roles Supervisor and Admin only`] : []),
    ]),
    ...accessProfiles.flatMap((one, at) => [
      ...profileMistakes(one).map((mistake) => `${where}/accessProfiles/${at}/${mistake.where.replace("ofGroupIds", "ofGroups").replaceAll(".", "/")}: ${mistake.message}`),
      ...unknown(`accessProfiles/${at}/groups`, one.groupIds),
      ...unknown(`accessProfiles/${at}/ofGroups`, one.ofGroupIds),
    ]),
  ];
}

/** A role that does not exist would let somebody do nothing; nobody writes that on purpose. */
function roleMistakes({ people }: ProvisionedTenant, where: string): string[] {
  return people.flatMap(({ role }, at) =>
    roles.includes(role) ? [] : `${where}/people/${at}/role: there is no role “${role}”; there are ${roles.join(", ")}`,
  );
}

function trunkMistakes({ trunks }: ProvisionedTenant, where: string): string[] {
  return trunks.flatMap(({ settings }, at) => checkTrunkSettings(settings).mistakes.map((mistake) => `${where}/trunks/${at}/${mistake.where.replaceAll(".", "/")}: ${mistake.message}`));
}

const canonical = (tenant: ProvisionedTenant): ProvisionedTenant => ({
  ...tenant,
  trunks: tenant.trunks.map((trunk) => ({ ...trunk, settings: checkTrunkSettings(trunk.settings).settings })),
});

/** A network that two tenants claim would be refused on the wire (#trunks); better to refuse it here. */
function contested(provision: Provision): string[] {
  const claims = new Map<string, string>();
  const mistakes = new Set<string>();
  for (const { slug, trunks } of provision.tenants.map(canonical)) {
    for (const network of trunks.flatMap(({ settings }) => settings.sourceNetworks)) {
      const first = claims.get(network) ?? slug;
      claims.set(network, first);
      if (first !== slug) mistakes.add(`/tenants: the network ${network} is claimed by ${first} and by ${slug}`);
    }
  }
  return [...mistakes];
}
