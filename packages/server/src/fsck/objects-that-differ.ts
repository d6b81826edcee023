/** What the database says of files, against what was sealed or written into the log when they were stored. */
import type { ObjectRow } from "./recording-as-stored.ts";
import type { SealedObject } from "./sealed-facts.ts";
import { valueText } from "./stored-value.ts";

export interface ObjectDifference {
  readonly name: string;
  readonly says: string;
}

/** The database names these files and no others, each with what it is. */
export function objectsThatDiffer(rows: readonly ObjectRow[], sealed: ReadonlyMap<string, SealedObject>, by: string): ObjectDifference[] {
  const known = new Map(rows.map((row) => [row.object_name, row]));
  return [
    ...[...sealed.values()].flatMap((object): ObjectDifference[] => {
      const row = known.get(object.objectName);
      return row === undefined ? [{ name: object.objectName, says: `The database does not name the ${String(object.kind)} ${object.objectName}, which ${by} names.` }] : objectThatDiffers(row, object, by);
    }),
    ...rows.filter(({ object_name }) => !sealed.has(object_name)).map(({ object_name, kind }) => ({ name: object_name, says: `The database names the ${kind} ${object_name}, which ${by} does not name.` })),
  ];
}

export function objectThatDiffers(row: ObjectRow, { objectName: name, ...sealed }: SealedObject, by: string): ObjectDifference[] {
  const digest = row.sha256.toString("hex");
  const differing = (what: string, here: unknown, there: unknown): ObjectDifference[] =>
    there === undefined || valueText(here) === valueText(there) ? [] : [{ name, says: `The database has ${what} ${valueText(here)} for ${name}, and ${by} has ${valueText(there).slice(0, 200)}.` }];
  return [
    ...differing("the digest", digest, sealed.sha256),
    ...differing("the kind", row.kind, sealed.kind),
    ...differing("the number", row.seq, sealed.seq),
    ...differing("the key", row.key_id, sealed.keyId),
    ...differing("the size", row.size_bytes, sealed.sizeBytes),
    ...differing("the beginning", row.from_ms, sealed.fromMs),
    ...differing("the end", row.to_ms, sealed.toMs),
  ];
}
