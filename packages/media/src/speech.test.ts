import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeG711, encodeG711 } from "./g711.ts";
import { createSpeechDetector } from "./speech.ts";
import type { SpeechDetector, SpeechSegment } from "./speech.ts";

/** Repeatable noise, −1 … 1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  };
}

interface Turn {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Syllables of 180 ms with 60 ms between them, harmonics of 120 Hz, over a line's noise. */
function talk(turns: readonly Turn[], durationMs: number, { rate = 8000, loudness = 6000, hiss = 10 } = {}): Int16Array {
  const random = noise(1);
  return Int16Array.from({ length: (durationMs * rate) / 1000 }, (_, at) => {
    const ms = (at * 1000) / rate;
    const turn = turns.find((one) => ms >= one.fromMs && ms < one.toMs);
    const syllable = turn === undefined ? 1 : ((ms - turn.fromMs) % 240) / 180;
    const envelope = syllable < 1 ? Math.sin(Math.PI * syllable) : 0;
    const phase = (2 * Math.PI * 120 * ms) / 1000;
    const voice = Math.sin(phase) + Math.sin(2 * phase) / 2 + Math.sin(3 * phase) / 3;
    return Math.round(loudness * envelope * voice * 0.7 + hiss * random());
  });
}

function detect(pcm: Int16Array, rate = 8000, blockMs = 20): SpeechDetector {
  const detector = createSpeechDetector({ sampleRate: rate });
  const block = (rate * blockMs) / 1000;
  for (let at = 0; at < pcm.length; at += block) detector.push(pcm.subarray(at, at + block), at);
  return detector;
}

function expectTurns(segments: readonly SpeechSegment[], turns: readonly Turn[], withinMs = 200): void {
  expect(segments).toHaveLength(turns.length);
  for (const [index, turn] of turns.entries()) {
    const [from, to] = segments[index] ?? [0, 0];
    expect(Math.abs(from - turn.fromMs)).toBeLessThanOrEqual(withinMs);
    expect(Math.abs(to - turn.toMs)).toBeLessThanOrEqual(withinMs);
  }
}

describe("CAP-69 who speaks when", () => {
  const turns = [
    { fromMs: 1000, toMs: 3000 },
    { fromMs: 4500, toMs: 9000 },
    { fromMs: 9600, toMs: 12_000 },
  ];

  test.each<[string, { rate?: number; loudness?: number; hiss?: number }]>([
    ["8 kHz", { rate: 8000 }],
    ["16 kHz", { rate: 16_000 }],
    ["44.1 kHz", { rate: 44_100 }],
    ["48 kHz", { rate: 48_000 }],
    ["a quiet speaker", { loudness: 600 }],
    ["a noisy line", { hiss: 100 }],
    ["a noisier line", { hiss: 300, loudness: 8000 }],
    ["a perfect line", { hiss: 0 }],
  ])("known turns are found to within 0.2 s: %s", (_what, options) => {
    expectTurns(detect(talk(turns, 14_000, options), options.rate ?? 8000).segments(), turns);
  });

  test.each(["PCMU", "PCMA"] as const)("the same through %s", (codec) => {
    expectTurns(detect(decodeG711(codec, encodeG711(codec, talk(turns, 14_000)))).segments(), turns);
  });

  test("blocks of any size give the same", () => {
    const pcm = talk(turns, 14_000);
    const expected = detect(pcm);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const detector = createSpeechDetector({ sampleRate: 8000 });
        for (let at = 0, index = 0; at < pcm.length; index += 1) {
          const size = sizes[index % sizes.length] ?? 1;
          detector.push(pcm.subarray(at, at + size), at);
          at += size;
        }
        expect(detector.segments()).toEqual(expected.segments());
        expect(detector.peaks()).toEqual(expected.peaks());
      }),
      { numRuns: 20 },
    );
  });

  test("pauses under 300 ms are part of speaking, longer ones are not", () => {
    const [a, b] = [{ fromMs: 1000, toMs: 2140 }, { fromMs: 2380, toMs: 3520 }];
    expect(detect(talk([a, b], 5000)).segments()).toHaveLength(1);
    expect(detect(talk([a, { fromMs: 2700, toMs: 3840 }], 5000)).segments()).toHaveLength(2);
  });

  test("a click is not speech", () => {
    const pcm = talk([], 3000);
    pcm.fill(20_000, 8000, 8400); // 50 ms
    expect(detect(pcm).segments()).toEqual([]);
  });
});

describe("what is silent", () => {
  test("digital silence, of either law too", () => {
    for (const pcm of [new Int16Array(80_000), decodeG711("PCMA", new Uint8Array(80_000).fill(0xd5)), decodeG711("PCMU", new Uint8Array(80_000).fill(0xff))]) {
      const detector = detect(pcm);
      expect([detector.segments(), detector.speaking]).toEqual([[], false]);
      expect(detector.level).toBeLessThan(0.01);
    }
  });

  test("the hiss of a line, and an offset of a cheap gateway", () => {
    expect(detect(talk([], 20_000, { hiss: 150 })).segments()).toEqual([]);
    expect(detect(talk([], 5000).map((sample) => sample + 2000)).segments()).toEqual([]);
  });

  test("a steady tone is activity for as long as it lasts: it is not silence", () => {
    const tone = Int16Array.from({ length: 8000 * 120 }, (_, at) => Math.round(3000 * Math.sin(at * 0.345)));
    expect(detect(tone).segments()).toEqual([[0, 120_000]]);
  });
});

describe("what is missing", () => {
  test("a hole is silence; segments keep the recording's time", () => {
    const detector = createSpeechDetector({ sampleRate: 8000 });
    const voice = talk([{ fromMs: 0, toMs: 1920 }], 1920);
    detector.push(voice, 8000 * 10);
    detector.push(voice, 8000 * 3600);
    expectTurns(detector.segments(), [
      { fromMs: 10_000, toMs: 11_920 },
      { fromMs: 3_600_000, toMs: 3_601_920 },
    ]);
    expect(detector.originSample).toBe(80_000);
    expect(detector.peaks()).toHaveLength(Math.ceil((3_601_920 - 10_000) / 100));
  });

  test("samples that are there already are left out", () => {
    const detector = createSpeechDetector({ sampleRate: 8000 });
    detector.push(new Int16Array(1600), 0);
    detector.push(new Int16Array(800).fill(32_767), 800);
    expect([...detector.peaks()]).toEqual([0, 0]);
    detector.push(new Int16Array(1600).fill(32_767), 800);
    expect([...detector.peaks()]).toEqual([0, 0, 255]);
  });

  test("a stream that stops in the middle of a word stops speaking", () => {
    const detector = detect(talk([{ fromMs: 0, toMs: 3000 }], 2900));
    expect(detector.speaking).toBe(true);
    detector.advance(8000 * 4);
    expect(detector.speaking).toBe(false);
    expectTurns(detector.segments(), [{ fromMs: 0, toMs: 2900 }]);
    expect(detector.level).toBeLessThan(0.1);
  });

  test("nothing at all", () => {
    const detector = createSpeechDetector({ sampleRate: 8000 });
    detector.advance(8000);
    expect([detector.segments(), [...detector.peaks()], detector.speaking, detector.level, detector.originSample]).toEqual([[], [], false, 0, null]);
  });
});

describe("levels and peaks", () => {
  test("level is loudness between −60 and 0 dB of full scale", () => {
    const levelOf = (amplitude: number): number => detect(Int16Array.from({ length: 8000 }, (_, at) => (at % 2 === 0 ? amplitude : -amplitude))).level;
    expect(levelOf(32_767)).toBeCloseTo(1, 2);
    expect(levelOf(1036)).toBeCloseTo(0.5, 2); // −30 dB
    expect(levelOf(10)).toBe(0);
  });

  test("a peak is the largest magnitude of its 100 ms, of either sign", () => {
    const pcm = new Int16Array(3200);
    pcm[0] = -32_768;
    pcm[1599] = 12_800;
    pcm[1600] = -1;
    pcm[3199] = 129;
    const detector = detect(pcm);
    expect([...detector.peaks()]).toEqual([255, 100, 1, 2]);
  });

  test("speaking is said within 60 ms of the beginning", () => {
    const detector = createSpeechDetector({ sampleRate: 8000 });
    const tone = Int16Array.from({ length: 160 }, (_, at) => (at % 2 === 0 ? 5000 : -5000));
    const said = [0, 1, 2].map((block) => {
      detector.push(tone, block * 160);
      return detector.speaking;
    });
    expect(said).toEqual([false, false, true]);
  });
});

test("rates outside telephone and studio are refused", () => {
  for (const sampleRate of [0, 7999, 96_000, Number.NaN]) expect(() => createSpeechDetector({ sampleRate })).toThrow(RangeError);
});

test("any audio in any pieces: segments in order, apart, long enough, inside what was pushed", () => {
  const piece = fc.tuple(fc.constantFrom(0, 1, 160, 900), fc.oneof(fc.constant(0), fc.nat(5000)), fc.constantFrom(0, 40, 300, 9000));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const detector = createSpeechDetector({ sampleRate: 8000 });
      const random = noise(3);
      let at = 0;
      for (const [length, skip, amplitude] of pieces) {
        at += skip;
        detector.push(Int16Array.from({ length }, () => Math.round(amplitude * random())), at);
        at += length;
      }
      let last = -300;
      for (const [from, to] of detector.segments()) {
        expect(from - last).toBeGreaterThanOrEqual(280); // rounded to blocks
        expect(to - from).toBeGreaterThanOrEqual(100);
        expect(to).toBeLessThanOrEqual(at / 8 + 20);
        last = to;
      }
      expect(detector.level).toBeGreaterThanOrEqual(0);
      expect(detector.level).toBeLessThanOrEqual(1);
    }),
  );
});
