/** What entries say of the content of a thing: what it was, what it is since, whether it began or ended with them. */
import type { RecordKind } from "@earwitness/contract";

/** What an entry says of one field. */
export interface Mention {
  /** What it was before; absent where the entry does not say. */
  readonly from?: unknown;
  readonly to: unknown;
}

/** What an entry did to a thing. */
export interface Step {
  readonly life: "begins" | "ends" | null;
  readonly mentions: ReadonlyMap<string, Mention>;
  /** The person was taken out of this group, because the group is gone. */
  readonly leavesGroup?: string;
}

interface Kind {
  /** What a new one has where its entry does not say. */
  readonly fresh: Readonly<Record<string, unknown>>;
  /** What is let go of when it is deleted, and not there when it comes back. */
  readonly released: Readonly<Record<string, unknown>>;
  readonly secret: readonly string[];
  /** What entries of it, or those of an earlier version, do not say. */
  readonly unwritten: readonly string[];
  /** What the entry of its end says beside its own fields: of a group, who was in it. */
  readonly others: readonly string[];
}

const plain: Kind = { fresh: {}, released: {}, secret: [], unwritten: [], others: [] };

export const kinds: Readonly<Record<RecordKind, Kind>> = {
  User: { ...plain, fresh: { given_name: null, family_name: null, extensions: [], group_ids: [], managed_group_ids: [] }, released: { addresses: [], extensions: [], group_ids: [], managed_group_ids: [], sign_in_accounts: [], enrollment: null, local_sign_in: null } },
  Group: { ...plain, others: ["people"] },
  Trunk: { ...plain, fresh: { digest: null }, secret: ["digest_password"] },
  Tenant: plain,
  "API Key": { ...plain, fresh: { revoked: false, access_profile_id: null }, secret: ["secret"] },
  "Access Profile": plain,
  Access: { ...plain, fresh: { revoked: false } },
  Call: { ...plain, unwritten: ["calling", "called", "answering", "direction", "call_type", "answered_at", "released_at"] },
};

/** What of its detail an entry of a call says as it is, under the names that the fields have. */
const ofCall = { name: "name", startedAt: "started_at", recordingId: "recording_id", mediaStatus: "media_status", releaseCause: "release_cause", participants: "participants", transferredBy: "transferred_by", transferredTo: "transferred_to", direction: "direction", callType: "call_type", calling: "calling", called: "called", answering: "answering", personId: "person_id", decision: "decision", sipCallId: "sip_call_id", sysCallId: "sys_call_id", chainId: "chain_id" } as const;

type Detail = Readonly<Record<string, unknown>>;

/** Rows are read as they are: what has another shape says nothing. */
export function stepOf(item: RecordKind, row: { readonly action: string; readonly item: string; readonly subject: string | null; readonly detail: unknown }): Step {
  const detail = recordOf(row.detail);
  if (row.item !== item) return { life: null, mentions: new Map(), ...(row.subject === null ? {} : { leavesGroup: row.subject }) };
  switch (row.action) {
    case "Add":
      return { life: "begins", mentions: new Map([...Object.entries(kinds[item].fresh).map(([field, to]) => [field, { to }] as const), ...[...changeOf(item, detail)].map(([field, { to }]) => [field, { to }] as const)]) };
    case "Modify": {
      const change = changeOf(item, detail);
      return { life: "deleted_at" in recordOf(detail["change"]) ? "begins" : null, mentions: change };
    }
    case "Delete":
      return { life: "ends", mentions: new Map(Object.entries(recordOf(detail["was"])).flatMap(([field, value]) => (kinds[item].others.includes(field) ? [] : [named(item, field, { from: value, to: value })]))) };
    case "Disabled":
      return { life: null, mentions: new Map([["revoked", { from: false, to: true }]]) };
    default:
      return { life: row.action === "Interaction Opened" ? "begins" : null, mentions: new Map(Object.entries(ofCall).flatMap(([name, field]) => (name in detail ? [[field, { to: detail[name] }] as const] : []))) };
  }
}

function changeOf(item: RecordKind, detail: Detail): Map<string, Mention> {
  const said = Object.entries(recordOf(detail["change"])).flatMap(([field, value]) => {
    const { from, to } = recordOf(value);
    // That somebody is not deleted is what being there means.
    return to === undefined || field === "deleted_at" ? [] : [named(item, field, from === undefined ? { to } : { from, to })];
  });
  return new Map(said);
}

/** A field under the name that it has now. What is the role was the access profile once, and had other names. */
function named(item: RecordKind, field: string, mention: Mention): readonly [string, Mention] {
  if (field !== "access_profile" || (item !== "User" && item !== "API Key")) return [columnOf(field), mention];
  const role = (value: unknown): string => (value === "Global Admin" ? "Admin" : item === "API Key" ? "API User" : value === "Own Calls" ? "User Self View" : "User");
  return ["role", "from" in mention ? { from: role(mention.from), to: role(mention.to) } : { to: role(mention.to) }];
}

/** Entries of a new tenant name its fields in one way, those of a change in the other. */
const columnOf = (field: string): string => field.replace(/([a-z0-9])([A-Z])/g, (_, end: string, start: string) => `${end}_${start}`).toLowerCase();

const recordOf = (value: unknown): Detail => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Detail) : {});
