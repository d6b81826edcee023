import fc from "fast-check";
import { expect, test } from "vitest";
import { chainFrom, parseHistory, type ArchivedSegment, type ArchiveFiles } from "./archive-files.ts";
import type { Base } from "./base-files.ts";
import { parseBackupManifest } from "./backup-manifest.ts";
import { formatLsn, parseLsn, parseSegmentName, segmentName, segmentStart } from "./lsn.ts";
import { basesToDrop, segmentsToDrop } from "./retention.ts";

test("places and names of segments are written as PostgreSQL writes them", () => {
  expect(formatLsn(parseLsn("0/3000028"))).toBe("0/3000028");
  expect(formatLsn(parseLsn("16/B374D848"))).toBe("16/B374D848");
  expect(segmentName(1, 255)).toBe("0000000100000000000000FF");
  expect(segmentName(2, 256)).toBe("000000020000000100000000");
  for (const wrong of ["0", "0/", "x/1", "123456789/0"]) expect(() => parseLsn(wrong)).toThrow("is no place");
  for (const wrong of ["00000001.history", "0000000100000000000001FF", "short"]) expect(parseSegmentName(wrong)).toBeNull();
  fc.assert(fc.property(fc.integer({ min: 1, max: 0xffffffff }), fc.integer({ min: 0, max: 2 ** 40 - 1 }), (timeline, segment) => void expect(parseSegmentName(segmentName(timeline, segment))).toEqual({ timeline, segment })));
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => void expect(parseLsn(formatLsn(lsn))).toBe(lsn)));
});

const whole = (timeline: number, segment: number): ArchivedSegment => ({ timeline, segment, file: `${segmentName(timeline, segment)}-x.gz`, sha256: "x" });
const partial = (timeline: number, segment: number): ArchivedSegment => ({ timeline, segment, file: `${segmentName(timeline, segment)}.partial`, sha256: null });
const files = (...segments: ArchivedSegment[]): ArchiveFiles => ({ dir: "/", segments, timelines: [] });
const names = ({ segments, missing }: ReturnType<typeof chainFrom>) => [segments.map(({ file }) => file.replace("-x.gz", "")), missing];

test("the chain follows a history over the place where it left the one before, and never along what was left", () => {
  const way = parseHistory("1\t0/5000100\tat a restore\n", 2);
  expect(way).toEqual([{ timeline: 1, from: 0n }, { timeline: 2, from: parseLsn("0/5000100") }]);
  const left = [whole(1, 3), whole(1, 4), whole(1, 5), whole(1, 6), partial(1, 7)];
  expect(names(chainFrom(files(...left, whole(2, 5), partial(2, 6)), way, segmentStart(3)))).toEqual([[segmentName(1, 3), segmentName(1, 4), segmentName(2, 5), `${segmentName(2, 6)}.partial`], null]);
  // Nothing of the new one is archived yet: as far as it came on the old one, and not a segment further.
  expect(names(chainFrom(files(...left), way, segmentStart(3)))).toEqual([[segmentName(1, 3), segmentName(1, 4), segmentName(1, 5)], null]);
});

test("a hole is named; a segment that was never finished, with others behind it, is one", () => {
  const way = [{ timeline: 1, from: 0n }];
  expect(names(chainFrom(files(whole(1, 3), whole(1, 5)), way, segmentStart(3)))).toEqual([[segmentName(1, 3)], segmentName(1, 4)]);
  expect(names(chainFrom(files(whole(1, 3), partial(1, 4), whole(1, 6)), way, segmentStart(3)))[1]).toBe(segmentName(1, 4));
  expect(names(chainFrom(files(whole(1, 3), partial(1, 4)), way, segmentStart(3)))[1]).toBeNull();
  expect(names(chainFrom(files(), way, segmentStart(3)))).toEqual([[], segmentName(1, 3)]);
});

const dayMs = 86_400_000;
const now = new Date("2026-03-01T00:00:00Z");
const base = (daysAgo: number): Base => ({ endedAt: new Date(now.getTime() - daysAgo * dayMs).toISOString(), startLsn: formatLsn(segmentStart(100 - daysAgo)) }) as Base;

test("every moment of the last days stays within reach, the newest backup stays, and nothing else does", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 60 }), (ages, keepDays) => {
      const bases = ages.toSorted((a, b) => b - a).map(base);
      const drop = basesToDrop(bases, now, keepDays);
      const kept = bases.slice(drop.length);
      expect(kept.length).toBeGreaterThan(0);
      expect(drop).toEqual(bases.slice(0, drop.length));
      const horizon = now.getTime() - keepDays * dayMs;
      // What was there to reach the first of those days by is there still; only one of those is kept.
      if (bases.some(({ endedAt }) => Date.parse(endedAt) <= horizon)) expect(kept.filter(({ endedAt }) => Date.parse(endedAt) <= horizon)).toHaveLength(1);
      const segments = Array.from({ length: 101 }, (_, segment) => whole(1, segment));
      const first = Math.min(...kept.map(({ startLsn }) => Number(parseLsn(startLsn) / 16_777_216n)));
      expect(segmentsToDrop(kept, segments).map(({ segment }) => segment)).toEqual(Array.from({ length: first }, (_, segment) => segment));
    }),
  );
  expect(segmentsToDrop([], [whole(1, 1)])).toEqual([]);
});

test("a manifest that was changed anywhere is refused", () => {
  for (const text of ["", "{}", '{ "PostgreSQL-Backup-Manifest-Version": 2,\n"Manifest-Checksum": "' + "0".repeat(64) + '"}\n']) expect(() => parseBackupManifest(text, "/b/backup_manifest")).toThrow("/b/backup_manifest is damaged");
});
