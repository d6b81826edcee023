/** A CSV of people becomes the directory: all of it or nothing. */
import { setImmediate as breathe } from "node:timers/promises";
import type { ImportResult, Person, PersonSettings, Role } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { appendMany, appendOnce } from "#evidence";
import { newUuid } from "#ids";
import { withTenant } from "#db";
import { accessFieldThatDiffers, groupsGivingAccess } from "./access-groups.ts";
import { changing, evidenceOf, type Act, type PeopleOptions } from "./act.ts";
import { followsDirectory, fromDirectory } from "./directory-group-guard.ts";
import { createGroups, groupNameMistake } from "./group-store.ts";
import { readCsv, type Column, type CsvMistake, type CsvRow, type CsvTable } from "./people-csv.ts";
import { chunks, readPeople, writePeople } from "./person-rows.ts";
import { checkPersonSettings, personChange } from "./person-settings.ts";

const mostTold = 200;
const rowsAtATime = 200;
const mostNewGroups = 500;

interface Planned {
  readonly row: CsvRow;
  readonly before: Person | null;
  readonly after: Person;
}

interface Plan {
  readonly people: readonly Planned[];
  readonly unchanged: number;
  readonly newGroups: readonly { readonly id: string; readonly name: string }[];
  readonly mistakes: readonly CsvMistake[];
}

export type ImportPeople = (act: Act, file: Buffer, apply: boolean) => Promise<ImportResult>;

export function createImport(options: PeopleOptions): ImportPeople {
  let isRunning = false;

  async function run(act: Act, file: Buffer, apply: boolean): Promise<ImportResult> {
    const { table, mistakes } = await readCsv(file);
    if (mistakes.length > 0) return resultOf({ people: [], unchanged: 0, newGroups: [], mistakes }, false);
    if (!apply) {
      // Its mistakes tell whose an address is: trying a file is looking people up.
      const trial = await withTenant(options.db, act.tenantId, async (tx) => {
        await appendOnce(tx, evidenceOf(options, act, "Search", "User", null, { with: "a file to import" }));
        return await plan(tx, act, table);
      });
      return resultOf(trial, false);
    }
    // Looked at first without keeping anybody waiting, and again when nothing can change any more.
    const first = await withTenant(options.db, act.tenantId, (tx) => plan(tx, act, table));
    if (first.mistakes.length > 0 || (first.people.length === 0 && first.newGroups.length === 0)) return resultOf(first, first.mistakes.length === 0);
    return await changing(options, act, async (tx) => {
      const last = await plan(tx, act, table);
      if (last.mistakes.length > 0) return resultOf(last, false);
      await write(tx, act, last);
      return resultOf(last, true);
    });
  }

  async function write(tx: TenantTransaction, act: Act, { people, newGroups, unchanged }: Plan): Promise<void> {
    await createGroups(tx, newGroups);
    const isNew = new Set(people.filter(({ before }) => before === null).map(({ after }) => after.id));
    // A UPN may go from one person of the file to another; an address as well.
    await writePeople(tx, people.map(({ after }) => after), (id) => isNew.has(id));
    await appendMany(tx, [evidenceOf(options, act, "Import", "User", null, { created: isNew.size, changed: people.length - isNew.size, unchanged, newGroups: newGroups.map(({ name }) => name) })]);
    await appendMany(tx, newGroups.map(({ id, name }) => evidenceOf(options, act, "Add", "Group", id, { name, change: { name: { from: null, to: name } } })));
    for (const some of chunks(people)) {
      await appendMany(tx, some.map(({ before, after }) => evidenceOf(options, act, before === null ? "Add" : "Modify", "User", after.id, { name: after.settings.displayName, change: personChange(before?.settings ?? null, after.settings) })));
      await breathe();
    }
  }

  return async (act, file, apply) => {
    if (isRunning) throw new Refusal("IMPORT_RUNNING", 409, "Another import is running; try again when it is done.");
    isRunning = true;
    try {
      return await run(act, file, apply);
    } finally {
      isRunning = false;
    }
  };
}

function resultOf({ people, unchanged, newGroups, mistakes }: Plan, applied: boolean): ImportResult {
  const created = people.filter(({ before }) => before === null).length;
  return {
    applied,
    created,
    changed: people.length - created,
    unchanged,
    newGroups: newGroups.map(({ name }) => name),
    mistakes: mistakes.toSorted((a, b) => a.line - b.line).slice(0, mostTold),
  };
}

async function plan(tx: TenantTransaction, act: Act, table: CsvTable): Promise<Plan> {
  const all = await readPeople(tx, null);
  const groups = await tx.selectFrom("people_groups").select(["group_id", "name"]).execute();
  const following = new Map((await fromDirectory(tx, groups.map(({ group_id }) => group_id))).map(({ id, name }) => [id, name]));
  const byUpn = new Map(all.map((person) => [person.settings.upn.toLowerCase(), person]));
  const groupIds = new Map(groups.map(({ group_id, name }) => [name.toLowerCase(), group_id]));
  const giving = await groupsGivingAccess(tx);
  const newGroups: { id: string; name: string }[] = [];
  const mistakes: CsvMistake[] = [];
  const planned: Planned[] = [];
  const lineOfUpn = new Map<string, number>();
  let unchanged = 0;

  function groupIdOf(name: string, wrong: (column: Column, message: string) => void): string | null {
    const known = groupIds.get(name.toLowerCase());
    if (known !== undefined) return known;
    const mistake = groupNameMistake(name);
    if (mistake !== null || newGroups.length >= mostNewGroups) {
      wrong("groups", mistake === null ? `There are more than ${mostNewGroups} groups that do not exist yet; make them first` : `“${name.slice(0, 100)}” ${mistake}`);
      return null;
    }
    const group = { id: newUuid(), name };
    newGroups.push(group);
    groupIds.set(name.toLowerCase(), group.id);
    return group.id;
  }

  for (const [at, row] of table.rows.entries()) {
    if (at % rowsAtATime === 0) await breathe();
    if (mistakes.length >= mostTold) break;
    const wrong = (column: Column | null, message: string): void => void mistakes.push({ line: row.line, column, message });
    const upn = row.fields.upn ?? "";
    if (!/^[^@\s]+@[^@\s]+$/.test(upn) || upn.length > 320) {
      wrong("upn", upn === "" ? "The UPN is missing" : `“${upn.slice(0, 100)}” is no UPN such as name@contoso.example`);
      continue;
    }
    const twin = lineOfUpn.get(upn.toLowerCase());
    if (twin !== undefined) {
      wrong("upn", `${upn} stands in line ${twin} already`);
      continue;
    }
    lineOfUpn.set(upn.toLowerCase(), row.line);
    const before = byUpn.get(upn.toLowerCase()) ?? null;
    const wanted = settingsOf(row, before, wrong, groupIdOf);
    const { settings, mistakes: own } = checkPersonSettings(wanted);
    for (const { where, message } of own) wrong(columnOf(where), message);
    refuseLengths(settings, wrong);
    const had = before?.settings.groupIds ?? [];
    for (const [id, name] of following) if (settings.groupIds.includes(id) !== had.includes(id)) wrong("groups", followsDirectory(name));
    const field = await accessFieldThatDiffers(tx, before?.settings ?? null, settings, giving);
    if (field !== null && !act.mayGiveAccess) wrong(columnOf(field), "Saying what people may see needs the permission access.manage");
    else if (field === "role" && act.by.kind === "person" && act.by.id === before?.id) wrong("role", "You cannot change your own role");
    if (before !== null && JSON.stringify(before.settings) === JSON.stringify(settings)) unchanged += 1;
    else planned.push({ row, before, after: { id: before?.id ?? newUuid(), settings } });
  }
  await findTwiceOwned(all, planned, mistakes);
  return { people: planned, unchanged, newGroups, mistakes };
}

function settingsOf(row: CsvRow, before: Person | null, wrong: (column: Column, message: string) => void, groupIdOf: (name: string, wrong: (column: Column, message: string) => void) => string | null): PersonSettings {
  const { fields } = row;
  const was = before?.settings;
  const groupIdsOf = (names: string): string[] => names.split("|").flatMap((name) => (name.trim() === "" ? [] : (groupIdOf(name.trim(), wrong) ?? [])));
  const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
  const displayName = fields.displayName ?? was?.displayName ?? "";
  if (fields.displayName === undefined && was === undefined) wrong("displayName", "The person is new, and has no name: the column is missing");
  const recorded = fields.recorded === undefined || fields.recorded === "" ? (was?.recorded ?? true) : readBoolean(fields.recorded);
  if (recorded === null) wrong("recorded", `“${fields.recorded!.slice(0, 100)}” is neither true nor false`);
  const extensions = fields.extensions === undefined ? (was?.extensions ?? []) : words(fields.extensions);
  for (const extension of extensions) if (!/^[0-9]{3,15}$/.test(extension)) wrong("extensions", `“${extension.slice(0, 100)}” is no extension: it should be 3 to 15 digits`);
  return {
    displayName: displayName === "" && fields.displayName === undefined ? "?" : displayName,
    upn: fields.upn!,
    givenName: fields.givenName === undefined ? (was?.givenName ?? null) : fields.givenName || null,
    familyName: fields.familyName === undefined ? (was?.familyName ?? null) : fields.familyName || null,
    role: (fields.role === undefined ? (was?.role ?? "User") : fields.role || "User") as Role, // what it may be is checked with the rest
    recorded: recorded ?? true,
    addresses: fields.addresses === undefined ? (was?.addresses ?? []) : words(fields.addresses),
    extensions,
    groupIds: fields.groups === undefined ? (was?.groupIds ?? []) : groupIdsOf(fields.groups),
    managedGroupIds: fields.managedGroups === undefined ? (was?.managedGroupIds ?? []) : groupIdsOf(fields.managedGroups),
  };
}

function readBoolean(text: string): boolean | null {
  if (/^(true|yes|1)$/i.test(text)) return true;
  return /^(false|no|0)$/i.test(text) ? false : null;
}

function columnOf(where: string): Column | null {
  const [field = ""] = where.split(".");
  if (field === "groupIds") return "groups";
  if (field === "managedGroupIds") return "managedGroups";
  return (["upn", "displayName", "givenName", "familyName", "role", "recorded", "addresses", "extensions"] as const).find((column) => column === field) ?? null;
}

/** The same bounds that the form has. */
function refuseLengths(settings: PersonSettings, wrong: (column: Column, message: string) => void): void {
  for (const column of ["displayName", "givenName", "familyName"] as const) {
    const text = settings[column] ?? "";
    if (text.length > 200) wrong(column, "The name is longer than 200 characters");
    else if (/\p{Cc}/u.test(text)) wrong(column, "The name holds a line break or another control character");
  }
  if (settings.addresses.length > 50) wrong("addresses", "A person may have 50 addresses");
  if (settings.extensions.length > 50) wrong("extensions", "A person may have 50 extensions");
  if (settings.groupIds.length > 200) wrong("groups", "A person may be in 200 groups");
  if (settings.managedGroupIds.length > 200) wrong("managedGroups", "A person may manage 200 groups");
}

/** Each address and each extension belongs to one person, when everything is as the file wants it. */
async function findTwiceOwned(all: readonly Person[], planned: readonly Planned[], mistakes: CsvMistake[]): Promise<void> {
  const changing = new Set(planned.map(({ after }) => after.id));
  const owners = new Map<string, string>();
  const keysOf = ({ addresses, extensions }: PersonSettings) => [...addresses.map((text) => ({ column: "addresses" as const, text })), ...extensions.map((text) => ({ column: "extensions" as const, text }))];
  for (const { id, settings } of all) {
    if (!changing.has(id)) for (const { column, text } of keysOf(settings)) owners.set(`${column} ${text}`, settings.displayName);
  }
  for (const [at, { row, after }] of planned.entries()) {
    if (at % rowsAtATime === 0) await breathe();
    for (const { column, text } of keysOf(after.settings)) {
      const owner = owners.get(`${column} ${text}`);
      if (owner !== undefined && mistakes.length < 2 * mostTold) mistakes.push({ line: row.line, column, message: `${text} is ${column === "addresses" ? "an address" : "an extension"} of ${owner} already` });
      owners.set(`${column} ${text}`, after.settings.displayName);
    }
  }
}
