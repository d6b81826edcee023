import { mostVerificationSentenceLength, mostVerificationSentences } from "@earwitness/contract";
import type { Statement } from "@earwitness/verify";
import { describe, expect, test } from "vitest";
import { findingOf } from "./finding.ts";

const root = "ab".repeat(32);
const track: Statement = { kind: "holds", about: "track", where: "x", says: "All 3 seconds." };
const open: Statement = { kind: "not checked", about: "witness", where: "", says: "Split view: not checked." };
const broken: Statement = { kind: "fails", about: "store", where: "x", says: "Second 00:02 cannot be opened." };
const found = (statements: readonly Statement[], checkpoint: { size: number; root: string } | null = { size: 7, root }) =>
  findingOf({ report: { holds: !statements.some(({ kind }) => kind === "fails"), unreadable: false, statements }, interaction: null, vkeys: [], signedBy: null, checkpoint }, "By the key.");

describe("what is told of a check", () => {
  test("holds, against a head, with the key first", () => expect(found([track, open])).toEqual({ result: "holds", checked: ["By the key.", "All 3 seconds."], differing: [], checkpoint: { size: 7, root } }));

  test("one failure is enough", () => expect(found([track, broken])).toMatchObject({ result: "differs", differing: ["Second 00:02 cannot be opened."], checked: ["By the key.", "All 3 seconds."] }));

  test("without a head or without a second of sound it was not all", () => {
    expect(found([track], null).result).toBe("incomplete");
    expect(found([open]).result).toBe("incomplete");
  });

  test("no more and no longer sentences than are kept", () => {
    const { differing } = found(Array.from({ length: 100 }, (_, second) => ({ ...broken, says: `Second ${second} ${"x".repeat(1_000)}` })));
    expect([differing.length, differing[0]!.length, differing.at(-1)]).toEqual([mostVerificationSentences, mostVerificationSentenceLength, `… and ${100 - mostVerificationSentences + 1} more.`]);
  });
});
