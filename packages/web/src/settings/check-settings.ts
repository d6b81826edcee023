import { roles, type AccessProfileSettings, type PersonSettings, type TrunkSettings } from "@earwitness/contract";
import type { Text } from "../text.ts";
import type { Mistake, Mistakes } from "./mistakes.ts";
import { readNetwork } from "./network.ts";

/** What can be said of a trunk at once and in the portal's own words. The server has the last one. */
export function checkTrunk(settings: TrunkSettings, text: Text): Mistakes {
  const { numbers } = settings;
  const mistakes: Mistake[] = [];
  const wrong = (where: string, message: string) => void mistakes.push({ where, message });
  if (settings.name.trim() === "") wrong("name", text("check.name"));
  settings.sourceNetworks.forEach((network, at) => readNetwork(network) ?? wrong(`sourceNetworks.${at}`, text("check.network", { network })));
  if (numbers.countryCode !== null && !/^[1-9]\d{0,2}$/.test(numbers.countryCode)) wrong("numbers.countryCode", text("check.countryCode"));
  if (numbers.internationalPrefix !== null && !/^\d{1,5}$/.test(numbers.internationalPrefix)) wrong("numbers.internationalPrefix", text("check.internationalPrefix"));
  if (numbers.nationalPrefix !== null && !/^\d{1,3}$/.test(numbers.nationalPrefix)) wrong("numbers.nationalPrefix", text("check.nationalPrefix"));
  numbers.rewrites.forEach(({ match }, at) => match === "" && wrong(`numbers.rewrites.${at}.match`, text("check.expression")));
  settings.matching.forEach((rule, at) => {
    if (rule.by === "extension" && !(Number.isInteger(rule.digits) && rule.digits >= 3 && rule.digits <= 15)) wrong(`matching.${at}.digits`, text("check.digits"));
    if (rule.by === "pattern" && rule.match === "") wrong(`matching.${at}.match`, text("check.expression"));
    if (rule.by === "pattern" && rule.match !== "" && rule.address === "") wrong(`matching.${at}.address`, text("check.result"));
  });
  return mistakes;
}

export function checkPerson(settings: PersonSettings, text: Text): Mistakes {
  const mistakes: Mistake[] = [];
  const wrong = (where: string, message: string) => void mistakes.push({ where, message });
  if (settings.displayName.trim() === "") wrong("displayName", text("check.displayName"));
  if (!/^[^@\s]+@[^@\s]+$/.test(settings.upn)) wrong("upn", text("check.upn"));
  settings.addresses.forEach((address, at) => {
    // Separators within a number are the server's to take out.
    const isNumber = /^(tel:)?\+?[0-9().\-/]{3,20}$/i.test(address);
    if (!isNumber && !/^(sips?:)?[^@\s]+@[^@\s]+$/i.test(address)) wrong(`addresses.${at}`, text("check.address", { address }));
  });
  settings.extensions.forEach((extension, at) => /^\d{3,15}$/.test(extension) || wrong(`extensions.${at}`, text("check.extension", { extension })));
  return mistakes;
}

export function checkAccessProfile(settings: AccessProfileSettings, text: Text): Mistakes {
  const mistakes: Mistake[] = [];
  const wrong = (where: string, message: string) => void mistakes.push({ where, message });
  if (settings.name.trim() === "") wrong("name", text("check.profileName"));
  if (roles.some((role) => role.toLowerCase() === settings.name.trim().toLowerCase())) wrong("name", text("check.roleName"));
  if (settings.level === "groups" && settings.ofGroupIds.length === 0) wrong("ofGroupIds", text("check.ofGroups"));
  return mistakes;
}
