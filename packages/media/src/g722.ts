/**
 * G.722 at 64 kbit/s (ITU-T Recommendation G.722): each byte is two samples at 16 kHz, a lower band of 6 bits and a higher one of 2,
 * each an adaptive predictor, put together by a quadrature mirror filter. The names of the steps are the Recommendation's.
 */

const qm2 = Int16Array.of(-7408, -1616, 7408, 1616);
const qm4 = Int16Array.of(0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0);
const qm6 = Int16Array.of(
  -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
  -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
  24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
  4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
);
/** How the lower band's scale moves, by the upper four bits of its code. */
const wl = Int16Array.of(-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60);
/** How the higher band's scale moves. */
const wh = Int16Array.of(798, -214, 798, -214);
/** 2048 · 2^(i/32). */
const ilb = Int16Array.from({ length: 32 }, (_, i) => Math.round(2048 * 2 ** (i / 32)));
/** Half of the mirror filter; the other half is the same backwards. */
const qmf = Int16Array.of(3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11);

const saturate = (value: number): number => (value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value);
const limit = (value: number, bound: number): number => (value > bound ? bound : value < -bound ? -bound : value);

/** The adaptive predictor of one band: two poles, six zeros. */
function createBand(scaleAtStart: number, mostScale: number, scaleShift: number) {
  let predicted = 0;
  let predictedByZeros = 0;
  let [a1, a2] = [0, 0];
  let [p1, p2] = [0, 0];
  let r1 = 0;
  const d = new Int32Array(7);
  const b = new Int32Array(7);
  let logScale = 0;
  let scale = scaleAtStart;

  return {
    get scale() {
      return scale;
    },
    get predicted() {
      return predicted;
    },
    /** `move`: what the code does to the scale (LOGSCL, LOGSCH, SCALEL, SCALEH). */
    rescale(move: number) {
      logScale = Math.min(Math.max(((logScale * 127) >> 7) + move, 0), mostScale);
      const shift = scaleShift - (logScale >> 11);
      const mantissa = ilb[(logScale >> 6) & 31]!;
      scale = (shift < 0 ? mantissa << -shift : mantissa >> shift) << 2;
    },
    /** Learns from the quantized difference, and predicts the next sample. */
    adapt(difference: number) {
      const r0 = saturate(predicted + difference);
      const p0 = saturate(predictedByZeros + difference);
      // UPPOL2
      const same1 = (p0 ^ p1) >= 0;
      const same2 = (p0 ^ p2) >= 0;
      const quadrupled = saturate(a1 * 4);
      const turned = Math.min(same1 ? -quadrupled : quadrupled, 32_767);
      const next2 = limit((turned >> 7) + (same2 ? 128 : -128) + ((a2 * 32_512) >> 15), 12_288);
      // UPPOL1
      const next1 = limit(saturate((same1 ? 192 : -192) + ((a1 * 32_640) >> 15)), saturate(15_360 - next2));
      // UPZERO and DELAYA
      const step = difference === 0 ? 0 : 128;
      d[0] = difference;
      for (let i = 6; i > 0; i -= 1) {
        b[i] = saturate(((d[i]! ^ difference) >= 0 ? step : -step) + ((b[i]! * 32_640) >> 15));
      }
      for (let i = 6; i > 0; i -= 1) d[i] = d[i - 1]!;
      // FILTEP
      const poles = saturate(((next1 * saturate(r0 * 2)) >> 15) + ((next2 * saturate(r1 * 2)) >> 15));
      // FILTEZ
      let zeros = 0;
      for (let i = 6; i > 0; i -= 1) zeros += (b[i]! * saturate(d[i]! * 2)) >> 15;
      predictedByZeros = saturate(zeros);
      predicted = saturate(poles + predictedByZeros);
      [a1, a2, p2, p1, r1] = [next1, next2, p1, p0, r0];
    },
  };
}

export interface G722Decoder {
  /** Two samples at 16 kHz for each byte. Any bytes decode to something. */
  decode(bytes: Uint8Array): Int16Array;
}

export function createG722Decoder(): G722Decoder {
  const low = createBand(32, 18_432, 8);
  const high = createBand(8, 22_528, 10);
  const history = new Int32Array(24);

  return {
    decode(bytes) {
      const pcm = new Int16Array(bytes.length * 2);
      bytes.forEach((byte, at) => {
        const lowCode = byte & 0x3f;
        const lowSound = limit(low.predicted + ((low.scale * qm6[lowCode]!) >> 15), 16_384);
        const lowDifference = (low.scale * qm4[lowCode >> 2]!) >> 15;
        low.rescale(wl[lowCode >> 2]!);
        low.adapt(lowDifference);

        const highCode = byte >> 6;
        const highDifference = (high.scale * qm2[highCode]!) >> 15;
        const highSound = limit(highDifference + high.predicted, 16_384);
        high.rescale(wh[highCode]!);
        high.adapt(highDifference);

        history.copyWithin(0, 2);
        history[22] = lowSound + highSound;
        history[23] = lowSound - highSound;
        let [first, second] = [0, 0];
        for (let i = 0; i < 12; i += 1) {
          second += history[2 * i]! * qmf[i]!;
          first += history[2 * i + 1]! * qmf[11 - i]!;
        }
        pcm[2 * at] = saturate(first >> 11);
        pcm[2 * at + 1] = saturate(second >> 11);
      });
      return pcm;
    },
  };
}
