import { describe, expect, test } from "vitest";
import { isId, mintedAt, mintId, recorderCallId } from "./index.ts";

describe("ids", () => {
  test("CAP-24 a call id is 24 hexadecimal characters that begin with the start in seconds", () => {
    const id = mintId(new Date("2024-06-06T15:37:04.999Z"));
    expect(isId(id)).toBe(true);
    expect(id.slice(0, 8)).toBe("6661d7a0");
    expect(mintedAt(id)).toEqual(new Date("2024-06-06T15:37:04.000Z"));
    expect(mintId(new Date())).not.toBe(mintId(new Date()));
  });

  test("CAP-24 the recorder's own call id carries the start to the hundredth of a second, cut", () => {
    expect(recorderCallId(new Date("2024-06-16T13:48:30.343Z"), "8692352b214e4a418aeea352fd63fd35")).toBe("1-8692352b214e4a418aeea352fd63fd35-2024061613483034");
    expect(recorderCallId(new Date())).toMatch(/^1-[0-9a-f]{32}-\d{16}$/);
  });

  test.for(["", "6661d7a0dd2ca9b8cf1f087", "6661D7A0DD2CA9B8CF1F0879", "6661d7a0dd2ca9b8cf1f0879x", "../../etc/passwd"])("%j is no id", (text) => {
    expect(isId(text)).toBe(false);
  });
});
