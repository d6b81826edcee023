import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { format, parseProgress, readWalk, writeWalk, type CheckProgress } from "./progress-of-check.ts";

const tenant = { tenantId: "0193a1b2-0000-7000-8000-000000000000", slug: "contoso", size: 600, root: "ab".repeat(32), startedAt: "2026-11-20T10:00:00.000Z", counted: { rows: 1, recordings: 2, bytes: 3, settings: 4 }, tally: { ROW_MISSING: 2 } };
const walk = { size: 515, levels: [randomBytes(3 * 32), randomBytes(2 * 32)] };
const good: CheckProgress = {
  format,
  startedAt: "2026-11-20T10:00:00.000Z",
  parts: ["rows", "log"],
  done: [tenant],
  current: { tenant, position: { step: "log", cursor: { walk: writeWalk(walk), agreed: 300, differing: 0 } } },
  left: ["0193a1b2-0000-7000-8000-000000000001"],
  findings: [{ code: "ROW_MISSING", part: "rows", tenant: "contoso", where: "row 5", says: "The database has no row at place 5." }],
};
const at = (cursor: object, step = "log"): unknown => ({ ...good, current: { tenant, position: { step, cursor } } });

describe("how far a check came, out of a file", () => {
  test("is read as it was written, tree and all", () => {
    expect(parseProgress(JSON.stringify(good))).toEqual(good);
    expect(readWalk(writeWalk(walk), 600)).toEqual(walk);
  });

  test.each([
    ["no JSON", "{"],
    ["nothing", "null"],
    ["another format", JSON.stringify({ ...good, format: "earwitness/fsck-progress/2" })],
    ["something more", JSON.stringify({ ...good, more: 1 })],
    ["a part that does not exist", JSON.stringify({ ...good, parts: ["rows", "everything"] })],
    ["a part twice", JSON.stringify({ ...good, parts: ["rows", "rows"] })],
    ["a finding that does not exist", JSON.stringify({ ...good, findings: [{ ...good.findings[0], code: "toString" }] })],
    ["a count of one", JSON.stringify({ ...good, done: [{ ...tenant, tally: { constructor: 1 } }] })],
    ["a negative count", JSON.stringify({ ...good, done: [{ ...tenant, size: -1 }] })],
    ["a fraction", JSON.stringify(at(1.5 as never, "rows"))],
    ["more rows than there are", JSON.stringify(at(601 as never, "rows"))],
    ["a path as an id", JSON.stringify(at("../../../../etc/passwd000" as never, "recordings"))],
    ["a step that does not exist", JSON.stringify(at({}, "all"))],
    ["a tree without a leaf", JSON.stringify(at({ walk: { size: 515, levels: [writeWalk(walk).levels[0]!.slice(0, -8), writeWalk(walk).levels[1]] }, agreed: 0, differing: 0 }))],
    ["a tree with a level too many", JSON.stringify(at({ walk: { size: 3, levels: [...writeWalk({ size: 3, levels: [walk.levels[0]!, randomBytes(32)] }).levels] }, agreed: 0, differing: 0 }))],
    ["a tree without its upper level", JSON.stringify(at({ walk: { size: 515, levels: [writeWalk(walk).levels[0]] }, agreed: 0, differing: 0 }))],
    ["a tree that is larger than the log", JSON.stringify(at({ walk: { size: 1_027, levels: [writeWalk(walk).levels[0], randomBytes(4 * 32).toString("base64")] }, agreed: 0, differing: 0 }))],
  ])("%s is refused, with what to do", (_what, text) => {
    expect(() => parseProgress(text)).toThrow(/check from the beginning/);
  });

  test("whatever bytes it holds, it is read or refused in words", () => {
    const written = JSON.stringify(good);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(written.length), fc.nat(3), fc.string({ maxLength: 4 })), { minLength: 1, maxLength: 4 }), (changes) => {
        let text = written;
        for (const [from, length, put] of changes) text = text.slice(0, from) + put + text.slice(from + length);
        try {
          parseProgress(text);
        } catch (error) {
          expect((error as Error).message).toMatch(/^the file of what was checked so far/);
        }
      }),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(fc.json(), (text) => {
      expect(() => parseProgress(text)).toThrow(/^the file of what was checked so far/);
    }));
  });
});
