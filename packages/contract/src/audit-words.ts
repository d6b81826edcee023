/*
 * The audit trail's own words. Whoever writes evidence takes one of these, or does not compile; a new word is added here,
 * with its sentence in the server's audit/describe-entry.ts. Rows are never rewritten, so no word is ever taken away.
 */

/** MON-23, CON-42: what is done by somebody, or for somebody. */
export const actions = [
  "Login",
  "Login Failed",
  "Logout",
  "Access", // a page, or the list on it, was opened
  "Search", // the same with a filter
  "View", // one thing was looked at
  "Add",
  "Modify",
  "Disabled",
  "Delete",
  "Import",
  "Export",
  "Download",
  "Play",
  "Verify", // held against its proof, an interaction or the whole installation; by a browser one row when it takes what is to be checked, and one with what came of it
  "Monitor", // followed live; one row when it begins and one when it ends
  "Pause",
  "Resume",
  "Erase",
  "Send Mail", // reserved: no mail is sent (CON-24)
] as const;

/** What the recorder and its jobs write down of a call by themselves. The specification has no words for it. */
export const machineActions = [
  "Recording Started",
  "Recording Ended",
  "Recording Finalized",
  "Recording Compacted",
  "Interaction Opened",
  "Interaction Changed",
  "Interaction Released",
  "Call Event",
  "Metadata Received",
  "Speaker Assigned",
  "Piece Stored",
  "Not Recorded",
  "Fact Rejected",
  "Integrity Failure",
  "Backup Made", // of the whole installation, so a row for each tenant
  "Backup Failed",
  "Restored",
] as const;

export const allActions = [...actions, ...machineActions] as const;
export type Action = (typeof allActions)[number];

/** What says something of a thing's content: by these a record is re-created as it stood. */
export const changingActions = ["Add", "Modify", "Delete", "Disabled", "Interaction Opened", "Interaction Changed", "Interaction Released"] as const satisfies readonly Action[];

/** MON-24, CON-42: the kind of thing it was done to. */
export const items = [
  "Call",
  "Interactions", // the list of calls, and the stream of its rows
  "User",
  "Group",
  "Directory", // the lists of users and groups
  "Trunk",
  "Invitation",
  "API Key",
  "Session",
  "Evidence", // rows of this trail, where they are erased
  "Log", // the signed log of them
  "Tenant",
  "Audit Trail",
  "Recording Profile",
  "Access Profile",
  "Tag",
  "Note",
  "Legal Hold",
  "Storage",
  "Auto Sync with AAD",
  "Access",
  "Consent",
  "Licence",
  "Branding",
  "Saved Search",
] as const;
export type Item = (typeof items)[number];
