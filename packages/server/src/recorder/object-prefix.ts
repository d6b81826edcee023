import { mintedAt } from "#ids";

/** Folder of a recording in its tenant's store: `<tenant>/<yyyy>/<mm>/<dd>/<recording>`, by the day it began (UTC). */
export function objectPrefix(tenantId: string, recordingId: string): string {
  const [year, month, day] = mintedAt(recordingId).toISOString().slice(0, 10).split("-");
  return `${tenantId}/${year}/${month}/${day}/${recordingId}`;
}
