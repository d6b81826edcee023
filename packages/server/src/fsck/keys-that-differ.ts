/** The rows that name a log's keys, against the hand-overs that the keys signed themselves: whoever may write rows cannot write those. */
import { formatVkey, type KeyPeriod } from "@earwitness/verify";

export interface KeyRow {
  readonly vkey: string;
  readonly from_size: number;
  readonly handover: string | null;
  readonly is_retired: boolean;
}

/** `followed`: the keys that the stretch's hand-overs lead through, the earliest first. Its first row may be missing. In words. */
export function keysThatDiffer(stretch: readonly KeyRow[], followed: readonly KeyPeriod[]): { readonly row: KeyRow; readonly says: string }[] {
  const missing = followed.length - stretch.length;
  const [first] = stretch;
  const differing = stretch.flatMap((row, at) => {
    const { key, fromSize } = followed[at + missing]!;
    const vkey = formatVkey(key);
    const isFirst = at + missing === 0;
    return [
      ...(row.vkey === vkey ? [] : [{ row, says: `The database names ${row.vkey}, and the hand-over ${vkey}.` }]),
      // Where the first key of a stretch begins, no hand-over says.
      ...(isFirst || row.from_size === fromSize ? [] : [{ row, says: `The database says that it signs from ${row.from_size} rows on, and the hand-over from ${fromSize}.` }]),
    ];
  });
  return missing > 0 && first !== undefined ? [{ row: first, says: `It took over from ${formatVkey(followed[0]!.key)}, which the database does not name any more.` }, ...differing] : differing;
}
