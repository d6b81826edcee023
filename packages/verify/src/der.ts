/** Reads DER (X.690): definite, shortest lengths and one tag byte, which is all that certificates and timestamps use. What is anything else is Malformed. */
import { Malformed } from "./note.ts";

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[number]`, constructed or not. */
export const context = (number: number, isConstructed = true): number => (isConstructed ? 0xa0 : 0x80) + number;

export interface Der {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With its tag and length. */
  readonly whole: Uint8Array;
}

/** Fields of a sequence or a set, in their order. */
export interface Fields {
  take(tag: number): Der;
  /** Null where the next field is another, or there is none. */
  optional(tag: number): Der | null;
  next(): Der;
  /** Throws where a field is left. */
  end(): void;
  readonly isAtEnd: boolean;
}

function readAt(bytes: Uint8Array, at: number): { readonly der: Der; readonly end: number } {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new Malformed("DER that ends too early");
  if ((tag & 0x1f) === 0x1f) throw new Malformed("DER with a tag of several bytes");
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count === 0 || count > 4 || bytes[start] === 0) throw new Malformed("DER with a length that is not written in its shortest form");
    length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + (bytes[start + i] ?? Number.NaN);
    start += count;
    if (length < 0x80) throw new Malformed("DER with a length that is not written in its shortest form");
  }
  const end = start + length;
  if (!(end <= bytes.length)) throw new Malformed("DER that ends too early");
  return { der: { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) }, end };
}

/** The one value that these bytes are. */
export function readDer(bytes: Uint8Array, tag: number): Der {
  const { der, end } = readAt(bytes, 0);
  if (end !== bytes.length) throw new Malformed("DER with bytes after its end");
  return expectTag(der, tag);
}

export function fieldsOf({ content }: Der): Fields {
  let at = 0;
  const next = (): Der => {
    const { der, end } = readAt(content, at);
    at = end;
    return der;
  };
  return {
    take: (tag) => expectTag(next(), tag),
    optional: (tag) => (at < content.length && content[at] === tag ? next() : null),
    next,
    end() {
      if (at < content.length) throw new Malformed("DER with a field that nobody expects");
    },
    get isAtEnd() {
      return at >= content.length;
    },
  };
}

export function allOf(der: Der): Der[] {
  const fields = fieldsOf(der);
  const found: Der[] = [];
  while (!fields.isAtEnd) found.push(fields.next());
  return found;
}

/** The one value inside of an explicit tag. */
export function inside(der: Der, tag: number): Der {
  return readDer(der.content, tag);
}

function expectTag(der: Der, tag: number): Der {
  if (der.tag !== tag) throw new Malformed(`DER with tag ${der.tag} where ${tag} is due`);
  return der;
}

/** Dotted, as in `2.5.29.37`. */
export function oidOf({ content }: Der): string {
  if (content.length === 0 || content.length > 64 || content.at(-1)! >= 0x80) throw new Malformed("an object identifier that is none");
  const arcs: bigint[] = [];
  let arc = 0n;
  let isFirstByte = true;
  for (const byte of content) {
    if (isFirstByte && byte === 0x80) throw new Malformed("an object identifier that is not written in its shortest form");
    arc = arc * 128n + BigInt(byte & 0x7f);
    isFirstByte = byte < 0x80;
    if (!isFirstByte) continue;
    if (arcs.length === 0) arcs.push(arc < 40n ? 0n : arc < 80n ? 1n : 2n, arc < 40n ? arc : arc < 80n ? arc - 40n : arc - 80n);
    else arcs.push(arc);
    arc = 0n;
  }
  return arcs.join(".");
}

/** Two's complement, in its shortest form. */
export function integerOf({ content }: Der): Uint8Array {
  const [first, second] = content;
  const isPadded = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (first === undefined || isPadded) throw new Malformed("an integer that is not written in its shortest form");
  return content;
}

/** A whole number from 0 on that is small enough to count with. */
export function countOf(der: Der): number {
  const bytes = integerOf(der);
  if (bytes[0]! >= 0x80 || bytes.length > 6) throw new Malformed("an integer that is no count");
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

export function booleanOf({ content }: Der): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new Malformed("a boolean that is neither true nor false");
  return content[0] === 0xff;
}

/** A bit string of whole bytes. */
export function bitStringOf({ content }: Der): Uint8Array {
  if (content[0] !== 0) throw new Malformed("a bit string that does not end with a byte");
  return content.subarray(1);
}

/** Epoch milliseconds of a UTCTime or GeneralizedTime in UTC; fractions of a second below a millisecond are cut off. */
export function timeOf({ tag, content }: Der): number {
  const text = String.fromCharCode(...content.subarray(0, 40));
  const [, years, rest, fraction = ""] = (tag === tags.utcTime ? /^([0-9]{2})([0-9]{10})Z$/ : tag === tags.generalizedTime ? /^([0-9]{4})([0-9]{10})(\.[0-9]{0,15}[1-9])?Z$/ : /^$/).exec(text) ?? [];
  if (content.length > 40 || years === undefined || rest === undefined) throw new Malformed("a time that cannot be read");
  const year = years.length === 4 ? years : `${Number(years) < 50 ? "20" : "19"}${years}`; // RFC 5280 §4.1.2.5.1
  const [month, day, hour, minute, second] = rest.match(/../g)!;
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(1, 4).padEnd(3, "0")}Z`;
  const ms = Date.parse(written);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== written) throw new Malformed("a time that is none");
  return ms;
}
