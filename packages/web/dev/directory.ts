/** People and groups of the invented tenant, kept by the mock while it runs. */
import type { Group, ImportResult, Person, PersonSettings } from "@earwitness/contract";
import { createRandom } from "./calls.ts";
import { Refused, type Mistake } from "./refused.ts";

const given = ["Adele", "Alex", "Diego", "Grady", "Henrietta", "Isaiah", "Johanna", "Lynne", "Megan", "Nestor", "Patti", "Pradeep", "Zoë", "Łukasz", "Ngozi", "Tomás"];
const family = ["Vance", "Wilber", "Siciliani", "Archie", "Mueller-Schwarzenberg", "Langer", "Lorenz", "Robbins", "Bowen", "Wilke", "Fernandez", "Gupta", "Okoro"];

export const groups = new Map<string, string>(
  ["Sales Europe", "Trading floor Frankfurt", "Compliance", "Vertriebsunterstützung und Kundenbetreuung Süddeutschland", "Night desk"].map((name) => [crypto.randomUUID(), name]),
);

const random = createRandom(75);
const groupIds = [...groups.keys()];
export const people = new Map<string, PersonSettings>();
for (let n = 0; n < given.length * family.length; n++) {
  const [first, last] = [given[n % given.length] ?? "", family[Math.floor(n / given.length)] ?? ""];
  const user = `${first}.${last}`.normalize("NFD").replaceAll(/[^A-Za-z.-]/g, "").toLowerCase();
  people.set(crypto.randomUUID(), {
    displayName: `${first} ${last}`,
    upn: `${user}@contoso.example`,
    givenName: first,
    familyName: last,
    role: n % 41 === 0 ? "Admin" : n % 3 === 0 ? "User Self View" : "User",
    recorded: random() < 0.8,
    addresses: n % 5 === 4 ? [] : [`+4930555${String(1000 + n)}`, ...(n % 7 === 0 ? [`sip:${user}@contoso.example`] : [])],
    extensions: n % 5 === 4 ? [] : [String(1000 + n)],
    groupIds: groupIds.filter((_, at) => at !== 4 && (n + at) % 4 === 0),
  });
}

export const personOf = (id: string): Person => {
  const settings = people.get(id);
  if (!settings) throw new Refused(404, "PERSON_NOT_FOUND", "There is no such person.");
  return { id, settings };
};

export function listPeople(q: string, after: number, limit: number): { people: Person[]; next: string | null; total: number } {
  const wanted = q.toLowerCase();
  const all = [...people]
    .map(([id, settings]) => ({ id, settings }))
    .filter(({ settings: of }) => [of.displayName, of.upn, ...of.addresses, ...of.extensions].some((one) => one.toLowerCase().includes(wanted)))
    .toSorted((one, other) => one.settings.displayName.localeCompare(other.settings.displayName));
  return { people: all.slice(after, after + limit), next: after + limit < all.length ? String(after + limit) : null, total: all.length };
}

export const listGroups = (): Group[] =>
  [...groups].map(([id, name]) => ({ id, settings: { name }, people: [...people.values()].filter((one) => one.groupIds.includes(id)).length })).toSorted((one, other) => one.settings.name.localeCompare(other.settings.name));

export function checkPerson(settings: PersonSettings, id: string | null): void {
  const mistakes: Mistake[] = [];
  const wrong = (where: string, message: string) => void mistakes.push({ where: `body.${where}`, message });
  if (settings.displayName.trim() === "") wrong("displayName", "is empty");
  if (!/^[^@\s]+@[^@\s]+$/.test(settings.upn)) wrong("upn", `“${settings.upn}” is no UPN such as name@contoso.example`);
  settings.addresses.forEach((one, at) => /^\+\d{3,15}$|^sip:[^@\s]+@[^@\s]+$/.test(one) || wrong(`addresses.${at}`, `“${one}” is no address such as sip:name@host or +4930123456`));
  settings.extensions.forEach((one, at) => /^\d{3,15}$/.test(one) || wrong(`extensions.${at}`, `“${one}” is no extension: 3 to 15 digits`));
  for (const [other, of] of people) {
    if (other === id) continue;
    if (of.upn.toLowerCase() === settings.upn.toLowerCase()) wrong("upn", `is the UPN of ${of.displayName} already`);
    settings.extensions.forEach((one, at) => of.extensions.includes(one) && wrong(`extensions.${at}`, `${one} is an extension of ${of.displayName} already`));
    settings.addresses.forEach((one, at) => of.addresses.includes(one) && wrong(`addresses.${at}`, `${one} is an address of ${of.displayName} already`));
  }
  if (mistakes.length > 0) throw new Refused(400, "VALIDATION", "The person is not well-formed.", mistakes);
}

/** Enough of an import to look at: no quotation marks, but every column, its mistakes and its counts. */
export function importPeople(csv: string, apply: boolean): ImportResult {
  const [head = "", ...lines] = csv.replace(/^\ufeff/, "").split(/\r?\n/);
  const mark = head.includes(";") ? ";" : ",";
  const header = head.split(mark).map((name) => name.trim());
  const result: ImportResult = { applied: false, created: 0, changed: 0, unchanged: 0, newGroups: [], mistakes: [] };
  if (!header.includes("upn")) result.mistakes.push({ line: 1, column: "upn", message: "The column is missing; people are known by it" });
  const known = new Map([...people].map(([id, of]) => [of.upn.toLowerCase(), id]));
  const plan: [string, PersonSettings][] = [];
  lines.forEach((line, at) => {
    if (line.trim() === "") return;
    const fields = Object.fromEntries(line.split(mark).map((field, column) => [header[column] ?? "", field.trim()]));
    const wrong = (column: string, message: string) => void result.mistakes.push({ line: at + 2, column, message });
    const upn = fields["upn"] ?? "";
    if (!/^[^@\s]+@[^@\s]+$/.test(upn)) wrong("upn", upn === "" ? "The UPN is missing" : `“${upn}” is no UPN such as name@contoso.example`);
    const extensions = (fields["extensions"] ?? "").split(" ").filter(Boolean);
    for (const one of extensions) if (!/^\d{3,15}$/.test(one)) wrong("extensions", `“${one}” is no extension: 3 to 15 digits`);
    const id = known.get(upn.toLowerCase());
    const before = id === undefined ? undefined : people.get(id);
    const wanted = (fields["groups"] ?? "").split("|").filter(Boolean);
    for (const name of wanted) if (![...groups.values(), ...result.newGroups].includes(name)) result.newGroups.push(name);
    const after: PersonSettings = { displayName: fields["displayName"] || upn, upn, givenName: null, familyName: null, role: "User", addresses: [], groupIds: [], managedGroupIds: [], ...before, recorded: fields["recorded"] !== "false", extensions };
    if (before === undefined) result.created++;
    else if (JSON.stringify(before) === JSON.stringify(after)) result.unchanged++;
    else result.changed++;
    plan.push([id ?? crypto.randomUUID(), after]);
  });
  if (!apply || result.mistakes.length > 0) return result;
  for (const name of result.newGroups) groups.set(crypto.randomUUID(), name);
  for (const [id, settings] of plan) people.set(id, settings);
  return { ...result, applied: true };
}
