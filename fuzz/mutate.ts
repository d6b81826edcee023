/** What may happen to bytes on their way from a stranger: by accident, and by somebody who knows the grammar. */
import type { Random } from "./random.ts";

export interface MutationContext {
  readonly random: Random;
  readonly words: readonly Uint8Array[];
  /** Another input, for splices. */
  readonly other: Uint8Array;
  readonly maxBytes: number;
}

type Mutation = (input: Uint8Array, context: MutationContext) => Uint8Array;

const LF = 10;
const CR = 13;

/** Limits of the widths that lengths and counters have, and what a lenient reader takes for a number. */
const absurdNumbers = ["0", "-1", "1", "00", "255", "256", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296", "9007199254740992", "18446744073709551616", "99999999999999999999999999", "1e9", "0x10", "+5", "NaN", "1.5", "", " ", "٣"];
const absurdBytes = [0, 1, 0x0f, 0x10, 0x1f, 0x20, 0x7f, 0x80, 0x81, 0xfe, 0xff];
/** Lone continuation, overlong slash, a surrogate, beyond Unicode, cut short; and what is valid and strange. */
const strangeUtf8 = [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0xef, 0xbb, 0xbf], [0xf0, 0x9f, 0x98, 0x80], [0xe2, 0x80, 0xa8], [0x00], [0x0b], [0xc2, 0x85], [0xc4, 0xb0]];

function replace(input: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  const result = new Uint8Array(input.length - (to - from) + by.length);
  result.set(input.subarray(0, from));
  result.set(by, from);
  result.set(input.subarray(to), from + by.length);
  return result;
}

function range(input: Uint8Array, random: Random): [from: number, to: number] {
  const from = random.below(input.length + 1);
  return [from, Math.min(input.length, from + random.size(Math.max(1, input.length >> 1)))];
}

/** Lines with their ends. */
function lineAt(input: Uint8Array, at: number): [from: number, to: number] {
  const from = at === 0 ? 0 : input.lastIndexOf(LF, at - 1) + 1;
  const end = input.indexOf(LF, at);
  return [from, end < 0 ? input.length : end + 1];
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;
const isWord = (byte: number | undefined): boolean => byte !== undefined && ((byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 45);

/** From a random place on, the next run of bytes that fit. */
function runOf(input: Uint8Array, random: Random, fits: (byte: number | undefined) => boolean): [from: number, to: number] | null {
  const start = random.below(input.length + 1);
  for (let step = 0; step < input.length; step += 1) {
    const at = (start + step) % input.length;
    if (!fits(input[at])) continue;
    let to = at;
    while (to < input.length && fits(input[to])) to += 1;
    return [at, to];
  }
  return null;
}

const mutations: readonly Mutation[] = [
  function flipBit(input, { random }) {
    const result = input.slice();
    if (result.length > 0) result[random.below(result.length)]! ^= 1 << random.below(8);
    return result;
  },
  function setByte(input, { random }) {
    const result = input.slice();
    if (result.length > 0) result[random.below(result.length)] = random.once(2) ? random.pick(absurdBytes) : random.below(256);
    return result;
  },
  /** A field of 16 or 32 bits in either order. */
  function setField(input, { random }) {
    const result = input.slice();
    const width = random.pick([2, 4]);
    if (result.length < width) return result;
    const at = random.below(result.length - width + 1);
    const view = new DataView(result.buffer);
    const value = random.pick([0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, result.length, result.length - at]);
    if (width === 2) view.setUint16(at, value, random.once(2));
    else view.setUint32(at, value, random.once(2));
    return result;
  },
  function cutOut(input, { random }) {
    const [from, to] = range(input, random);
    return replace(input, from, to, new Uint8Array());
  },
  function double(input, { random }) {
    const [from, to] = range(input, random);
    return replace(input, to, to, input.subarray(from, to));
  },
  function truncate(input, { random }) {
    return input.slice(0, random.below(input.length + 1));
  },
  function insertNoise(input, { random }) {
    const at = random.below(input.length + 1);
    return replace(input, at, at, Uint8Array.from({ length: random.size(32) }, () => random.below(256)));
  },
  function insertWord(input, { random, words }) {
    const at = random.below(input.length + 1);
    return words.length === 0 ? input : replace(input, at, at, random.pick(words));
  },
  function wordForWord(input, { random, words }) {
    const run = runOf(input, random, isWord);
    return run === null || words.length === 0 ? input : replace(input, ...run, random.pick(words));
  },
  function absurdNumber(input, { random }) {
    const run = runOf(input, random, isDigit);
    return run === null ? input : replace(input, ...run, Buffer.from(random.pick(absurdNumbers)));
  },
  function splice(input, { random, other }) {
    const cut = random.below(input.length + 1);
    const from = random.below(other.length + 1);
    return replace(input, cut, random.once(2) ? input.length : cut, other.subarray(from, random.once(2) ? other.length : from + random.size(Math.max(1, other.length - from))));
  },
  function swapLines(input, { random }) {
    const one = lineAt(input, random.below(input.length + 1));
    const other = lineAt(input, random.below(input.length + 1));
    const [first, second] = one[0] <= other[0] ? [one, other] : [other, one];
    if (first[1] > second[0]) return input;
    return Buffer.concat([input.subarray(0, first[0]), input.subarray(...second), input.subarray(first[1], second[0]), input.subarray(...first), input.subarray(second[1])]);
  },
  function moveLine(input, { random }) {
    const line = lineAt(input, random.below(input.length + 1));
    const [, to] = lineAt(input, random.below(input.length + 1));
    return replace(input, to, to, input.subarray(...line));
  },
  function dropLine(input, { random }) {
    return replace(input, ...lineAt(input, random.below(input.length + 1)), new Uint8Array());
  },
  function changeLineEnds(input, { random }) {
    const from = random.below(input.length + 1);
    const kind = random.below(3);
    return Buffer.from([...input].flatMap((byte, at) => (at < from || (byte !== CR && byte !== LF) ? [byte] : kind === 0 ? (byte === CR ? [] : [LF]) : kind === 1 ? (byte === LF ? [] : [CR]) : [byte, 32])));
  },
  function breakUtf8(input, { random }) {
    const at = random.below(input.length + 1);
    return replace(input, at, at, Uint8Array.from(random.pick(strangeUtf8)));
  },
  function otherCase(input, { random }) {
    const [from, to] = range(input, random);
    return input.map((byte, at) => (at >= from && at < to && ((byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)) ? byte ^ 32 : byte));
  },
];

/** One thing said over and over: what costs time or memory that grows faster than the input shows here, and nowhere else. */
function hugeRun(input: Uint8Array, { random, words, maxBytes }: MutationContext): Uint8Array {
  const [from, to] = random.pick([range(input, random), lineAt(input, random.below(input.length + 1))]);
  const piece = random.once(3) && words.length > 0 ? random.pick(words) : random.once(2) ? input.subarray(from, Math.min(to, from + 200)) : Uint8Array.of(random.once(2) ? random.below(256) : (input[from] ?? 0));
  const length = Math.min(maxBytes - input.length, random.size(maxBytes));
  if (piece.length === 0 || length <= 0) return input;
  const run = new Uint8Array(length);
  for (let at = 0; at < length; at += piece.length) run.set(piece.subarray(0, length - at), at);
  return replace(input, to, to, run);
}

export function mutate(input: Uint8Array, context: MutationContext): Uint8Array {
  const { random } = context;
  let result = input;
  for (let left = random.size(8); left > 0; left -= 1) result = random.pick(mutations)(result, context);
  if (random.once(48)) result = hugeRun(result, context);
  return Uint8Array.from(result.subarray(0, context.maxBytes));
}
