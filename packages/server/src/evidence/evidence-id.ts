import { randomBytes } from "node:crypto";

/**
 * Id of a row that is recorded at this moment: a UUID of version 7 (RFC 9562), which holds the moment in its first 48 bits. By it a row
 * is found with one look into the primary key, which begins with the time. Behind it they are counted: rows of one millisecond and
 * process stand in the order in which they were made, so that what was changed twice at once can be followed.
 */
export function newEvidenceId(recordedAt: Date): string {
  const bytes = randomBytes(16);
  const ms = recordedAt.getTime();
  count = ms === lastMs ? Math.min(count + 1, mostCounted) : 0;
  lastMs = ms;
  bytes.writeUIntBE(ms, 0, 6);
  bytes.writeUInt16BE(0x7000 | count, 6);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const mostCounted = 0x0fff;
let [lastMs, count] = [0, 0];

/** When the row was recorded; null for rows of before, whose ids say nothing. */
export function recordedAtOf(evidenceId: string): Date | null {
  return evidenceId[14] === "7" ? new Date(Number.parseInt(evidenceId.slice(0, 8) + evidenceId.slice(9, 13), 16)) : null;
}
