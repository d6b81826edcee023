import { sql } from "kysely";

/** Whether none of these columns is finer than the millisecond that Earwitness writes; JavaScript would not see it. */
export const isWhole = (...columns: readonly string[]) => sql<boolean>`(${sql.join(columns.map((column) => sql`(${sql.ref(column)} is null or ${sql.ref(column)} = date_trunc('milliseconds', ${sql.ref(column)}))`), sql` and `)})`;
