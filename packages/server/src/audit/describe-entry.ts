/** The one place that puts a row of evidence into words (MON-26): `<name> <what happened>`, `<Item> <name> was viewed by <name>`. */
import { allActions, type Action, type Item } from "@earwitness/contract";

export interface Described {
  readonly action: string;
  readonly item: string;
  readonly actorName: string;
  readonly subject: string | null;
  /** As it was stored; nothing in it is sure to be there. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export function describeEntry(entry: Described): string {
  if (entry.action === "") return "This entry was erased; the entry of the erasure says by whom and why";
  const say = isAction(entry.action) ? sentences[entry.action] : null;
  return say === null ? `${thing(entry)}: ${entry.action} by ${entry.actorName}` : say(entry);
}

const words: ReadonlySet<string> = new Set(allActions);
const isAction = (word: string): word is Action => words.has(word);

type Sentence = (entry: Described) => string;
const was = (done: string): Sentence => (entry) => `${thing(entry)} was ${done} by ${entry.actorName}`;

const sentences: Readonly<Record<Action, Sentence>> = {
  Login: ({ actorName }) => `${actorName} logged into the system`,
  "Login Failed": (entry) => (entry.item === "API Key" ? `${thing(entry)} was refused: ${text(entry.detail["why"])}` : `${entry.actorName} was not let in: ${whyNot[text(entry.detail["why"])] ?? text(entry.detail["why"])}`),
  Logout: ({ actorName, detail }) => (detail["person"] === undefined || detail["person"] === actorName ? `${actorName} logged out of the system` : `${text(detail["person"])} was logged out of the system by ${actorName}: ${whyNot[text(detail["why"])] ?? text(detail["why"])}`),
  Access: ({ actorName, item }) => `${actorName} accessed ${pages[item as Item] ?? `${item}s`}`,
  Search: ({ actorName, item, detail }) => `${actorName} searched ${searched[item as Item] ?? `${item}s`} ${detail["with"] === undefined ? `for ${filterText(detail["filter"])}` : `with ${text(detail["with"])}`}`,
  View: (entry) => (entry.detail["part"] === undefined ? was("viewed")(entry) : `${thing(entry)}: its ${text(entry.detail["part"])} was viewed by ${entry.actorName}`),
  Add: (entry) => (entry.item === "Auto Sync with AAD" && text(entry.detail["name"]).startsWith("run of ") ? `${entry.actorName} asked for a ${text(entry.detail["name"])} of the directory` : was("added")(entry)),
  Modify: (entry) => `${was("modified")(entry)}${fields(entry.detail["change"])}${moved(entry.detail)}`,
  Disabled: (entry) => was(entry.item === "API Key" ? "revoked" : entry.item === "Access" ? "taken back" : "disabled")(entry),
  Delete: was("deleted"),
  Import: (entry) => {
    const { actorName, detail } = entry;
    if (entry.item === "Auto Sync with AAD") {
      if (detail["error"] !== undefined) return `${actorName} could not read the directory: ${text(detail["error"])}`;
      return `${actorName} read ${detail["everything"] === true ? "all" : "what changed of the"} ${text(detail["what"])} of the directory: ${count(detail["added"])} new, ${count(detail["changed"])} changed, ${count(detail["removed"])} removed, ${count(detail["problems"])} with problems`;
    }
    if (entry.item !== "User") return was("imported")(entry);
    return `${actorName} imported users from file: ${count(detail["created"])} new, ${count(detail["changed"])} changed`;
  },
  Export: (entry) => (entry.subject === null ? `${entry.actorName} exported ${exported(entry)} to file` : was("exported")(entry)),
  Download: was("downloaded"),
  Play: (entry) => `${was("played")(entry)}${typeof entry.detail["track"] === "number" ? `, speaker ${entry.detail["track"]} alone` : ""}`,
  Verify: (entry) => (entry.item === "Auto Sync with AAD" && "client_id" in entry.detail ? `${entry.actorName} tried the connection to the directory: ${entry.detail["result"] === "holds" ? "it works" : "it does not work"}` : entry.item === "Log" ? installationVerified(entry) : callVerified(entry)),
  Monitor: (entry) => {
    if (entry.item !== "Interactions") return was("monitored")(entry);
    return entry.detail["stream"] === "closed" ? `${entry.actorName} stopped following interactions live, after ${duration(entry.detail["durationMs"])}` : `${entry.actorName} began to follow interactions live`;
  },
  Pause: was("paused"),
  Resume: was("resumed"),
  Erase: was("erased"),
  "Send Mail": was("sent by mail"),
  "Recording Started": ({ actorName, subject, detail }) => `Recording ${text(subject)} of a call${detail["trunk"] === undefined ? "" : ` on trunk ${text(detail["trunk"])}`} was started by ${actorName}`,
  "Recording Ended": (entry) => `${recording("ended")(entry)}${entry.detail["reason"] === undefined ? "" : `: ${text(entry.detail["reason"])}`}`,
  "Recording Finalized": (entry) => `${recording("finished")(entry)}${entry.detail["durationMs"] === undefined ? "" : `, ${duration(entry.detail["durationMs"])}`}${entry.detail["recovered"] === true ? ", after a restart" : ""}`,
  "Recording Compacted": (entry) => recording("compacted")(entry),
  "Interaction Opened": was("opened"),
  "Interaction Changed": was("brought up to date"),
  "Interaction Released": was("closed"),
  "Call Event": ({ actorName, subject, detail }) => `${text(detail["participant"] ?? "Somebody")}: ${text(detail["event"])}, in recording ${text(subject)}, noted by ${actorName}`,
  "Metadata Received": ({ actorName, subject, detail }) => `${text(detail["contentType"] ?? "Metadata")} of recording ${text(subject)} was kept by ${actorName}`,
  "Speaker Assigned": ({ actorName, subject, detail }) => `${text(detail["name"] ?? detail["address"] ?? "Somebody")} was given a track of recording ${text(subject)} by ${actorName}`,
  "Piece Stored": ({ actorName, subject }) => `A piece of recording ${text(subject)} was stored by ${actorName}`,
  "Not Recorded": ({ actorName, subject, detail }) => `A call${detail["trunk"] === undefined ? "" : ` on trunk ${text(detail["trunk"])}`} (${text(subject)}) was not recorded by ${actorName}${reasons(detail["reasons"])}`,
  "Fact Rejected": ({ actorName, subject, detail }) => `What was known of ${text(subject)} (${text(detail["kind"] ?? "a fact")}) could not be written down by ${actorName}: ${text(detail["error"])}`,
  "Integrity Failure": (entry) => `${thing(entry)} did not match its seal when ${entry.actorName} asked for it: ${text(entry.detail["error"])}`,
  "Backup Made": was("made and verified"),
  "Backup Failed": (entry) => `${thing(entry)} could not be made by ${entry.actorName}`,
  Restored: (entry) => `${was("restored from a backup")(entry)}${typeof entry.detail["restoredTo"] === "string" ? `, as of ${moment(entry.detail["restoredTo"])}` : ""}`,
};

function callVerified(entry: Described): string {
  const { result, means: by } = entry.detail;
  if (result === undefined) return `${thing(entry)} was handed to ${entry.actorName} to be verified`;
  return `${was("verified")(entry)}${means(by)}: ${found[text(result)] ?? text(result)}`;
}

function installationVerified(entry: Described): string {
  const { parts, differs, notChecked } = entry.detail;
  const what = Array.isArray(parts) ? `${thing(entry)} (${parts.map(text).join(", ")})` : thing(entry);
  const came = differs === undefined ? "" : differs === 0 && notChecked === 0 ? ": everything agrees" : `: ${count(differs)} differences, ${count(notChecked)} not checked`;
  return `${what} was verified by ${entry.actorName}${came}`;
}

const recording = (done: string): Sentence => ({ subject, actorName }) => `Recording ${text(subject)} was ${done} by ${actorName}`;

const found: Readonly<Record<string, string>> = { holds: "everything that was checked holds", differs: "something does not hold", incomplete: "what was checked holds, and it was not all" };
const means = (value: unknown): string => (value === "browser" ? " in the browser" : value === "export" ? " on the way out" : "");

const pages: Partial<Record<Item, string>> = { Interactions: "Interactions", Directory: "People and Groups", Trunk: "Trunks", "API Key": "API Keys", "Access Profile": "Access Profiles", Access: "Access that was granted for a time", "Audit Trail": "Audit Trail", "Auto Sync with AAD": "Directory" };
const searched: Partial<Record<Item, string>> = { Interactions: "interactions", User: "users", Group: "groups of the directory", "Audit Trail": "the audit trail" };
const whyNot: Readonly<Record<string, string>> = {
  unknown_person: "nobody of this tenant is known by that name",
  no_access: "neither a role nor an access profile lets them in",
  wrong_password_or_code: "the password or the one-time code was wrong",
  name_taken: "the name is that of a person who signs in by another account",
  no_portal_access: "portal access is switched off",
  valid_till_over: "the last valid day is over",
};

/** What it was done to, as it was called then. */
function thing({ item, subject, detail }: Described): string {
  const { name, startedAt } = detail;
  if (item === "Call") {
    if (typeof name !== "string") return `Call ${subject ?? ""}`.trimEnd();
    return `Call of ${name}${typeof startedAt === "string" ? ` at ${moment(startedAt)}` : ""}`;
  }
  if (item === "Audit Trail" && typeof name === "string") return `Audit Trail entry ${name}`;
  return [item, typeof name === "string" ? name : subject].filter((part) => part !== null && part !== "").join(" ");
}

function exported({ item, detail }: Described): string {
  if (item === "Audit Trail") return `${typeof detail["entries"] === "number" ? count(detail["entries"]) : "all matching"} audit entries`;
  if (item === "User") return `users${typeof detail["people"] === "number" ? ` (${count(detail["people"])})` : ""}`;
  return `${item.toLowerCase()}s`;
}

/** Unknown values come from rows: they are shown, never trusted to have a shape. */
function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "unknown" : JSON.stringify(value);
}
const count = (value: unknown): string => (typeof value === "number" ? value.toLocaleString("en") : "0");
const reasons = (value: unknown): string => (Array.isArray(value) && value.length > 0 ? `: ${value.map(text).join(", ")}` : "");

/** Who came into a group and who went out of it, by number: their own entries name them. */
function moved({ came, went }: Readonly<Record<string, unknown>>): string {
  return Array.isArray(came) && Array.isArray(went) ? `: ${came.length} came, ${went.length} went` : "";
}

function fields(change: unknown): string {
  const names = change !== null && typeof change === "object" ? Object.keys(change) : [];
  return names.length === 0 ? "" : `: ${names.map((name) => name.replaceAll("_", " ")).join(", ")}`;
}

function filterText(filter: unknown): string {
  const parts = filter !== null && typeof filter === "object" ? Object.entries(filter) : [];
  return parts.length === 0 ? "everything" : parts.map(([name, value]) => (name === "q" ? `“${text(value)}”` : `${name} ${Array.isArray(value) ? value.map(text).join(" or ") : text(value)}`)).join(", ");
}

/** `2026-11-20 10:00:00 UTC` */
function moment(iso: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC` : iso;
}

function duration(ms: unknown): string {
  const seconds = typeof ms === "number" ? Math.max(0, Math.floor(ms / 1_000)) : 0;
  return [seconds / 3_600, (seconds / 60) % 60, seconds % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
}
