import type { Interaction } from "@earwitness/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import { applyLive, compareNewest, flatten, insertArrivals, matches, seen, totalOf, type Row, type RowPage, type RowPages } from "./rows.ts";

const party = (name: string) => ({ name, address: `sip:${name.toLowerCase()}@contoso.example`, upn: `${name}@contoso.example` });

function row(second: number, change: Partial<Interaction> = {}): Row {
  const id = second.toString(16).padStart(24, "0");
  const interaction: Interaction = {
    id,
    mediaStatus: "Available",
    user: party("Adele"),
    calling: party("Adele"),
    called: party("Zoë"),
    answering: party("Zoë"),
    onBehalfOf: null,
    transferredBy: null,
    transferredTo: null,
    participants: [party("Adele"), party("Zoë")],
    startedAt: new Date(second * 1000).toISOString(),
    answeredAt: new Date(second * 1000).toISOString(),
    releasedAt: null,
    durationMs: 1_000,
    waitMs: 0,
    direction: "Outgoing",
    type: "P2P_Internal",
    releaseCause: "Normal",
    recordingType: "Full Time",
    sysCallId: null,
    sipCallId: "1@contoso.example",
    hasGaps: false,
    sandbox: true,
  lastVerified: null,
    ...change,
  };
  return seen(interaction, 0);
}

const everything = { status: [] };
const list = (pages: Row[][], next: string | null, total = 100): RowPages => ({
  pages: pages.map((items, n) => ({ items, next: n < pages.length - 1 ? "more" : next, ...(n === 0 && { total: { count: total, exact: true } }) })),
  pageParams: [],
});
const seconds = (data: RowPages) => flatten(data).map((one) => Date.parse(one.startedAt) / 1000);

test("INT-06 a running row settles in place when its call ends", () => {
  const data = list([[row(9, { mediaStatus: "Recording" }), row(8)], [row(7)]], null);
  const change = applyLive(data, row(9, { mediaStatus: "Available", durationMs: 77_000 }), everything);
  expect(change.kind).toBe("known");
  if (change.kind !== "known") return;
  expect(seconds(change.data)).toEqual([9, 8, 7]);
  expect(flatten(change.data)[0]).toMatchObject({ mediaStatus: "Available", durationMs: 77_000 });
});

test("a new row is an arrival and does not touch the rows that are read", () => {
  expect(applyLive(list([[row(9)]], null), row(10), everything)).toEqual({ kind: "new" });
});

test("a row older than everything loaded comes with its page, not before", () => {
  expect(applyLive(list([[row(9), row(8)]], "more"), row(3), everything).kind).toBe("elsewhere");
  expect(applyLive(list([[row(9), row(8)]], null), row(3), everything).kind).toBe("new");
});

test("INT-10 a row leaves a filtered list when it no longer matches, and the count with it", () => {
  const recording = { status: ["Recording"] };
  const change = applyLive(list([[row(9, { mediaStatus: "Recording" })], [row(8, { mediaStatus: "Recording" })]], null, 2), row(8), recording);
  expect(change.kind).toBe("known");
  if (change.kind !== "known") return;
  expect(seconds(change.data)).toEqual([9]);
  expect(change.data.pages[0]?.total?.count).toBe(1);
  expect(applyLive(list([[]], null), row(10), recording).kind).toBe("elsewhere");
});

test("INT-18 search knows neither case nor accents, and looks at names, addresses and numbers of all parties", () => {
  expect(matches(row(1), { q: "ZOE", status: [] })).toBe(true);
  expect(matches(row(1), { q: "adele@contoso", status: [] })).toBe(true);
  expect(matches(row(1, { calling: { name: null, address: "+17325550143", upn: null } }), { q: "5550143", status: [] })).toBe(true);
  expect(matches(row(1), { q: "megan", status: [] })).toBe(false);
});

test("INT-08 whatever arrives in whatever order, the list is newest first, complete and without doubles", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }), fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 20 }), fc.integer({ min: 1, max: 9 }), (loaded, arriving, size) => {
      const rows = loaded.map((second) => row(second)).toSorted(compareNewest);
      const pages: Row[][] = [];
      for (let n = 0; n < rows.length; n += size) pages.push(rows.slice(n, n + size));
      const data = insertArrivals(list(pages, null), arriving.map((second) => row(second)).filter((one, n, all) => all.findIndex((other) => other.id === one.id) === n));
      const wanted = [...new Set([...loaded, ...arriving])].toSorted((one, two) => two - one);
      expect(seconds(data)).toEqual(wanted);
      expect(data.pages[0]?.total?.count).toBe(100 + wanted.length - loaded.length);
    }),
  );
});

test("rows that came twice, because pages shifted between two requests, are shown once", () => {
  expect(seconds(list([[row(9), row(8)], [row(8), row(7)]], null))).toEqual([9, 8, 7]);
});

test("the number in the title counts what waits, and stays open where the server stopped counting", () => {
  const data = (total: RowPage["total"]): RowPages => ({ pages: [{ items: [], next: "more", ...(total && { total }) }], pageParams: [null] });
  expect(totalOf(data({ count: 312, exact: true }), 3)).toEqual({ count: 315, exact: true });
  expect(totalOf(data({ count: 10_000, exact: false }), 3)).toEqual({ count: 10_000, exact: false });
  expect(totalOf(data(undefined), 0)).toEqual({ count: 0, exact: false });
});
