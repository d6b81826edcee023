/** One text for one value (RFC 8785, JSON canonicalization scheme): what is hashed does not depend on who wrote it down. */
import { Malformed } from "./note.ts";

/** Deeper than anything that is written here, and far from the end of the stack. */
const maxDepth = 64;

/** Throws Malformed for what JSON cannot say: undefined, functions, numbers without an end, half of a character. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > maxDepth) throw new Malformed(`a value nested more than ${maxDepth} deep`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Malformed(`${value} is no number of JSON`);
    return JSON.stringify(value); // RFC 8785 takes ECMAScript's own way of writing numbers; -0 is 0
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new Malformed("a text with half of a character in it");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(",")}]`;
  if (typeof value !== "object") throw new Malformed(`a ${typeof value} is nothing of JSON`);
  const members = value as Readonly<Record<string, unknown>>;
  // Array.prototype.sort without a comparison orders by UTF-16 code units, as the RFC asks.
  return `{${Object.keys(members).sort().map((key) => `${canonicalJson(key)}:${canonicalJson(members[key], depth + 1)}`).join(",")}}`;
}
