import { Type, type Static } from "typebox";

/*
 * The tenant's Microsoft 365 directory: how it is reached, which of its groups are ours too, and what became of each run.
 */

const closed = { additionalProperties: false };
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) => Type.Union([schema, Type.Null()], { description });
const moment = Type.String({ format: "date-time" });

const settings = {
  clientId: Type.String({ format: "uuid", description: "Application (client) id of the app registration." }),
  recordsNew: Type.Boolean({ description: "Whether the calls of people who come with the directory are recorded." }),
  secretExpiresOn: orNull(Type.String({ format: "date" }), "The day on which the client secret expires, as Microsoft says where it is made; null: not known."),
};
export const DirectorySettings = Type.Object(settings, { ...closed, title: "DirectorySettings" });
export type DirectorySettings = Static<typeof DirectorySettings>;

const clientSecret = Type.String({ minLength: 1, maxLength: 500, pattern: "^[!-~]+$", description: "The secret's value, not its id. It is never shown again." });
export const NewDirectorySettings = Type.Object({ ...settings, clientSecret: Type.Optional(clientSecret) }, { ...closed, title: "NewDirectorySettings" });
export type NewDirectorySettings = Static<typeof NewDirectorySettings>;

export const DirectoryCredentials = Type.Object({ clientId: settings.clientId, clientSecret: Type.Optional(clientSecret) }, { ...closed, title: "DirectoryCredentials" });
export type DirectoryCredentials = Static<typeof DirectoryCredentials>;

/** What was tried, and what came of it. */
export const DirectoryTrial = Type.Object(
  { ok: Type.Boolean(), steps: Type.Array(Type.Object({ what: Type.String(), ok: Type.Boolean(), message: Type.String({ description: "What Microsoft answered, in words." }) })) },
  { title: "DirectoryTrial" },
);
export type DirectoryTrial = Static<typeof DirectoryTrial>;

const count = (description: string) => Type.Integer({ description });
export const DirectoryRunReport = Type.Object(
  {
    everything: Type.Boolean({ description: "false: only what changed since the run before was read." }),
    resumed: Type.Boolean({ description: "It went on where an earlier one was stopped." }),
    people: Type.Object({ added: count("New."), changed: count("Have another name or UPN, or came by form and follow the directory from now on."), removed: count("In the directory no more."), restored: count("Had been removed, and are back."), problems: count("Users who could not become people, and what could not be done.") }),
    groups: Type.Object({ read: count("Groups that are read: the chosen ones and those in them."), came: count("How often somebody came into a group."), went: count("How often somebody went out of one.") }),
    noticed: Type.Array(Type.String(), { description: "What somebody should know, in words; the first hundred." }),
    requests: count("Questions to Microsoft."),
    repeated: count("Of these, such as were asked again."),
    waitedMs: count("Time waited because we were told to, or because of a failure."),
  },
  { title: "DirectoryRunReport" },
);
export type DirectoryRunReport = Static<typeof DirectoryRunReport>;

export const DirectoryRun = Type.Object(
  {
    id: Type.String({ format: "uuid" }),
    kind: Type.Enum(["everything", "changes"]),
    cause: Type.Enum(["nightly", "asked", "watch"], { description: "`watch`: the look every few minutes; one that found nothing leaves no run." }),
    state: Type.Enum(["waiting", "running", "done", "failed"]),
    askedBy: Type.String(),
    askedAt: moment,
    begunAt: orNull(moment, "Null: it waits."),
    endedAt: orNull(moment, "Null: it has not ended."),
    report: orNull(DirectoryRunReport, "What it did; null where it did not come to its end."),
    error: orNull(Type.String(), "Why it failed, in words."),
    repeated: Type.Integer({ description: "So many runs in turn failed like this." }),
  },
  { title: "DirectoryRun" },
);
export type DirectoryRun = Static<typeof DirectoryRun>;

export const DirectoryRunPage = Type.Object({ runs: Type.Array(DirectoryRun) }, { title: "DirectoryRunPage" });
export type DirectoryRunPage = Static<typeof DirectoryRunPage>;

export const ChosenDirectoryGroup = Type.Object(
  { objectId: Type.String({ format: "uuid" }), groupId: Type.String({ format: "uuid" }), name: Type.String(), people: count("How many are in it here."), missingSince: orNull(moment, "When it was found to be in the directory no more; its people stay until it is chosen no more."), waits: Type.Boolean({ description: "Who is in it comes with the next run." }) },
  { title: "ChosenDirectoryGroup" },
);
export type ChosenDirectoryGroup = Static<typeof ChosenDirectoryGroup>;

export const Replication = Type.Object(
  {
    m365TenantId: orNull(Type.String(), "The Microsoft 365 tenant; null: the tenant was made without one."),
    graph: Type.String({ description: "Host of the Microsoft Graph that is asked." }),
    settings: orNull(DirectorySettings, "Null: it is not connected."),
    secretSetAt: orNull(moment, "When the client secret was given."),
    lookedAt: orNull(moment, "When the last look ended, however it did."),
    groups: Type.Array(ChosenDirectoryGroup),
    people: count("People who follow the directory."),
    last: orNull(DirectoryRun, "The newest run."),
    lastWhole: orNull(DirectoryRun, "The newest that read everything and came to its end."),
  },
  { title: "Replication" },
);
export type Replication = Static<typeof Replication>;

export const DirectoryGroupChoice = Type.Object({ objectIds: Type.Array(Type.String({ format: "uuid" }), { maxItems: 1_000, uniqueItems: true }) }, { ...closed, title: "DirectoryGroupChoice" });
export type DirectoryGroupChoice = Static<typeof DirectoryGroupChoice>;

export const DirectoryGroupsFound = Type.Object(
  { groups: Type.Array(Type.Object({ objectId: Type.String({ format: "uuid" }), name: Type.String(), mail: orNull(Type.String(), "Null: it has no mailbox.") })) },
  { title: "DirectoryGroupsFound" },
);
export type DirectoryGroupsFound = Static<typeof DirectoryGroupsFound>;
