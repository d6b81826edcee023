/** The directory as CSV (RFC 4180), to and from spreadsheets. What comes in is whatever somebody's program wrote. */
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { setImmediate as breathe } from "node:timers/promises";
import { CsvError, parse, type Info } from "csv-parse";
import type { Person } from "@earwitness/contract";

export const columns = ["upn", "displayName", "givenName", "familyName", "role", "recorded", "addresses", "extensions", "groups", "managedGroups"] as const;
export type Column = (typeof columns)[number];

export interface CsvMistake {
  /** The header is 1. */
  readonly line: number;
  readonly column: string | null;
  readonly message: string;
}

export interface CsvRow {
  readonly line: number;
  /** Only the columns that the file has; trimmed. */
  readonly fields: Partial<Record<Column, string>>;
}

export interface CsvTable {
  readonly columns: ReadonlySet<Column>;
  readonly rows: readonly CsvRow[];
}

export const mostRows = 50_000;
const longestRecord = 64 * 1024;
const mostFields = 100;
/** Parsed at a time; between them the process does what else it has to: it answers calls. */
const chunkBytes = 16 * 1024;

export async function readCsv(file: Buffer): Promise<{ readonly table: CsvTable; readonly mistakes: readonly CsvMistake[] }> {
  const none: CsvTable = { columns: new Set(), rows: [] };
  const refused = (line: number, message: string, column: string | null = null) => ({ table: none, mistakes: [{ line, column, message }] });
  if (!isUtf8(file)) return refused(1, "The file is not UTF-8. Save it as “CSV UTF-8”");
  if (file.includes(0)) return refused(1, "The file is no text: it holds zero bytes");

  const mistakes: CsvMistake[] = [];
  const rows: CsvRow[] = [];
  let header: readonly (Column | null)[] | null = null;
  const parser = parse({ bom: true, delimiter: delimiterOf(file), relax_column_count: true, skip_empty_lines: true, info: true, max_record_size: longestRecord });
  try {
    // csv-parse's types do not know of `info: true`.
    for await (const { record, info } of piecesOf(file).pipe(parser) as AsyncIterable<{ record: string[]; info: Info }>) {
      const line = info.lines - linesWithin(record);
      if (record.length > mostFields) return refused(line, `The line has ${record.length} fields; there are ${columns.length} columns`);
      if (header === null) {
        const read = readHeader(record, line);
        mistakes.push(...read.mistakes);
        header = read.header;
        continue;
      }
      if (record.every((field) => field.trim() === "")) continue;
      if (record.length !== header.length) mistakes.push({ line, column: null, message: `The line has ${record.length} fields, the header has ${header.length}` });
      if (rows.length >= mostRows) return refused(line, `The file has more than ${mostRows.toLocaleString("en")} people; import it in parts`);
      rows.push({ line, fields: Object.fromEntries(header.flatMap((column, at) => (column === null ? [] : [[column, unguarded(record[at] ?? "").trim()]]))) });
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return refused(Math.max(1, Number((error as { lines?: number }).lines ?? 1)), inWords(error));
  }
  if (header === null) return refused(1, "The file is empty");
  return { table: { columns: new Set(header.filter((column) => column !== null)), rows }, mistakes };
}

function piecesOf(file: Buffer): Readable {
  return Readable.from(
    (async function* () {
      for (let at = 0; at < file.length; at += chunkBytes) {
        yield file.subarray(at, at + chunkBytes);
        await breathe();
      }
    })(),
    { objectMode: false },
  );
}

/** Spreadsheets of many countries part by semicolon. The header knows: none of its names holds either. */
function delimiterOf(file: Buffer): "," | ";" {
  const head = file.subarray(0, 4_096).toString("utf8").split(/[\r\n]/, 1)[0]!;
  return head.split(";").length > head.split(",").length ? ";" : ",";
}

function readHeader(record: readonly string[], line: number): { header: (Column | null)[]; mistakes: CsvMistake[] } {
  const mistakes: CsvMistake[] = [];
  const seen = new Set<Column>();
  const header = record.map((text) => {
    const name = text.trim();
    const column = columns.find((known) => known.toLowerCase() === name.toLowerCase());
    if (column === undefined) mistakes.push({ line, column: name.slice(0, 100), message: `There is no column “${name.slice(0, 100)}”; there are ${columns.join(", ")}` });
    else if (seen.has(column)) mistakes.push({ line, column, message: "The column is there twice" });
    if (column === undefined) return null;
    seen.add(column);
    return column;
  });
  if (!seen.has("upn")) mistakes.push({ line, column: "upn", message: "The column is missing; people are known by it" });
  return { header, mistakes };
}

const linesWithin = (record: readonly string[]): number => record.reduce((sum, field) => sum + (field.match(/\r\n|\n|\r/g)?.length ?? 0), 0);

function inWords({ code }: CsvError): string {
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return "A quotation mark is opened and never closed";
    case "INVALID_OPENING_QUOTE":
      return "A quotation mark stands in the middle of a field; a field that holds one is quoted as a whole, and the mark doubled";
    case "CSV_INVALID_CLOSING_QUOTE":
      return "Something follows a closing quotation mark; inside of a quoted field it has to be doubled";
    case "CSV_MAX_RECORD_SIZE":
      return `The line is longer than ${longestRecord / 1024} kB; is a quotation mark missing?`;
    default:
      return "The line cannot be read as CSV";
  }
}

/** A spreadsheet would run what begins like this as a formula. */
const formula = /^'*[=+\-@\t\r]/;
const guarded = (field: string): string => (formula.test(field) ? `'${field}` : field);
const unguarded = (field: string): string => (field.startsWith("'") && formula.test(field) ? field.slice(1) : field);

/** Everybody, as `readCsv` takes it back. Numbers are written as `tel:`, so that they are neither formulas nor sums. */
export function writeCsv(people: readonly Person[], groupName: (id: string) => string): string {
  const lines = people.map(({ settings: of }) => {
    const fields: Record<Column, string> = {
      upn: of.upn,
      displayName: of.displayName,
      givenName: of.givenName ?? "",
      familyName: of.familyName ?? "",
      role: of.role,
      recorded: String(of.recorded),
      addresses: of.addresses.map((address) => (address.startsWith("+") ? `tel:${address}` : address)).join(" "),
      extensions: of.extensions.join(" "),
      groups: of.groupIds.map(groupName).sort().join("|"),
      managedGroups: of.managedGroupIds.map(groupName).sort().join("|"),
    };
    return columns.map((column) => quoted(guarded(fields[column]))).join(",");
  });
  return `\ufeff${[columns.join(","), ...lines].join("\r\n")}\r\n`;
}

const quoted = (field: string): string => (/[",;\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
