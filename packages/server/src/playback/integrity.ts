import { messageOf, Refusal } from "#errors";
import { KeyMissing, NotAuthentic, ObjectMissing } from "#vault";

/** True where stored bytes are not what was sealed, or are gone. */
export function isBroken(error: unknown): error is Error {
  return error instanceof NotAuthentic || error instanceof ObjectMissing;
}

/** What the caller is told of a failure to read. Anything else stays what it is. */
export function refusalOf(error: unknown): unknown {
  if (isBroken(error)) return new Refusal("INTEGRITY", 500, `The stored recording is not what was sealed (${messageOf(error)}). Nothing of it is played; the operator has been told.`);
  if (error instanceof KeyMissing) return new Refusal("KEY_DESTROYED", 410, "The key of this recording has been destroyed; it cannot be read any more.");
  return error;
}
