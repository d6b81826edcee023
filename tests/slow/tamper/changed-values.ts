/** Values that are other ones, by as little as somebody may hope that nobody sees. */
import type { Random } from "./tally.ts";

/** One character more, less or another. */
export function otherText(random: Random, text: string): string {
  const characters = [...text];
  const at = random.below(characters.length + 1);
  const added = random.pick(["a", "Z", "0", " ", "ß", "’", "🎧"]);
  if (characters.length === 0 || random.below(3) === 0) return [...characters.slice(0, at), added, ...characters.slice(at)].join("");
  const where = Math.min(at, characters.length - 1);
  if (random.below(2) === 0) return characters.toSpliced(where, 1).join("");
  return characters.with(where, characters[where] === added ? `${added}.` : added).join("");
}

/** One value somewhere in it is another, or one more is there, or one is not there any more. */
export function otherJson(random: Random, value: unknown): unknown {
  if (typeof value === "string") return otherText(random, value);
  if (typeof value === "number") return random.pick([value + 1, -value - 1, value + 0.5, String(value)]);
  if (typeof value === "boolean") return !value;
  if (value === null) return random.pick([0, "", false]);
  if (Array.isArray(value)) return value.length === 0 || random.below(3) === 0 ? [...value, null] : random.below(3) === 0 ? value.slice(1) : value.with(...indexed(random, value));
  const fields = Object.entries(value as object);
  if (fields.length === 0 || random.below(4) === 0) return { ...(value as object), [`more${random.below(9)}`]: null };
  const [field, inner] = random.pick(fields);
  return random.below(4) === 0 ? Object.fromEntries(fields.filter(([name]) => name !== field)) : { ...(value as object), [field]: otherJson(random, inner) };
}

function indexed(random: Random, list: readonly unknown[]): [number, unknown] {
  const at = random.below(list.length);
  return [at, otherJson(random, list[at])];
}

export function flipped(random: Random, bytes: Uint8Array): Buffer {
  const changed = Buffer.from(bytes);
  changed[random.below(changed.length)]! ^= 1 << random.below(8);
  return changed;
}

/** By a microsecond up to a quarter of an hour. */
export const otherwhileMicroseconds = (random: Random): string => `${random.pick([-1, 1]) * (1 + random.below(10 ** (1 + random.below(9))))} microseconds`;
