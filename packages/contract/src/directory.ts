import { Type, type Static } from "typebox";
import { roles } from "./access.ts";

/*
 * People and groups of a tenant that has no Microsoft 365, or beside it: kept by form and by CSV.
 */

const closed = { additionalProperties: false };
const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001f\\u007f]*$", description });
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) => Type.Union([schema, Type.Null()], { description });

export const PersonSettings = Type.Object(
  {
    displayName: text(200, "As it stands in lists."),
    upn: Type.String({ pattern: "^[^@\\s\\u0000-\\u001f]+@[^@\\s\\u0000-\\u001f]+$", maxLength: 320, description: "User principal name, unique in the tenant; also how the person signs in." }),
    givenName: orNull(text(200, ""), "First name."),
    familyName: orNull(text(200, ""), "Last name."),
    role: Type.Enum(roles, { description: "What the person may do by themselves (USR-07); `User`: is recorded, and may see nothing (CON-07)." }),
    recorded: Type.Boolean({ description: "Whether the person's calls are recorded." }),
    addresses: Type.Array(text(500, "`sip:…`, `+…` or a number."), { maxItems: 50, description: "By which the person is known in calls. Each belongs to one person." }),
    extensions: Type.Array(Type.String({ pattern: "^[0-9]{3,15}$" }), { maxItems: 50, description: "Internal numbers, at least 3 digits (CAP-75)." }),
    groupIds: Type.Array(Type.String({ format: "uuid" }), { maxItems: 200, description: "Groups the person is in." }),
    managedGroupIds: Type.Array(Type.String({ format: "uuid" }), { maxItems: 200, description: "Groups whose calls a Supervisor sees (USR-13)." }),
  },
  { ...closed, title: "PersonSettings" },
);
export type PersonSettings = Static<typeof PersonSettings>;

export const Person = Type.Object({ id: Type.String({ format: "uuid" }), settings: PersonSettings }, { title: "Person" });
export type Person = Static<typeof Person>;

export const PersonPage = Type.Object(
  { people: Type.Array(Person), next: orNull(Type.String(), "Give it as `after` for the next page; null at the end."), total: Type.Integer({ description: "How many there are in all with this search." }) },
  { title: "PersonPage" },
);
export type PersonPage = Static<typeof PersonPage>;

export const GroupSettings = Type.Object({ name: text(200, "Unique in the tenant.") }, { ...closed, title: "GroupSettings" });
export type GroupSettings = Static<typeof GroupSettings>;

export const Group = Type.Object(
  {
    id: Type.String({ format: "uuid" }),
    settings: GroupSettings,
    people: Type.Integer({ description: "How many are in it." }),
    directory: orNull(
      Type.Object({ objectId: Type.String({ format: "uuid", description: "Its object in the Microsoft 365 directory." }), missingSince: orNull(Type.String({ format: "date-time" }), "When it was found to be there no more; its people stay as they were.") }),
      "Where it is a group of the directory: its name and its people follow that, and cannot be changed here. Null: a group of our own.",
    ),
  },
  { title: "Group" },
);
export type Group = Static<typeof Group>;

export const GroupPage = Type.Object({ groups: Type.Array(Group) }, { title: "GroupPage" });
export type GroupPage = Static<typeof GroupPage>;

/**
 * `POST /api/v1/people/import` with the CSV as `text/csv` (UTF-8, RFC 4180, comma or semicolon) and `?apply=false` (default: look first) or
 * `true`. Columns by header, in any order: `upn`, `displayName`, `givenName`, `familyName`, `role`, `recorded`, `addresses`,
 * `extensions`, `groups`, `managedGroups` (names; several in one field parted by a space for addresses and extensions, by `|` for both groups). All or nothing.
 */
export const ImportResult = Type.Object(
  {
    applied: Type.Boolean(),
    created: Type.Integer({ description: "People who are new." }),
    changed: Type.Integer({ description: "People who become something else." }),
    unchanged: Type.Integer({ description: "People who are so already." }),
    newGroups: Type.Array(Type.String()),
    mistakes: Type.Array(Type.Object({ line: Type.Integer({ description: "Line of the file, the header is 1." }), column: orNull(Type.String(), "Header of the column."), message: Type.String() }), {
      description: "Nothing is applied while there is one; the first 200.",
    }),
  },
  { title: "ImportResult" },
);
export type ImportResult = Static<typeof ImportResult>;
