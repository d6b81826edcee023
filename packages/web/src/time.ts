/** Times as the portal writes them: 24 hours, no AM or PM, in the reader's own zone. */

const formats = new Map<string, Intl.DateTimeFormat>();
/** Making a format costs more than using it a thousand times, and a list uses it on every row. */
function format(key: string, locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const full = `${key} ${locale} ${options.timeZone}`;
  const known = formats.get(full) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(full, known);
  return known;
}

export interface Reader {
  readonly locale: string;
  readonly timeZone: string;
}

/** `Jun 20, 2024` */
export const formatDate = (iso: string, reader: Reader): string =>
  format("date", reader.locale, { timeZone: reader.timeZone, year: "numeric", month: "short", day: "numeric" }).format(new Date(iso));

/** `Thursday, June 20, 2024` */
export const formatLongDate = (iso: string, reader: Reader): string =>
  format("long", reader.locale, { timeZone: reader.timeZone, weekday: "long", year: "numeric", month: "long", day: "numeric" }).format(new Date(iso));

/** `19:24:49` */
export const formatClock = (iso: string, reader: Reader): string =>
  format("clock", reader.locale, { timeZone: reader.timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(iso));

/** `Jul 04, 2024 04:16:10 PM` (MON-20, CON-16): the one place with 12 hours. */
export function formatAuditTime(iso: string, reader: Reader): string {
  const at = new Date(iso);
  const date = format("audit date", reader.locale, { timeZone: reader.timeZone, year: "numeric", month: "short", day: "2-digit" }).format(at);
  const time = format("audit time", reader.locale, { timeZone: reader.timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: true }).format(at);
  return `${date} ${time}`.replaceAll("\u202f", " ");
}

/** As short as it stays clear: the time today, the day with it in this year, the year beyond. */
export function formatMoment(iso: string, reader: Reader, now: Date): string {
  const clock = formatClock(iso, reader);
  const [date, today] = [formatDate(iso, reader), formatDate(now.toISOString(), reader)];
  if (date === today) return clock;
  const day = format("day", reader.locale, { timeZone: reader.timeZone, month: "short", day: "numeric" }).format(new Date(iso));
  return `${yearOf(iso, reader) === yearOf(now.toISOString(), reader) ? day : date}, ${clock}`;
}
const yearOf = (iso: string, reader: Reader): string => format("year", reader.locale, { timeZone: reader.timeZone, year: "numeric" }).format(new Date(iso));

/** `UTC+2`, as it was at that moment. */
export function formatOffset(reader: Reader, at: Date): string {
  const offset = format("zone", "en", { timeZone: reader.timeZone, timeZoneName: "shortOffset" })
    .formatToParts(at)
    .find((part) => part.type === "timeZoneName")?.value;
  return offset?.replace("GMT", "UTC") ?? "";
}

/** `Europe/Berlin, UTC+2`: the offset is that of the given moment. */
export function formatZone(reader: Reader, at: Date): string {
  const offset = formatOffset(reader, at);
  return !offset || reader.timeZone === "UTC" ? reader.timeZone : `${reader.timeZone}, ${offset}`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** `00:19:01` (CAP-21): whole seconds that have passed. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Duration of answered calls; nothing for the others (CON-16: stored 0, shown empty). */
export const formatCallDuration = (call: { answeredAt: string | null; durationMs: number }): string => (call.answeredAt ? formatDuration(call.durationMs) : "");

/** `3:07`, `1:02:09`: a place in a recording. `tenths` for short spans where seconds would all look alike. */
export function formatPosition(ms: number, tenths = false): string {
  const whole = Math.max(0, tenths ? Math.round(ms / 100) * 100 : ms);
  const seconds = Math.floor(whole / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const head = hours > 0 ? `${hours}:${two(minutes)}` : String(minutes);
  return `${head}:${two(seconds % 60)}${tenths ? `.${Math.floor((whole % 1000) / 100)}` : ""}`;
}

/** A running call goes on between two answers of the server; the server's clock is never compared with ours. */
export const runningDurationMs = (call: { durationMs: number; seenAtMs: number }, nowMs: number): number => call.durationMs + Math.max(0, nowMs - call.seenAtMs);
