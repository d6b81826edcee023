import type { TrunkSettings } from "@earwitness/contract";
import type { Database } from "#db";
import { sql, type Selectable } from "kysely";

type TrunkRow = Selectable<Database["trunks"]>;

/** In the order in which trunks claim a network that several name; as exact as `createdAt` tells it, so that readers come to the same order. */
export const oldestFirst = sql<Date>`date_trunc('milliseconds', created_at)`;

export const columnOf = {
  name: "name",
  enabled: "enabled",
  sourceNetworks: "source_networks",
  transport: "transport",
  media: "media",
  certificates: "certificates",
  personDomains: "person_domains",
  numbers: "numbers",
  matching: "matching",
  unknown: "unknown",
} as const satisfies Record<keyof TrunkSettings, keyof TrunkRow>;

/** The settings as the row has them, their JSON as values. */
export function trunkColumns(settings: TrunkSettings) {
  return {
    name: settings.name,
    enabled: settings.enabled,
    source_networks: settings.sourceNetworks,
    transport: settings.transport,
    media: settings.media,
    certificates: settings.certificates,
    person_domains: settings.personDomains,
    numbers: orderedNumbers(settings.numbers),
    matching: settings.matching.map(orderedMatch),
    unknown: settings.unknown,
  };
}

export type TrunkColumns = ReturnType<typeof trunkColumns>;

/** The same for writing: the driver makes PostgreSQL arrays of lists, so JSON goes in as text. */
export function storedTrunk<Columns extends Partial<TrunkColumns>>(columns: Columns) {
  const { numbers, matching, ...rest } = columns;
  return { ...rest, ...(numbers === undefined ? {} : { numbers: JSON.stringify(numbers) }), ...(matching === undefined ? {} : { matching: JSON.stringify(matching) }) };
}

export function trunkSettings(row: Pick<TrunkRow, (typeof columnOf)[keyof TrunkSettings]>): TrunkSettings {
  return {
    name: row.name,
    enabled: row.enabled,
    sourceNetworks: row.source_networks.toSorted(),
    transport: row.transport,
    media: row.media,
    certificates: row.certificates,
    personDomains: row.person_domains.toSorted(),
    numbers: orderedNumbers(row.numbers),
    matching: row.matching.map(orderedMatch),
    unknown: row.unknown,
  };
}

/** jsonb keeps no order of keys; the same settings are the same text here whichever way they came. */
function orderedNumbers({ countryCode, internationalPrefix, nationalPrefix, rewrites }: TrunkSettings["numbers"]): TrunkSettings["numbers"] {
  return { countryCode, internationalPrefix, nationalPrefix, rewrites: rewrites.map(({ match, replace }) => ({ match, replace })) };
}

function orderedMatch(rule: TrunkSettings["matching"][number]): TrunkSettings["matching"][number] {
  if (rule.by === "extension") return { by: rule.by, digits: rule.digits };
  return rule.by === "pattern" ? { by: rule.by, match: rule.match, address: rule.address } : { by: rule.by };
}
