import { permissionWords, roles, type AccessProfileSettings } from "@earwitness/contract";
import { isStorable } from "./storable-text.ts";

/** What is wrong with an access profile by itself, in the file as in the form. Names come trimmed. */
export function profileMistakes({ name, description, level, ofGroupIds, permissions }: AccessProfileSettings): { readonly where: string; readonly message: string }[] {
  const mistakes: { where: string; message: string }[] = [];
  const wrong = (where: string, message: string): void => void mistakes.push({ where, message });
  if (name === "") wrong("name", "is empty");
  if (roles.some((role) => role.toLowerCase() === name.toLowerCase())) wrong("name", "is the name of a role");
  for (const [where, text] of [["name", name], ["description", description]] as const) if (!isStorable(text)) wrong(where, "holds a control character or half a character");
  if (level === "groups" && ofGroupIds.length === 0) wrong("ofGroupIds", "names no group: choose at least one, or another level");
  if (level !== "groups" && ofGroupIds.length > 0) wrong("ofGroupIds", "has a meaning with the level Access User's Own and Group Calls only");
  permissions.forEach((permission, at) => {
    if (level === "none" && permissionWords[permission].about === "call") wrong(`permissions.${at}`, `“${permissionWords[permission].label}” needs a level other than No Call Access`);
  });
  return mistakes;
}
