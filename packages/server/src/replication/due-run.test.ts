import { expect, test } from "vitest";
import { dueRun, lookEveryMs } from "./due-run.ts";

const tenant = "47eaa099-2cb6-416d-86dc-283cf0480ff9";
const at = (text: string): Date => new Date(`2026-11-${text}Z`);

test("M365-54 ACC-13 everything once a night, at a time of the tenant's own; the changes every few minutes; never both", () => {
  expect(dueRun(tenant, { wholeAskedAt: null, lookedAt: null }, at("28T12:00:00"))).toEqual({ kind: "everything", cause: "nightly" });
  const begins: string[] = [];
  let wholeAskedAt = at("28T00:00:00");
  let lookedAt = wholeAskedAt;
  for (let now = wholeAskedAt.getTime(), looks = 0; now < at("30T00:00:00").getTime(); now += 15_000) {
    const due = dueRun(tenant, { wholeAskedAt, lookedAt }, new Date(now));
    if (due === null) continue;
    expect(now - lookedAt.getTime(), "of ten minutes, six are left to the run").toBeLessThan(lookEveryMs + 15_000 + 1);
    lookedAt = new Date(now);
    looks++;
    if (due.kind === "changes") continue;
    wholeAskedAt = lookedAt;
    begins.push(`${lookedAt.toISOString().slice(0, 16)} after ${looks}`);
  }
  expect(begins).toHaveLength(2);
  for (const begin of begins) expect(begin).toMatch(/^2026-11-(28|29)T0[12]:/);
  const other = (tenantId: string) => dueRun(tenantId, { wholeAskedAt: at("27T12:00:00"), lookedAt: at("28T01:59:00") }, at("28T02:00:00"));
  expect(new Set(Array.from({ length: 40 }, (_, index) => other(`tenant ${index}`)?.cause)).size, "not all tenants at once").toBe(2);
});
