import type { NumberRules, PersonMatch, TrunkSettings } from "@earwitness/contract";
import { readCertificates } from "./certificate.ts";
import { expand, missingGroups, readExpression, type Expression } from "./expression.ts";
import { readNetwork } from "./network.ts";
import { unstorableTexts } from "./storable-text.ts";

export interface SettingsMistake {
  /** `sourceNetworks.1`, `numbers.rewrites.0.match`. */
  readonly where: string;
  readonly message: string;
}

export const plainNumbers: NumberRules = { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] };
export const plainMatching: readonly PersonMatch[] = [{ by: "address" }, { by: "number" }];

/** Settings of a trunk of which nothing but this is said. */
export function newTrunk(name: string, sourceNetworks: readonly string[]): TrunkSettings {
  return { name, enabled: true, sourceNetworks: [...sourceNetworks], transport: "any", media: "any", certificates: [], personDomains: [], numbers: plainNumbers, matching: [...plainMatching], unknown: "ignore" };
}

/** All expressions of a trunk together: what one participant may cost while a call is being answered, 15 ms for the worst ones. */
const mostInstructions = 600;
const mostCertificates = 20;

/** What the form of the settings does not say of them: every mistake at once, and the settings in one spelling. */
export function checkTrunkSettings(settings: TrunkSettings): { readonly settings: TrunkSettings; readonly mistakes: readonly SettingsMistake[] } {
  const mistakes: SettingsMistake[] = [];
  const wrong = (where: string, message: string): void => void mistakes.push({ where, message });

  for (const { where, message } of unstorableTexts(settings)) wrong(where, message);
  if (settings.name.trim() === "") wrong("name", "is empty");

  const networks = settings.sourceNetworks.flatMap((text, at) => {
    const read = readNetwork(text);
    if (!read.ok) wrong(`sourceNetworks.${at}`, read.message);
    return read.ok ? [read.network] : [];
  });

  const certificates = settings.certificates.flatMap((text, at) => {
    const read = readCertificates(text);
    if (!read.ok) wrong(`certificates.${at}`, read.message);
    return read.ok ? read.certificates : [];
  });
  if (certificates.length > mostCertificates) wrong("certificates", `are ${certificates.length}; a trunk may have ${mostCertificates}`);

  const domains = settings.personDomains.map((text, at) => {
    const domain = text.trim().toLowerCase().replace(/^@/, "");
    if (!/^[^@\s]+$/.test(domain)) wrong(`personDomains.${at}`, `“${text}” is no domain such as contoso.example`);
    return domain;
  });

  let instructions = 0;
  function check(where: string, match: string, templateWhere: string, template: string): void {
    const read = readExpression(match);
    if (!read.ok) return wrong(where, read.message);
    instructions += read.expression.instructions;
    for (const group of missingGroups(template, read.expression)) wrong(templateWhere, `names $${group}, but the expression has ${groupsOf(read.expression)}`);
  }
  settings.numbers.rewrites.forEach(({ match, replace }, at) => check(`numbers.rewrites.${at}.match`, match, `numbers.rewrites.${at}.replace`, replace));
  settings.matching.forEach((rule, at) => {
    if (rule.by !== "pattern") return;
    check(`matching.${at}.match`, rule.match, `matching.${at}.address`, rule.address);
    if (expand(rule.address, []).trim() === "" && !/\$\d/.test(rule.address)) wrong(`matching.${at}.address`, "is empty");
  });
  if (instructions > mostInstructions) wrong("numbers.rewrites", `and the patterns are too large together: ${instructions} steps, at most ${mostInstructions} are allowed. Use fewer or shorter expressions`);

  return {
    mistakes,
    settings: { ...settings, name: settings.name.trim(), sourceNetworks: [...new Set(networks)].sort(), certificates: [...new Set(certificates)], personDomains: [...new Set(domains)].sort() },
  };
}

const groupsOf = ({ groups }: Expression): string => (groups === 0 ? "no groups" : groups === 1 ? "one group" : `${groups} groups`);
