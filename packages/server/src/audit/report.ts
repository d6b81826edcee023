/** The trail as a file (MON-27): the header block of INT-53, then one line for each entry. */
import type { AuditEntry } from "@earwitness/contract";

const columns = ["Date and Time", "Name", "UPN", "Action", "Item", "Description", "Address", "Reason", "Happened At", "Change", "Detail", "Node", "Place in Log", "Entry"] as const;

/** `criteria`: filter by filter, as they were asked. UTF-8 with a byte order mark, so that spreadsheets read it as that. */
export function reportHead(requestedBy: string, createdAt: Date, criteria: Readonly<Record<string, unknown>>): string {
  const searched = Object.entries(criteria).map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(" or ") : String(value)}`);
  return `\ufeff${line(["Report Header"])}${line(["Requested By", requestedBy])}${line(["Created At", createdAt.toISOString()])}${line(["Search Criteria", searched.join("; ")])}${line(columns)}`;
}

export function reportLine(entry: AuditEntry): string {
  const { actor, change } = entry;
  const fields: Record<(typeof columns)[number], string> = {
    "Date and Time": entry.at,
    Name: actor.name,
    UPN: actor.upn ?? "",
    Action: entry.action,
    Item: entry.item,
    Description: entry.description,
    Address: entry.remoteAddress ?? "",
    Reason: entry.reason ?? "",
    "Happened At": entry.happenedAt,
    Change: change.length === 0 ? "" : JSON.stringify(Object.fromEntries(change.map(({ field, from, to }) => [field, { from, to }]))),
    Detail: Object.keys(entry.detail).length === 0 ? "" : JSON.stringify(entry.detail),
    Node: entry.node,
    "Place in Log": entry.place === null ? "" : String(entry.place),
    Entry: entry.id,
  };
  return line(columns.map((column) => fields[column]));
}

/** RFC 4180, every line ended by CRLF. */
const line = (fields: readonly string[]): string => `${fields.map((field) => quoted(guarded(field))).join(",")}\r\n`;

/** A spreadsheet would run what begins like this as a formula. */
const guarded = (field: string): string => (/^[=+\-@\t\r]/.test(field) ? `'${field}` : field);
const quoted = (field: string): string => (/[",;\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
