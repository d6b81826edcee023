import { encodeG711 } from "@earwitness/media";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodePacketLog, keyPress, lost, type LogEntry } from "./packet-log.ts";
import { tone } from "./test-phone.ts";
import { createTrackAnalysis, type AnalysisPart } from "./track-analysis.ts";

const spoken = encodeG711("PCMU", tone(440, 0, 8_000));
/** Sound in order, of any length and codec, that may run over into the next second: what is sealed as it came. */
const seconds = fc.array(
  fc.array(fc.record({ pause: fc.integer({ min: 0, max: 900 }), codec: fc.constantFrom(1, 1, 1, 2, 3, 4), length: fc.integer({ min: 1, max: 400 }) }), { maxLength: 60 }),
  { minLength: 1, maxLength: 4 },
);

test.each([8_000, 16_000])("a track of %d Hz is told the same of logs as of their entries", (sampleRate) => {
  const state = { track: 1, label: "1", sampleRate, sending: [{ fromMs: 0, toMs: null }], gaps: [] };
  fc.assert(
    fc.property(seconds, (all) => {
      const [ofLogs, ofEntries] = [createTrackAnalysis(sampleRate), createTrackAnalysis(sampleRate)];
      let end = 0;
      all.forEach((packets, second) => {
        const entries: LogEntry[] = [];
        let at = Math.max(end, second * sampleRate);
        for (const { pause, codec, length } of packets) {
          at += pause;
          if (at >= (second + 1) * sampleRate) break;
          entries.push({ atSample: at, codec, payload: spoken.subarray(0, length) });
          at += codec === 4 ? (sampleRate * 20) / 1000 : length * (codec === 3 ? 2 : 1) * (sampleRate / 8_000);
          end = at;
        }
        ofLogs.addLog(second, Buffer.from(encodePacketLog(entries, second * sampleRate)));
        ofEntries.add(second, entries);
      });
      expect(ofLogs.summary(state, all.length * 1_000)).toEqual(ofEntries.summary(state, all.length * 1_000));
    }),
    { numRuns: 60 },
  );
});

/** Speech and pauses, loss, keys, and packets that run over into the next second. */
const talk = fc.array(
  fc.array(fc.record({ pause: fc.constantFrom(0, 0, 0, 700, 2_500), kind: fc.constantFrom("loud", "loud", "quiet", "lost", "key"), length: fc.integer({ min: 80, max: 400 }) }), { maxLength: 40 }),
  { minLength: 2, maxLength: 12 },
);
const quiet = encodeG711("PCMA", new Int16Array(8_000));

test("PLT-03 what is told of a track in parts is what is told of it at once, wherever the parts are cut and taken up again", () => {
  const state = { track: 1, label: "1", sampleRate: 8_000, sending: [{ fromMs: 0, toMs: null }], gaps: [] };
  fc.assert(
    fc.property(talk, fc.array(fc.constantFrom("on", "on", "part", "again")), (all, cuts) => {
      const whole = createTrackAnalysis(8_000);
      let inParts = createTrackAnalysis(8_000);
      const parts: AnalysisPart[] = [];
      let end = 0;
      all.forEach((packets, second) => {
        const entries: LogEntry[] = [];
        let at = Math.max(end, second * 8_000);
        for (const { pause, kind, length } of packets) {
          at += pause;
          if (at >= (second + 1) * 8_000) break;
          if (kind === "key") entries.push(keyPress(at, length % 16, length));
          else if (kind === "lost") entries.push(lost(at, length));
          else entries.push({ atSample: at, codec: kind === "loud" ? 1 : 2, payload: (kind === "loud" ? spoken : quiet).subarray(0, length) });
          if (kind !== "key") end = at += length;
          else at += 1;
        }
        whole.add(second, entries);
        inParts.add(second, entries);
        const cut = cuts[second] ?? "on";
        if (cut === "on") return;
        parts.push(JSON.parse(JSON.stringify(inParts.takePart())) as AnalysisPart);
        if (cut === "part") return;
        inParts = createTrackAnalysis(8_000);
        for (const part of parts) expect(inParts.takeUp(part)).toBe(true);
      });
      expect(inParts.summary(state, all.length * 1_000)).toEqual(whole.summary(state, all.length * 1_000));
    }),
    { numRuns: 150 },
  );
  const later = { ...createTrackAnalysis(8_000).takePart(), version: 2 } as unknown as AnalysisPart;
  expect(createTrackAnalysis(8_000).takeUp(later)).toBe(false);
});
