import { Type, type Static } from "typebox";

/*
 * Who may do what, and of whose calls: roles that are the same everywhere, and access profiles that a tenant makes and maps to groups
 * (ACC, USR-01 to USR-08). What somebody has is all of it together (ACC-14).
 */

const closed = { additionalProperties: false };
const uuid = (description: string) => Type.String({ format: "uuid", description });
const line = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001f\\u007f]*$", description });

interface PermissionWords {
  /** As the form calls it. */
  readonly label: string;
  /** `call`: of calls that the level lets somebody see; the others hold for the tenant. */
  readonly about: "call" | "profiles" | "system";
}

/** Everything that a form may give (ACC-03, ACC-05, ACC-09), and beyond it. That somebody sees calls at all is the level's. */
export const permissionWords = {
  "recording.listen": { label: "Play Media Related to a Call", about: "call" },
  "recording.download": { label: "Download Media Related to a Call", about: "call" },
  "interaction.tag": { label: "Tag Calls", about: "call" },
  "interaction.note": { label: "Add Notes", about: "call" },
  "note.delete_any": { label: "Delete Notes of Other Users", about: "call" },
  "interaction.delete": { label: "Delete Calls", about: "call" },
  "interaction.export": { label: "Export Lists of Calls", about: "call" },
  "evidence.export": { label: "Export Evidence Bundles", about: "call" },
  "recording_profile.manage": { label: "Create and Modify Recording Profiles", about: "profiles" },
  "access.manage": { label: "Create and Modify Access Profiles", about: "profiles" },
  "tag.manage": { label: "Create and Modify Tags", about: "profiles" },
  "tenant.manage": { label: "Configure System", about: "system" },
  "audit.read": { label: "Audit Trail Access/Export", about: "system" },
  "evidence.read": { label: "See the Signed Log and its Proofs", about: "system" },
  "metrics.read": { label: "Read Metrics", about: "system" },
} as const satisfies Record<string, PermissionWords>;

export type GivenPermission = keyof typeof permissionWords;
export const givenPermissions = Object.keys(permissionWords) as GivenPermission[];
/** What a form gives, and what follows from a level: `interaction.list`, rows and details of the calls that it lets somebody see. */
export type Permission = GivenPermission | "interaction.list";
export const permissions: readonly Permission[] = ["interaction.list", ...givenPermissions];

/** Call permission level (ACC-02). */
export const levels = { none: "No Call Access", own: "Access User's Own Calls", groups: "Access User's Own and Group Calls", all: "Access All Calls" } as const;
export type Level = keyof typeof levels;
export const levelNames = ["none", "own", "groups", "all"] as const satisfies readonly Level[];

export const roles = ["Admin", "Supervisor", "User Self View", "User", "API User"] as const;
export type Role = (typeof roles)[number];


export const RoleInfo = Type.Object(
  {
    name: Type.Enum(roles, { description: "One for each person (USR-07)." }),
    about: Type.String(),
    level: Type.Enum(levelNames, { description: "`groups`: own calls, and those of the groups that the person manages." }),
    permissions: Type.Array(Type.String()),
    portal: Type.Boolean({ description: "Whether it lets somebody into the portal by itself." }),
  },
  { title: "RoleInfo", description: "The same in every tenant; nobody can change one (USR-01)." },
);
export type RoleInfo = Static<typeof RoleInfo>;
export const RolePage = Type.Object({ roles: Type.Array(RoleInfo) }, { title: "RolePage" });
export type RolePage = Static<typeof RolePage>;

export const AccessProfileSettings = Type.Object(
  {
    name: line(100, "Unique in the tenant, and no role's."),
    description: Type.String({ maxLength: 500, description: "What it is for; may be empty." }),
    level: Type.Enum(levelNames, { description: "Whose calls: none, one's own, one's own and those of the people in `ofGroupIds`, or all of the tenant." }),
    ofGroupIds: Type.Array(uuid("A group."), { maxItems: 500, description: "Select Groups: whose members' calls. Only with the level `groups`, and then at least one." }),
    permissions: Type.Array(Type.Enum(givenPermissions, { description: "What may be done." }), { maxItems: givenPermissions.length, description: "Actions on calls need a level other than `none`." }),
    groupIds: Type.Array(uuid("A group."), { maxItems: 500, description: "Groups Mapping: whose members have this profile." }),
  },
  { ...closed, title: "AccessProfileSettings" },
);
export type AccessProfileSettings = Static<typeof AccessProfileSettings>;

export const AccessProfile = Type.Object(
  { id: uuid("Of the profile."), settings: AccessProfileSettings, people: Type.Integer({ description: "Who have it: by a group, or by a grant that holds now." }) },
  { title: "AccessProfile" },
);
export type AccessProfile = Static<typeof AccessProfile>;

const Named = Type.Object({ id: uuid("Of the person."), name: Type.String(), upn: Type.String() });
export const AccessProfilePage = Type.Object(
  { profiles: Type.Array(AccessProfile), administrators: Type.Array(Named, { description: "Who have the role Admin: full access, not through any profile (ACC-17, ACC-18)." }) },
  { title: "AccessProfilePage" },
);
export type AccessProfilePage = Static<typeof AccessProfilePage>;

/** What the form offers as one types. */
export const AccessChoices = Type.Object(
  {
    groups: Type.Array(Type.Object({ id: uuid("Of the group."), name: Type.String(), people: Type.Integer({ description: "How many are in it." }) }), { description: "All of the tenant's, by name." }),
    people: Type.Array(Named, { description: "Who fit `q`, by name; at most 20." }),
  },
  { title: "AccessChoices" },
);
export type AccessChoices = Static<typeof AccessChoices>;

/** One person has one profile for a time, such as an auditor from outside. */
export const AccessGrantSettings = Type.Object(
  {
    personId: uuid("Who gets it."),
    profileId: uuid("The access profile."),
    until: Type.String({ format: "date-time", description: "From then on it is as if it had never been; at most a year ahead." }),
    reason: line(500, "Why; it stands in the audit trail."),
  },
  { ...closed, title: "AccessGrantSettings" },
);
export type AccessGrantSettings = Static<typeof AccessGrantSettings>;

export const AccessGrant = Type.Object(
  {
    id: uuid("Of the grant."),
    settings: AccessGrantSettings,
    personName: Type.String(),
    profileName: Type.String(),
    grantedAt: Type.String({ format: "date-time" }),
    endedAt: Type.Union([Type.String({ format: "date-time" }), Type.Null()], { description: "Taken back before its time; null: not." }),
    holds: Type.Boolean({ description: "Whether it holds now." }),
  },
  { title: "AccessGrant" },
);
export type AccessGrant = Static<typeof AccessGrant>;
export const AccessGrantPage = Type.Object({ grants: Type.Array(AccessGrant) }, { title: "AccessGrantPage" });
export type AccessGrantPage = Static<typeof AccessGrantPage>;

/** Where a right comes from. */
export const AccessSource = Type.Object(
  {
    kind: Type.Enum(["role", "profile"]),
    id: Type.Union([uuid("Of the profile."), Type.Null()]),
    name: Type.String({ description: "Of the role or of the profile." }),
    groups: Type.Array(Type.String(), { description: "Through membership of these; empty for a role and where it was granted to the person." }),
    until: Type.Union([Type.String({ format: "date-time" }), Type.Null()], { description: "When a grant ends that it rests on alone." }),
    level: Type.Enum(levelNames),
    ofGroups: Type.Array(Type.String(), { description: "Names of the groups whose calls it lets see." }),
    permissions: Type.Array(Type.String()),
  },
  { title: "AccessSource" },
);
export type AccessSource = Static<typeof AccessSource>;

/** Why somebody may, or may not: everything that they have and where it is from; of one call, whether they see it and by what. */
export const AccessExplanation = Type.Object(
  {
    person: Named,
    sources: Type.Array(AccessSource),
    level: Type.Enum(levelNames, { description: "The widest." }),
    permissions: Type.Array(
      Type.Object({
        permission: Type.String(),
        allowed: Type.Boolean(),
        because: Type.Array(Type.String(), { description: "In words: each source that gives it, or what would." }),
      }),
    ),
    call: Type.Union(
      [
        Type.Null(),
        Type.Object({
          id: Type.String(),
          person: Type.Union([Type.String(), Type.Null()], { description: "Whose call it is." }),
          visible: Type.Boolean(),
          because: Type.Array(Type.String()),
        }),
      ],
      { description: "Null where no call was asked about." },
    ),
  },
  { title: "AccessExplanation" },
);
export type AccessExplanation = Static<typeof AccessExplanation>;
