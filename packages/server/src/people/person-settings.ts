import { roles, type PersonSettings } from "@earwitness/contract";
import { normalizeAddress } from "@earwitness/media";
import { unstorableTexts } from "#tenants";

export interface PersonMistake {
  /** `addresses.1`, `upn`. */
  readonly where: string;
  readonly message: string;
}

/** What the form does not say of a person: every mistake at once, and the settings in one spelling. */
export function checkPersonSettings(settings: PersonSettings): { readonly settings: PersonSettings; readonly mistakes: readonly PersonMistake[] } {
  const mistakes: PersonMistake[] = [...unstorableTexts(settings)];
  const wrong = (where: string, message: string): void => void mistakes.push({ where, message });
  const displayName = settings.displayName.trim();
  if (displayName === "") wrong("displayName", "is empty");
  const { role } = settings;
  if (!roles.includes(role)) wrong("role", `there is no role “${String(role)}”; there are ${roles.join(", ")}`);
  if (settings.managedGroupIds.length > 0 && role !== "Supervisor" && role !== "Admin") wrong("managedGroupIds", "has a meaning with the roles Supervisor and Admin only");
  const addresses = settings.addresses.map((text, at) => {
    const address = normalizeAddress(text);
    if (!/^\+[0-9]{3,15}$|^sip:[^@\s]+@[^@\s]+$/.test(address) || address.length > 500) wrong(`addresses.${at}`, `“${text}” is no address such as sip:name@host or +4930123456`);
    return address;
  });
  return {
    mistakes,
    settings: {
      displayName,
      upn: settings.upn,
      givenName: nameOrNull(settings.givenName),
      familyName: nameOrNull(settings.familyName),
      role,
      recorded: settings.recorded,
      addresses: [...new Set(addresses)].sort(),
      extensions: [...new Set(settings.extensions)].sort(),
      groupIds: uniqueIds(settings.groupIds),
      managedGroupIds: uniqueIds(settings.managedGroupIds),
    },
  };
}

const uniqueIds = (ids: readonly string[]): string[] => [...new Set(ids.map((id) => id.toLowerCase()))].sort();

function nameOrNull(name: string | null): string | null {
  const trimmed = name?.trim() ?? "";
  return trimmed === "" ? null : trimmed;
}

/** What was and what is, per field of evidence; empty where nothing differs. */
export function personChange(before: PersonSettings | null, after: PersonSettings): Record<string, { from: unknown; to: unknown }> {
  const [from, to] = [before === null ? null : personFields(before), personFields(after)];
  const different = Object.entries(to).filter(([field, value]) => from === null || JSON.stringify(from[field]) !== JSON.stringify(value));
  return Object.fromEntries(different.map(([field, value]) => [field, { from: from?.[field] ?? null, to: value }]));
}

/** As evidence names them; the provision file's changes are named so too. */
export function personFields(settings: PersonSettings): Record<string, unknown> {
  return {
    upn: settings.upn,
    display_name: settings.displayName,
    given_name: settings.givenName,
    family_name: settings.familyName,
    role: settings.role,
    recorded: settings.recorded,
    addresses: settings.addresses,
    extensions: settings.extensions,
    group_ids: settings.groupIds,
    managed_group_ids: settings.managedGroupIds,
  };
}
