import type { PersonSettings } from "@earwitness/contract";
import { profileNames } from "#access";
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
  const { accessProfile } = settings;
  if (accessProfile !== null && !profileNames.includes(accessProfile)) wrong("accessProfile", `there is no access profile “${accessProfile}”; there are ${profileNames.join(", ")}`);
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
      accessProfile,
      recorded: settings.recorded,
      addresses: [...new Set(addresses)].sort(),
      extensions: [...new Set(settings.extensions)].sort(),
      groupIds: [...new Set(settings.groupIds.map((id) => id.toLowerCase()))].sort(),
    },
  };
}

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
    access_profile: settings.accessProfile,
    recorded: settings.recorded,
    addresses: settings.addresses,
    extensions: settings.extensions,
    group_ids: settings.groupIds,
  };
}
