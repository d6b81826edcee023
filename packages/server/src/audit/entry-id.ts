import { Refusal } from "#errors";

/** Where an entry lies: its moment names the partition, so that it is found without looking through all of them. */
export interface EntryKey {
  readonly recordedAt: Date;
  readonly evidenceId: string;
}

export function formatEntryId({ recordedAt, evidenceId }: EntryKey): string {
  return `${recordedAt.getTime().toString(36)}-${evidenceId}`;
}

export function parseEntryId(text: string, where: string): EntryKey {
  const [, moment = "", evidenceId = ""] = /^([0-9a-z]{1,11})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(text) ?? [];
  const recordedAt = new Date(Number.parseInt(moment, 36));
  if (Number.isNaN(recordedAt.getTime())) {
    const message = "is no entry of this list";
    throw new Refusal("VALIDATION", 400, `\`${where}\` ${message}.`, [{ where, message }]);
  }
  return { recordedAt, evidenceId };
}
