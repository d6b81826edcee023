/** What the fuzzer has to know of one parser. `parsers.ts` lists them all. */

/** `refused` is a proper answer: the bytes were not what the parser reads, and it said so. */
export type Verdict = "taken" | "refused";

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly verdict: Verdict;
}

export interface Harness {
  readonly name: string;
  /** Real inputs, written by us, good and bad; the first corpus. */
  readonly seeds: readonly Seed[];
  /** Words that mean something to the parser. */
  readonly words: readonly string[];
  /** Reads the input in every way there is and throws where an answer cannot be right. */
  readonly run: (input: Uint8Array) => Verdict;
  /** The parser without the checks around it, for its time; `run` where absent. */
  readonly alone?: (input: Uint8Array) => unknown;
  /** Longest input; costs that grow faster than the input show only where inputs are long. */
  readonly maxBytes: number;
  /** Makes checksums right after a mutation, where a wrong one would hide everything behind it. */
  readonly repair?: (input: Uint8Array) => Uint8Array;
  /** Parts of the paths of the sources whose blocks guide the search. */
  readonly covers: readonly string[];
}

type Required = "name" | "seeds" | "words" | "run";

export function harness(given: Pick<Harness, Required> & Partial<Harness>): Harness {
  return { maxBytes: 64 * 1024, covers: ["/packages/media/src/"], ...given };
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const bytes = (string: string): Uint8Array => new TextEncoder().encode(string);
export const hex = (string: string): Uint8Array => new Uint8Array(Buffer.from(string.replaceAll(/\s/g, ""), "hex"));

export const taken = (name: string, input: Uint8Array | string): Seed => ({ name, bytes: typeof input === "string" ? bytes(input) : input, verdict: "taken" });
export const refused = (name: string, input: Uint8Array | string): Seed => ({ name, bytes: typeof input === "string" ? bytes(input) : input, verdict: "refused" });

/** As many units as fit into so many bytes: the dearest inputs say one thing over and over. */
export function filled(size: number, head: string, unit: (index: number) => string, tail = ""): Uint8Array {
  const parts = [head];
  let room = size - bytes(head + tail).length;
  for (let index = 0; ; index += 1) {
    const next = unit(index);
    room -= bytes(next).length;
    if (room < 0) return bytes([...parts, tail].join(""));
    parts.push(next);
  }
}

/** Throws unless it holds. `what` must not quote the input: failures are told apart by it. */
export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Throws unless `view` lies inside `input`: an offset that was believed reads a neighbor's memory. */
export function demandInside(view: Uint8Array, input: Uint8Array): void {
  const inside = view.length === 0 || (view.buffer === input.buffer && view.byteOffset >= input.byteOffset && view.byteOffset + view.length <= input.byteOffset + input.length);
  demand(inside, "a view lies outside the input");
}

/** The same bytes in the middle of a larger buffer full of others, where a read past the end finds something to believe. */
export function amongOthers(input: Uint8Array): Uint8Array {
  const arena = new Uint8Array(input.length + 96).fill(0x41);
  arena.set(input, 32);
  return arena.subarray(32, 32 + input.length);
}

/** Everything that a value says, as text, so that two can be compared. */
export function sayAll(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Uint8Array) return Buffer.from(inner).toString("latin1");
    if (inner instanceof Map) return [...inner];
    if (typeof inner === "bigint") return `${inner}n`;
    if (typeof inner === "object" && inner !== null && Symbol.iterator in inner && !Array.isArray(inner)) return [...(inner as Iterable<unknown>)];
    return inner;
  });
}

/** Throws unless reading gives the same wherever the bytes lie. */
export function demandSameAnywhere(input: Uint8Array, read: (bytes: Uint8Array) => unknown): void {
  demand(sayAll(read(input)) === sayAll(read(amongOthers(input))), "what is read depends on what lies around the input");
}

export const equalBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
