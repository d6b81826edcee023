import { encodeG711 } from "@earwitness/media";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodePacketLog, type LogEntry } from "./packet-log.ts";
import { tone } from "./test-phone.ts";
import { createTrackAnalysis } from "./track-analysis.ts";

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
