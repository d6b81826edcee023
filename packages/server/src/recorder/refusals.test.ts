import { describe, expect, test } from "vitest";
import { createRefusals } from "./refusals.ts";
import { createTrackAnalysis } from "./track-analysis.ts";

describe("refused packets", () => {
  test("those within two seconds make one span; a replay is counted alone", () => {
    const refusals = createRefusals();
    for (const atMs of [100, 120, 2_100, 5_000, null, 5_020]) refusals.add(atMs);
    expect(refusals.packets).toBe(6);
    expect(refusals.spans).toEqual([{ fromMs: 100, toMs: 2_100 }, { fromMs: 5_000, toMs: 5_020 }]);
  });

  test("whoever sends them for days takes no more memory for it", () => {
    const refusals = createRefusals();
    for (let at = 0; at < 10_000; at++) refusals.add(3_000 * at);
    expect(refusals.spans).toHaveLength(512);
    expect(refusals.spans.at(-1)).toEqual({ fromMs: 511 * 3_000, toMs: 9_999 * 3_000 });
  });
});

describe("gaps of a track to which nothing was let in", () => {
  const gapsOf = (refused: { fromMs: number; toMs: number }[]) =>
    createTrackAnalysis(8000).summary({ track: 1, label: "1", sampleRate: 8000, sending: [{ fromMs: 1_000, toMs: 31_000 }], gaps: [], refused }, 31_000).gaps;

  test("where packets came all the while they could not be decrypted, elsewhere nothing came", () => {
    expect(gapsOf([])).toEqual([{ fromMs: 1_000, toMs: 31_000, reason: "no_media" }]);
    expect(gapsOf([{ fromMs: 500, toMs: 30_980 }])).toEqual([{ fromMs: 1_000, toMs: 30_980, reason: "decrypt" }]);
    expect(gapsOf([{ fromMs: 10_000, toMs: 20_000 }, { fromMs: 25_000, toMs: 25_100 }])).toEqual([
      { fromMs: 1_000, toMs: 10_000, reason: "no_media" },
      { fromMs: 10_000, toMs: 20_000, reason: "decrypt" },
      { fromMs: 20_000, toMs: 31_000, reason: "no_media" },
    ]);
  });
});
