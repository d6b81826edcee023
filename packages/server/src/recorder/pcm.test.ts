import { Decoder, Encoder } from "@evan/opus";
import { isOpusPacket } from "@earwitness/media";
import fc from "fast-check";
import { expect, test } from "vitest";

const decoder = new Decoder({ channels: 1, sample_rate: 8_000 });

function isDecoded(packet: Uint8Array): boolean {
  try {
    return decoder.decode(packet).length > 0;
  } catch {
    return false;
  }
}

/** Framing bytes as they matter: any table of contents, counts and lengths that may or may not fit. */
const framed = fc
  .record({ config: fc.nat(31), code: fc.nat(3), rest: fc.uint8Array({ maxLength: 400 }), count: fc.option(fc.nat(255)), fill: fc.option(fc.integer({ min: 0, max: 1_400 })) })
  .map(({ config, code, rest, count, fill }) => Uint8Array.of((config << 3) | code, ...(count === null ? [] : [count]), ...rest, ...(fill === null ? [] : new Uint8Array(fill))));

test("what is counted as undecodable is exactly what the decoder refuses", () => {
  fc.assert(
    fc.property(fc.oneof(framed, fc.uint8Array({ minLength: 1, maxLength: 60 })), (packet) => {
      expect(isOpusPacket(packet)).toBe(isDecoded(packet));
    }),
    { numRuns: 4_000 },
  );
});

test("every packet of an encoder is one, in all of its modes", () => {
  for (const application of ["voip", "audio", "restricted_lowdelay"] as const) {
    const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application });
    for (const samples of [120, 240, 480, 960, 1_920, 2_880]) {
      for (let n = 0; n < 5; n += 1) expect(isOpusPacket(encoder.encode(Int16Array.from({ length: samples }, (_, at) => 9_000 * Math.sin(at / (3 + n)))))).toBe(true);
    }
  }
});
