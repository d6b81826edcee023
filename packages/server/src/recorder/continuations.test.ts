import { describe, expect, test } from "vitest";
import type { CallFacts } from "./call.ts";
import { continuableIds, createContinuations } from "./continuations.ts";
import type { Fact } from "./facts.ts";

const session = "th5rpTaCTda4BGm4Sy1FHA==";
const startMs = Date.parse("2026-11-20T09:15:00Z");
const minute = 60_000;

const opened = (recordingId: string, more: Partial<Extract<Fact, { kind: "recording.opened" }>> = {}): Fact => ({
  kind: "recording.opened",
  tenantId: "t",
  recordingId,
  atMs: startMs,
  sipCallId: "rs@sbc",
  trunkId: "trunk",
  trunkName: "SBC",
  remoteAddress: "127.0.0.1",
  keyId: "k",
  decision: { record: true, reasons: [], ruleVersion: "1" },
  conversationIds: [session],
  ...more,
});
const ended = (recordingId: string, endReason: string, atMs = startMs + minute): Fact => ({ kind: "recording.ended", tenantId: "t", recordingId, atMs, endReason });

describe("what a new recording continues", () => {
  test.each([
    ["timed out", [opened("r1"), ended("r1", "timeout")], "r1"],
    ["failed", [opened("r1"), ended("r1", "fault")], "r1"],
    ["was hung up", [opened("r1"), ended("r1", "released")], null],
    ["still runs", [opened("r1")], null],
    ["timed out twice: the later one", [opened("r1"), ended("r1", "timeout"), opened("r2"), ended("r2", "timeout", startMs + 2 * minute)], "r2"],
    ["was continued and then hung up", [opened("r1"), ended("r1", "timeout"), opened("r2"), ended("r2", "released", startMs + 2 * minute)], null],
  ])("a recording of the same conversation that %s", (_name, facts, expected) => {
    const continuations = createContinuations();
    for (const fact of facts) continuations.note(fact, false);
    expect(continuations.cutOff("t", "trunk", [session], startMs + 5 * minute)).toBe(expected);
  });

  test("one that an earlier start lost in the middle", () => {
    const continuations = createContinuations();
    continuations.note(opened("r1"), true);
    expect(continuations.cutOff("t", "trunk", [session], startMs + minute)).toBe("r1");
  });

  test("not another tenant's, not another trunk's, not another conversation's, not one of long ago", () => {
    const continuations = createContinuations();
    for (const fact of [opened("r1"), ended("r1", "timeout")]) continuations.note(fact, false);
    expect(continuations.cutOff("other", "trunk", [session], startMs + 2 * minute)).toBeNull();
    expect(continuations.cutOff("t", "other", [session], startMs + 2 * minute)).toBeNull();
    expect(continuations.cutOff("t", "trunk", ["another-1234567890"], startMs + 2 * minute)).toBeNull();
    expect(continuations.cutOff("t", "trunk", [session], startMs + 62 * minute)).toBeNull();
    expect(continuations.cutOff("t", "trunk", [session], startMs + 60 * minute)).toBe("r1");
  });

  test("memory is bounded: the oldest is forgotten", () => {
    const continuations = createContinuations();
    for (let index = 0; index <= 20_000; index += 1) {
      continuations.note(opened(`r${index}`, { conversationIds: [`conversation-${String(index).padStart(8, "0")}`] }), false);
      continuations.note(ended(`r${index}`, "timeout"), false);
    }
    expect(continuations.cutOff("t", "trunk", ["conversation-00000000"], startMs + minute)).toBeNull();
    expect(continuations.cutOff("t", "trunk", ["conversation-00020000"], startMs + minute)).toBe("r20000");
  });
});

test("short ids are counters and tie nothing; nor do conversations that have ended", () => {
  const conversation = (id: string, endedAt: Date | null = null): CallFacts["conversations"][number] => ({ id, chainId: null, originalCallId: null, sipCallId: null, startedAt: null, endedAt, parties: [] });
  expect(continuableIds({ conversations: [conversation("1"), conversation(session), conversation(`${session}2`, new Date()), conversation("x".repeat(201))] })).toEqual([session]);
});
