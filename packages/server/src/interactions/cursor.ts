import { Refusal } from "#errors";
import { isId } from "#ids";

/** Place in the list: after this row, newest first. */
export interface Cursor {
  readonly startedAt: Date;
  readonly id: string;
}

/** Opaque on purpose: the order of the list may change, and then so may this. */
export function formatCursor(cursor: Cursor): string {
  return Buffer.from(`${cursor.startedAt.getTime()}.${cursor.id}`, "latin1").toString("base64url");
}

export function parseCursor(text: string): Cursor {
  const [startedAtMs = "", id = "", ...rest] = Buffer.from(text, "base64url").toString("latin1").split(".");
  const startedAt = new Date(/^\d{1,14}$/.test(startedAtMs) ? Number(startedAtMs) : Number.NaN);
  if (rest.length > 0 || !isId(id) || Number.isNaN(startedAt.getTime())) {
    const message = "is not the `next` of a page of this list";
    throw new Refusal("VALIDATION", 400, `\`after\` ${message}.`, [{ where: "query.after", message }]);
  }
  return { startedAt, id };
}
