/** USR-17: whether a person may enter the portal at all, whatever they could see there. */
export interface PortalEntry {
  readonly portal_access: boolean;
  /** A day; null: no end. */
  readonly valid_till: string | null;
  readonly deleted_at: Date | null;
}

export type NoEntry = "unknown_person" | "no_portal_access" | "valid_till_over";

/** Null: nothing is in the way. The last day counts whole, in UTC: the recorder's nodes may stand in any zone. */
export function noEntryFor({ portal_access, valid_till, deleted_at }: PortalEntry, now: Date): NoEntry | null {
  if (deleted_at !== null) return "unknown_person";
  if (!portal_access) return "no_portal_access";
  return valid_till !== null && now.toISOString().slice(0, 10) > valid_till ? "valid_till_over" : null;
}
