/**
 * Many rows in one statement, given as one value: its text is the same however many rows there are, so that nobody builds, sends or
 * parses a placeholder for each of their values (a call's rows have some 500).
 */
import { sql, type Insertable, type RawBuilder, type Selectable, type Transaction } from "kysely";
import type { Database } from "./schema.ts";

/** A row as it will be read: jsonb as values, bytea as bytes, times as Date. All rows of a statement name the same columns. */
export type NewRow<Table extends keyof Database> = { readonly [Column in keyof Insertable<Database[Table]>]: Column extends keyof Selectable<Database[Table]> ? Given<Selectable<Database[Table]>[Column]> : never };

type Given<Value> = Value extends Date | Uint8Array ? Value : Value extends object ? { readonly [Part in keyof Value]: Given<Value[Part]> } : Value;

type Column<Table extends keyof Database> = keyof Insertable<Database[Table]> & string;

export async function insertRows<Table extends keyof Database>(tx: Transaction<Database>, table: Table, rows: readonly NewRow<Table>[]): Promise<void> {
  if (rows.length > 0) await insertion(table, rows).execute(tx);
}

/** Where a row with this key is there, it gets these columns of the new one: all, unless told. */
export async function putRows<Table extends keyof Database>(tx: Transaction<Database>, table: Table, key: readonly Column<Table>[], rows: readonly NewRow<Table>[], changing?: readonly Column<Table>[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const changes = changing ?? Object.keys(first).filter((column) => !key.some((one) => one === column));
  await sql`${insertion(table, rows)} on conflict (${refs(key)}) do update set ${sql.join(changes.map((column) => sql`${sql.ref(column)} = excluded.${sql.ref(column)}`))}`.execute(tx);
}

function insertion<Table extends keyof Database>(table: Table, rows: readonly NewRow<Table>[]): RawBuilder<unknown> {
  const columns = refs(Object.keys(rows[0]!));
  return sql`insert into ${sql.table(table)} (${columns}) select ${columns} from json_populate_recordset(null::${sql.table(table)}, ${jsonOf(rows)}::json)`;
}

const refs = (columns: readonly string[]): RawBuilder<unknown> => sql.join(columns.map((column) => sql.ref(column)));

function jsonOf(rows: readonly object[]): string {
  const text = JSON.stringify(rows.map((row) => Object.fromEntries(Object.entries(row).map(([column, value]) => [column, value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : value]))));
  // Half of a surrogate pair, which PostgreSQL refuses inside of JSON, becomes what it becomes in any other text on its way there.
  return text.includes("\\ud") ? text.replace(/\\(?:u(d[89a-f]..)|.)/g, (escape: string, half?: string) => (half === undefined ? escape : "\ufffd")) : text;
}
