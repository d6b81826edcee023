import type { PersonSettings } from "@earwitness/contract";
import type { UserChange } from "#directory";

/**
 * What a user of a directory is as a person. The directory says how they are called; everything else is ours: what they may see, whether
 * they are recorded, their addresses and groups. Its texts are whatever somebody typed there.
 */
export function settingsFrom(user: UserChange, before: PersonSettings | null, recordsNew: boolean): { readonly settings: PersonSettings; readonly mistake: null } | { readonly settings: null; readonly mistake: string } {
  // null where it is not said: of a user that was read before, what did not change is left out.
  const upn = user.userPrincipalName ?? before?.upn ?? "";
  if (!/^[!-?A-~]+@[!-?A-~]+$/.test(upn) || upn.length > 320) return { settings: null, mistake: upn === "" ? "has no UPN" : `“${shown(upn)}” is no UPN` };
  const displayName = nameOf(user.displayName) ?? before?.displayName ?? upn.slice(0, 200);
  const plain = { givenName: null, familyName: null, role: "User" as const, recorded: recordsNew, addresses: [], extensions: [], groupIds: [], managedGroupIds: [] };
  return { settings: { ...(before ?? plain), displayName, upn }, mistake: null };
}

/** One line of at most 200 characters; null: it is none. */
function nameOf(text: string | null | undefined): string | null {
  const name = (text ?? "").toWellFormed().replaceAll(/[\p{Cc}\s]+/gu, " ").trim().slice(0, 200).toWellFormed().trim();
  return name === "" ? null : name;
}

const shown = (text: string): string => text.toWellFormed().replaceAll(/\p{Cc}/gu, "�").slice(0, 100).toWellFormed();
