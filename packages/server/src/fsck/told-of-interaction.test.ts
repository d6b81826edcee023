import { describe, expect, test } from "vitest";
import type { StoredRow } from "#evidence";
import { toldOfInteraction } from "./told-of-interaction.ts";

const id = "64b0c1d2a1b2c3d4e5f60718";
const row = (treeIndex: number, action: string, detail: Readonly<Record<string, unknown>>): StoredRow => ({
  row: { tenantId: "t", evidenceId: `e${treeIndex}`, recordedAt: "", occurredAt: "", nodeId: "n", actor: { kind: "machine", id: "n", name: "Recorder" }, action, item: "Call", subject: id, remoteAddress: null, reason: null, detail },
  salt: null,
  treeIndex,
  erasedBy: null,
  flaw: null,
});
const opened = row(3, "Interaction Opened", { personId: "p", answering: null, called: "c" });
const changed = row(5, "Interaction Changed", { answering: "bill" });
const end = row(9, "Recording Finalized", { interactions: [{ interactionId: "another", releasedAt: "1" }, { interactionId: id, releasedAt: "2" }] });
const values = (told: ReadonlyMap<string, { value: unknown; by: string }>) => [...told].map(([name, { value, by }]) => [name, value, by]);

describe("what rows told of an interaction", () => {
  test("each name as the last row has it that says it, and the end of the recording apart", () => {
    const told = toldOfInteraction(id, [opened, changed], end, []);
    expect(values(told.changed)).toEqual([["personId", "p", "row 3"], ["answering", "bill", "row 5"], ["called", "c", "row 3"]]);
    expect(values(told.settled)).toEqual([["interactionId", id, "row 9"], ["releasedAt", "2", "row 9"]]);
  });

  test("a row that was written behind the end says nothing", () => {
    const told = toldOfInteraction(id, [opened, changed, row(11, "Interaction Changed", { answering: "mallory" })], end, []);
    expect(told.changed.get("answering")?.value).toBe("bill");
  });

  test("an erased row behind one that is left may have said something else, but not of what is told once; one before it or behind the end may not", () => {
    const isMaybeOver = (erased: readonly number[]) => [...toldOfInteraction(id, [opened, changed], end, erased).changed.values()].map((saying) => saying.isMaybeOver);
    expect([isMaybeOver([4]), isMaybeOver([6]), isMaybeOver([2, 12])]).toEqual([[false, false, true], [false, true, true], [false, false, false]]);
  });

  test("what the database did not take was brought by the end: nothing that was told before holds, but what is told once", () => {
    expect(values(toldOfInteraction(id, [opened, row(4, "Fact Rejected", {}), changed], end, []).changed)).toEqual([["personId", "p", "row 3"], ["answering", "bill", "row 5"]]);
  });

  test("an end of an earlier version, or of another shape, settles nothing", () => {
    for (const interactions of [undefined, null, "x", [null, 1, "x"], { [id]: {} }]) expect(toldOfInteraction(id, [opened], row(9, "Recording Finalized", { interactions }), []).settled.size).toBe(0);
  });
});
