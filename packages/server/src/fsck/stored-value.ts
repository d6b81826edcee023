/**
 * Values as the database has them. Whoever may write to it chooses them: times that are none, numbers that do not fit, JSON of any shape.
 * None of them may end a check, since an end would hide everything behind it.
 */
import { canonicalJson, Malformed } from "@earwitness/verify";
import { isConnectionError } from "#db";
import { messageOf } from "#errors";
import type { Finder } from "./checking.ts";
import type { Finding } from "./finding.ts";

/** PostgreSQL knows times that JavaScript does not. */
export function momentText(at: unknown): string {
  if (at === null) return "none";
  return at instanceof Date && !Number.isNaN(at.getTime()) ? at.toISOString() : "no time of a calendar";
}

/** One text for one value, however deep it is nested and whatever its numbers are. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date) return momentText(value);
  try {
    return canonicalJson(value);
  } catch (error) {
    return `a value that is none of Earwitness's (${messageOf(error)})`;
  }
}

/** A field of something that should be an object of JSON. */
export const fieldOf = (value: unknown, name: string): unknown => (typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined);

/** All of its fields. */
export const fieldsOf = (value: unknown): [name: string, value: unknown][] => (typeof value === "object" && value !== null ? Object.entries(value) : []);

/**
 * What is found where a value of the database could not even be read; null where it was something else that failed, such as the
 * connection. Values that are known to be possible have findings of their own: this is for the next one.
 */
export function unreadable(error: unknown, finding: Finder, where: string): Finding | null {
  if (isConnectionError(error) || !(error instanceof Error)) return null;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) return finding("FILE_UNREADABLE", where, `${error.message}.`);
  const isOfAValue = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError || error instanceof Malformed || (code ?? "").startsWith("22");
  return isOfAValue ? finding("VALUE_NOT_OURS", where, `${error.message}.`) : null;
}
