import { expect, test } from "vitest";
import { formatAuditTime, formatCallDuration, formatClock, formatDate, formatDuration, formatMoment, formatPosition, formatZone, runningDurationMs } from "./time.ts";

const berlin = { locale: "en-US", timeZone: "Europe/Berlin" };
const athens = { locale: "en-US", timeZone: "Europe/Athens" };

test("CAP-20 a time stored in UTC is shown in the reader's zone, on 24 hours", () => {
  expect(formatClock("2024-06-16T13:48:30.343Z", athens)).toBe("16:48:30");
  expect(formatClock("2024-06-16T22:00:05.000Z", berlin)).toBe("00:00:05");
});

test("CAP-20 the date is that of the reader's zone", () => {
  expect(formatDate("2024-06-19T22:30:00.000Z", berlin)).toBe("Jun 20, 2024");
  expect(formatDate("2024-06-19T22:30:00.000Z", { locale: "en-US", timeZone: "UTC" })).toBe("Jun 19, 2024");
});

test("MON-20 CON-16 the audit trail alone writes 12 hours, with the day in two digits", () => {
  expect(formatAuditTime("2024-07-04T14:16:10.900Z", berlin)).toBe("Jul 04, 2024 04:16:10 PM");
  expect(formatAuditTime("2024-07-03T22:05:00.000Z", berlin)).toBe("Jul 04, 2024 12:05:00 AM");
});

test("CAP-21 duration is written HH:MM:SS", () => {
  expect(formatDuration(Date.parse("2024-06-20T19:44:03Z") - Date.parse("2024-06-20T19:25:02Z"))).toBe("00:19:01");
  expect(formatDuration(0)).toBe("00:00:00");
  expect(formatDuration(100 * 3_600_000 + 59_999)).toBe("100:00:59");
});

test("CAP-22 call wait time keeps whole seconds only", () => {
  expect(formatDuration(Date.parse("2024-06-20T11:55:01.621Z") - Date.parse("2024-06-20T11:54:42.471Z"))).toBe("00:00:19");
});

test("CAP-21 an unanswered call shows no duration", () => {
  expect(formatCallDuration({ answeredAt: null, durationMs: 0 })).toBe("");
  expect(formatCallDuration({ answeredAt: "2024-06-20T11:55:01.621Z", durationMs: 61_000 })).toBe("00:01:01");
});

test("CAP-21 a running call counts on from what the server said, and never back", () => {
  expect(runningDurationMs({ durationMs: 5_000, seenAtMs: 1_000 }, 3_500)).toBe(7_500);
  expect(runningDurationMs({ durationMs: 5_000, seenAtMs: 1_000 }, 400)).toBe(5_000);
});

test("the zone is named with the offset of that day", () => {
  expect(formatZone(berlin, new Date("2024-06-16T12:00:00Z"))).toBe("Europe/Berlin, UTC+2");
  expect(formatZone(berlin, new Date("2024-01-16T12:00:00Z"))).toBe("Europe/Berlin, UTC+1");
  expect(formatZone({ locale: "en", timeZone: "UTC" }, new Date(0))).toBe("UTC");
});

test("INT-27 places in a recording", () => {
  expect(formatPosition(0)).toBe("0:00");
  expect(formatPosition(187_900)).toBe("3:07");
  expect(formatPosition(3_729_000)).toBe("1:02:09");
  expect(formatPosition(59_960, true)).toBe("1:00.0");
  expect(formatPosition(1_249, true)).toBe("0:01.2");
});

test("a moment is as short as it stays clear", () => {
  const now = new Date("2024-06-20T12:00:00Z");
  expect(formatMoment("2024-06-20T06:00:01Z", berlin, now)).toBe("08:00:01");
  expect(formatMoment("2024-06-19T06:00:01Z", berlin, now)).toBe("Jun 19, 08:00:01");
  expect(formatMoment("2023-06-19T06:00:01Z", berlin, now)).toBe("Jun 19, 2023, 08:00:01");
});
