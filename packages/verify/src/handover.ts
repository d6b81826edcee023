/**
 * A log changes its key: a note that both keys sign, so that whoever trusts one of them comes to the other. Its text is no checkpoint's
 * (the second line is no size), so neither can be passed off as the other.
 *
 *   earwitness/handover/1
 *   <origin>
 *   old <vkey>
 *   new <vkey>
 *   from <size>
 */
import { formatVkey, Malformed, noteTypes, parseNote, parseVkey, verifyNote, type NoteKey } from "./note.ts";

export interface Handover {
  readonly origin: string;
  readonly old: NoteKey;
  readonly new: NoteKey;
  /** Size of the log at the change: what is larger is signed by the new key alone, what is smaller by the old. */
  readonly fromSize: number;
}

/** Which heads of a log a key speaks for: those of these sizes, both ends included. */
export interface KeyPeriod {
  readonly key: NoteKey;
  readonly fromSize: number;
  /** Null: it is the log's key today, as far as these hand-overs go. */
  readonly toSize: number | null;
}

const firstLine = "earwitness/handover/1";

export const formatHandover = ({ origin, old, new: next, fromSize }: Handover): string => `${firstLine}\n${origin}\nold ${formatVkey(old)}\nnew ${formatVkey(next)}\nfrom ${fromSize}\n`;

/** Reads the text of the note. Whether both keys signed it is `verifyHandover`'s question. */
export function parseHandover(text: string): Handover {
  const [, origin, oldVkey, newVkey, decimal] = /^earwitness\/handover\/1\n([^\n]+)\nold ([^\n]+)\nnew ([^\n]+)\nfrom (0|[1-9][0-9]{0,15})\n$/.exec(text) ?? [];
  if (origin === undefined || oldVkey === undefined || newVkey === undefined || !Number.isSafeInteger(Number(decimal))) throw new Malformed("this is no hand-over from one key of a log to the next");
  const handover = { origin, old: parseVkey(oldVkey), new: parseVkey(newVkey), fromSize: Number(decimal) };
  for (const key of [handover.old, handover.new]) {
    if (key.name !== origin || key.type !== noteTypes.ed25519) throw new Malformed("a hand-over names a key that is none of its log");
  }
  if (sameKey(handover.old, handover.new)) throw new Malformed("a hand-over from a key to itself");
  if (formatHandover(handover) !== text) throw new Malformed("a hand-over that is not written as one");
  return handover;
}

export async function verifyHandover(note: string): Promise<Handover> {
  const signed = parseNote(note);
  const handover = parseHandover(signed.text);
  if ((await verifyNote(signed, [handover.old, handover.new])).length < 2) throw new Malformed("a hand-over that only one of its two keys signed");
  return handover;
}

/** The keys of a log in their order, from a key that is trusted and the log's hand-overs, later and earlier ones. Throws where they do not make one chain. */
export async function followHandovers(trusted: NoteKey, notes: readonly string[]): Promise<readonly KeyPeriod[]> {
  const left = await Promise.all(notes.map(verifyHandover));
  const take = (leads: (handover: Handover) => boolean): Handover | null => {
    const at = left.findIndex(leads);
    return at < 0 ? null : left.splice(at, 1)[0]!;
  };
  const chain: Handover[] = [];
  for (let key = trusted, next; (next = take(({ old }) => sameKey(old, key))) !== null; key = next.new) chain.push(next);
  for (let key = trusted, earlier; (earlier = take((handover) => sameKey(handover.new, key))) !== null; key = earlier.old) chain.unshift(earlier);
  // One that is left contradicts one that was taken, or is another log's.
  if (left.length > 0) throw new Malformed(`the hand-overs of ${trusted.name} do not make one chain from the trusted key: the log has been shown with other keys`);
  const keys = [chain[0]?.old ?? trusted, ...chain.map((handover) => handover.new)];
  if (keys.some((key, at) => keys.findIndex((other) => sameKey(other, key)) !== at)) throw new Malformed(`the hand-overs of ${trusted.name} come back to a key that was given up`);
  if (chain.some(({ fromSize }, at) => fromSize < (chain[at - 1]?.fromSize ?? 0))) throw new Malformed(`the hand-overs of ${trusted.name} are of a log that shrinks`);
  return keys.map((key, at) => ({ key, fromSize: chain[at - 1]?.fromSize ?? 0, toSize: chain[at]?.fromSize ?? null }));
}

/** The keys that may have signed a head of this size: one, or both where the log stood still while they changed. */
export const keysFor = (periods: readonly KeyPeriod[], size: number): readonly NoteKey[] => periods.filter(({ fromSize, toSize }) => fromSize <= size && (toSize === null || size <= toSize)).map(({ key }) => key);

const sameKey = (one: NoteKey, other: NoteKey): boolean => formatVkey(one) === formatVkey(other);
