import { describe, expect, test } from "vitest";
import { abandon, backoffMs, readRetryAfterMs, sleep } from "./waits.ts";

const now = new Date("2026-11-02T10:00:00Z");
const read = (retryAfter: string, date?: string): number | null => readRetryAfterMs(new Headers({ "retry-after": retryAfter, ...(date === undefined ? {} : { date }) }), now);

describe("readRetryAfterMs", () => {
  test("seconds, or a date by the answer's own clock where it says one", () => {
    expect(read("0")).toBe(0);
    expect(read(" 17 ")).toBe(17_000);
    expect(read("Mon, 02 Nov 2026 10:00:30 GMT")).toBe(30_000);
    expect(read("Mon, 02 Nov 2026 13:00:30 GMT", "Mon, 02 Nov 2026 13:00:00 GMT"), "their clock is three hours ahead").toBe(30_000);
    expect(read("Mon, 02 Nov 2026 09:00:00 GMT"), "over already").toBe(0);
  });

  test("what is neither says nothing", () => {
    for (const written of ["", "soon", "-5", "1.5", "1e9", "99999999999", "Mon, nonsense", "0x10"]) expect(read(written), written).toBeNull();
    expect(readRetryAfterMs(new Headers(), now)).toBeNull();
  });
});

test("backoff doubles up to a minute, half of it by chance", () => {
  expect([0, 1, 2, 3].map((attempt) => backoffMs(attempt, 0))).toEqual([500, 1_000, 2_000, 4_000]);
  expect([0, 1, 2, 3].map((attempt) => backoffMs(attempt, 1))).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(backoffMs(1_000, 1)).toBe(60_000);
});

test("an aborted wait ends at once, with the reason", async () => {
  const leaving = new AbortController();
  const waits = [sleep(60_000, leaving.signal), abandon(new Promise(() => undefined), leaving.signal)];
  leaving.abort(new Error("stopping"));
  for (const wait of waits) await expect(wait).rejects.toThrow("stopping");
  await expect(sleep(1, leaving.signal)).rejects.toThrow("stopping");
  await expect(abandon(Promise.reject(new Error("nobody waits for this")), leaving.signal), "and what fails then fails nobody").rejects.toThrow("stopping");
  await expect(abandon(Promise.resolve(5), new AbortController().signal)).resolves.toBe(5);
});
