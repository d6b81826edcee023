/** Reads the shape of JSON that strangers may have written. Every reader throws Malformed and says where. */
import { Malformed } from "./note.ts";

export type Json = Readonly<Record<string, unknown>>;

/** Text of UTF-8 without a mark at its beginning; anything else is refused, not mended. */
export function parseJson(bytes: Uint8Array, where: string): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed(`${where} is no UTF-8`);
  }
  return parseJsonText(text, where);
}

export function parseJsonText(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Malformed(`${where} is no JSON`);
  }
}

export function object(value: unknown, where: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed(`${where} is no object`);
  return value as Json;
}

export function list<T>(value: unknown, where: string, read: (item: unknown, where: string) => T): T[] {
  if (!Array.isArray(value)) throw new Malformed(`${where} is no list`);
  return value.map((item, index) => read(item, `${where}[${index}]`));
}

export function text(value: unknown, where: string): string {
  if (typeof value !== "string" || !value.isWellFormed()) throw new Malformed(`${where} is no text`);
  return value;
}

export const textOrNull = (value: unknown, where: string): string | null => (value === null ? null : text(value, where));

/** A whole number that is not negative. */
export function count(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw new Malformed(`${where} is no number of something`);
  return value;
}

export function flag(value: unknown, where: string): boolean {
  if (typeof value !== "boolean") throw new Malformed(`${where} is neither true nor false`);
  return value;
}

/** SHA-256 in lower-case hex. */
export function digestHex(value: unknown, where: string): string {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) throw new Malformed(`${where} is no SHA-256`);
  return value;
}
