import { Type, type Static } from "typebox";
import { allActions, items } from "./audit-words.ts";

export const actorKinds = ["person", "api_key", "machine", "job"] as const;
export type ActorKind = (typeof actorKinds)[number];

const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000]*$", description });
const orNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

export const AuditEntryId = Type.String({ pattern: "^[0-9a-z]{1,11}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description: "Names an entry; nothing else may be read into it." });

/** They combine with AND; several values of one filter with OR (MON-25). */
const filters = {
  from: Type.Optional(Type.String({ format: "date-time", description: "Written down at this moment or later." })),
  to: Type.Optional(Type.String({ format: "date-time", description: "Written down at this moment or earlier." })),
  name: Type.Optional(text(200, "Part of the name of who did it; case does not matter.")),
  action: Type.Optional(Type.Array(Type.Enum(allActions), { maxItems: allActions.length, description: "Only these actions; may be repeated." })),
  item: Type.Optional(Type.Array(Type.Enum(items), { maxItems: items.length, description: "Only these items; may be repeated." })),
  description: Type.Optional(text(200, "Part of the description; case does not matter.")),
  actor: Type.Optional(Type.Array(Type.Enum(actorKinds), { maxItems: actorKinds.length, description: "Done by people, API keys, machines or jobs; may be repeated." })),
  actorId: Type.Optional(text(200, "Done by exactly this person or key.")),
  provider: Type.Optional(Type.Boolean({ description: "true: only what the provider of the service did (MON-28)." })),
  subject: Type.Optional(text(300, "Id of the thing it was done to. Of an interaction: also what was done to its recording.")),
};

export const AuditFilter = Type.Object(filters, { title: "AuditFilter", additionalProperties: false });
export type AuditFilter = Static<typeof AuditFilter>;

export const AuditQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "Rows of one page." })),
    after: Type.Optional(Type.String({ maxLength: 100, description: "`next` of the page before; nothing may be read into it." })),
    ...filters,
  },
  { title: "AuditQuery", additionalProperties: false },
);
export type AuditQuery = Static<typeof AuditQuery>;

export const AuditEntry = Type.Object(
  {
    id: AuditEntryId,
    at: Type.String({ format: "date-time", description: "When it was written down: the order of the log. UTC, milliseconds." }),
    happenedAt: Type.String({ format: "date-time", description: "When it happened. Earlier where a recorder could not reach the database." }),
    actor: Type.Object({
      kind: Type.Enum(actorKinds),
      id: Type.String(),
      name: Type.String(),
      upn: orNull("User principal name, where it is a person of the tenant."),
      provider: Type.Boolean({ description: "The provider of the service, not one of the tenant's own (MON-28)." }),
    }),
    action: Type.String({ description: "One of the audit trail's words; empty where the entry was erased." }),
    item: Type.String({ description: "Kind of thing it was done to." }),
    description: Type.String({ description: "In words (MON-26)." }),
    subject: orNull("Id of the thing."),
    thing: Type.Union([Type.Object({ kind: Type.Enum(["interaction", "person", "trunk", "group"]), id: Type.String() }), Type.Null()], { description: "Where the thing can be looked at, if it is still there." }),
    remoteAddress: orNull("Where it was done from."),
    reason: orNull("Why, where that was asked."),
    node: Type.String({ description: "Node that wrote it down." }),
    change: Type.Array(Type.Object({ field: Type.String(), from: Type.Unknown(), to: Type.Unknown() }), { description: "What was, and what is since." }),
    detail: Type.Record(Type.String(), Type.Unknown(), { description: "What else was written down." }),
    place: Type.Union([Type.Integer(), Type.Null()], { description: "Place in the tenant's signed log; null while it has none." }),
    erased: Type.Boolean({ description: "Its content was taken out; its place in the log stays." }),
  },
  { title: "AuditEntry" },
);
export type AuditEntry = Static<typeof AuditEntry>;

export const AuditPage = Type.Object(
  {
    items: Type.Array(AuditEntry),
    next: orNull("Pass as `after` for the next, older page; null at the end."),
    searchedTo: Type.Union([Type.String({ format: "date-time" }), Type.Null()], { description: "A search in descriptions stops after some time with what it has: up to here. Null: the page is whole, or the end was reached." }),
    total: Type.Optional(
      Type.Object({ count: Type.Integer(), exact: Type.Boolean() }, { description: "How many match in all, on the first page only, and not with `description`; `exact` is false where counting stopped." }),
    ),
  },
  { title: "AuditPage" },
);
export type AuditPage = Static<typeof AuditPage>;

export const AuditExport = Type.Union(
  [
    Type.Object({ ids: Type.Array(AuditEntryId, { minItems: 1, maxItems: 10_000, description: "Entries that were ticked." }) }, { additionalProperties: false }),
    Type.Object({ filter: AuditFilter }, { additionalProperties: false, description: "All that match." }),
  ],
  { title: "AuditExport" },
);
export type AuditExport = Static<typeof AuditExport>;

/** Kinds of things whose content is written down when it changes, and so can be re-created as it stood. */
export const recordKinds = ["User", "Group", "Access Profile", "Access", "Trunk", "Tenant", "API Key", "Call"] as const;
export type RecordKind = (typeof recordKinds)[number];

export const doubts = ["secret", "unwritten", "erased", "altered", "contradicted", "later"] as const;
export type Doubt = (typeof doubts)[number];

export const AsOfQuery = Type.Object(
  {
    item: Type.Enum(recordKinds, { description: "Kind of thing." }),
    subject: text(300, "Its id."),
    at: Type.String({ format: "date-time", description: "After everything that was written down until this moment." }),
  },
  { title: "AsOfQuery", additionalProperties: false },
);
export type AsOfQuery = Static<typeof AsOfQuery>;

export const RecordAsOf = Type.Object(
  {
    item: Type.Enum(recordKinds),
    subject: Type.String(),
    at: Type.String({ format: "date-time" }),
    state: Type.Enum(["there", "not yet", "deleted", "unknown"], { description: "`deleted`: the fields are those that it had last. `unknown`: no entry says whether it was there yet." }),
    name: orNull("What it was called then."),
    fields: Type.Array(
      Type.Object({
        field: Type.String({ description: "As entries name it in `change`." }),
        value: Type.Unknown(),
        doubt: Type.Union([Type.Enum(doubts), Type.Null()], {
          description:
            "Null: certain. `secret`: never written down. `unwritten`: entries of such a thing do not say it. `erased`: an entry that may have changed it since was erased. `altered`: the entry that it is from is not the one that the log was given. `contradicted`: the next entry says that it was something else. `later`: only a later entry says what it was.",
        }),
        entry: Type.Union([AuditEntryId, Type.Null()], { description: "The entry that it is from." }),
      }),
    ),
    next: Type.Union([AuditEntryId, Type.Null()], { description: "The entry that changed it next." }),
  },
  { title: "RecordAsOf", description: "A thing as it stood at a moment, re-created from the entries of the audit trail." },
);
export type RecordAsOf = Static<typeof RecordAsOf>;
