import { encodeG711, type G711Codec } from "@earwitness/media";

export const telephoneRateHz = 8000;
export const frameSamples = 160;

/** Bursts of a tone at known times, for measuring what a recorder made of them. */
export interface TonePlan {
  readonly kind: "tone";
  readonly frequencyHz: number;
  readonly bursts: readonly { readonly atMs: number; readonly durationMs: number }[];
  /** Of the sine's peak against full scale; −10 where absent. */
  readonly levelDbfs?: number;
}

export type Audio = Int16Array | TonePlan;

/** Samples of a tone plan. Each burst begins at a zero crossing of its own and is faded over 2 ms, so that its edge is exact and makes no click. */
export function renderTone(plan: TonePlan): Int16Array {
  const endMs = plan.bursts.reduce((most, burst) => Math.max(most, burst.atMs + burst.durationMs), 0);
  const samples = new Int16Array(Math.round((endMs * telephoneRateHz) / 1000));
  const peak = 32767 * 10 ** ((plan.levelDbfs ?? -10) / 20);
  const fade = 16;
  for (const burst of plan.bursts) {
    const from = Math.round((burst.atMs * telephoneRateHz) / 1000);
    const length = Math.round((burst.durationMs * telephoneRateHz) / 1000);
    for (let at = 0; at < length; at++) {
      const edge = Math.min(1, (at + 1) / fade, (length - at) / fade);
      samples[from + at] = Math.round(peak * edge * Math.sin((2 * Math.PI * plan.frequencyHz * at) / telephoneRateHz));
    }
  }
  return samples;
}

export function encodeAudio(audio: Audio, codec: G711Codec): Uint8Array {
  return encodeG711(codec, audio instanceof Int16Array ? audio : renderTone(audio));
}
