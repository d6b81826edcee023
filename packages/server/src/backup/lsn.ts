/*
 * Places in PostgreSQL's write-ahead log. A place (LSN) is a count of bytes since the cluster was made; the log is kept in
 * segments of 16 MB, whose names say timeline and number. A timeline is a history of its own: each restore begins one.
 */

export const segmentBytes = 16 * 1024 * 1024;

/** `0/3000028`, as PostgreSQL writes it. */
export function parseLsn(text: string): bigint {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new Error(`“${text}” is no place in a write-ahead log`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export const formatLsn = (lsn: bigint): string => `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;

/** The number of the segment that holds the byte at this place. */
export const segmentOf = (lsn: bigint): number => Number(lsn / BigInt(segmentBytes));

export const segmentStart = (segment: number): bigint => BigInt(segment) * BigInt(segmentBytes);

const hex8 = (number: number): string => number.toString(16).toUpperCase().padStart(8, "0");
const perLogFile = 0x1_0000_0000 / segmentBytes;

export const segmentName = (timeline: number, segment: number): string => hex8(timeline) + hex8(Math.floor(segment / perLogFile)) + hex8(segment % perLogFile);

export function parseSegmentName(name: string): { timeline: number; segment: number } | null {
  if (!/^[0-9A-F]{24}$/.test(name)) return null;
  const [timeline, high, low] = [name.slice(0, 8), name.slice(8, 16), name.slice(16)].map((part) => Number.parseInt(part, 16));
  return low! < perLogFile ? { timeline: timeline!, segment: high! * perLogFile + low! } : null;
}

export const historyName = (timeline: number): string => `${hex8(timeline)}.history`;
