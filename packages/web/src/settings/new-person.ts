import type { PersonSettings } from "@earwitness/contract";
import type { NewPersonSearch } from "../paths.ts";

/** What a new person begins with: recorded, without rights, and with what a call said of them, if they are added from one. */
export const newPerson = ({ address, name }: NewPersonSearch = {}): PersonSettings => ({
  displayName: name ?? "",
  upn: "",
  givenName: null,
  familyName: null,
  role: "User",
  recorded: true,
  addresses: address === undefined ? [] : [address],
  extensions: [],
  groupIds: [], managedGroupIds: [],
});
