import { parseClauses } from "./clauses.ts";
import { synthesize } from "./klatt.ts";
import { toTelephone } from "./telephone.ts";
import { buildTrack } from "./track.ts";
import { buildUtterance } from "./utterance.ts";
import { voices, type VoiceName } from "./voices.ts";

/** Small fast noise source (xorshift32), seeded so that the same words in the same voice are the same samples. */
function createNoise(seed: string): () => number {
  let state = 2_166_136_261;
  for (let at = 0; at < seed.length; at++) state = Math.imul(state ^ seed.charCodeAt(at), 16_777_619);
  state |= 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2_147_483_648;
  };
}

/** Says a text: 16-bit samples at 8 kHz, as a telephone carries them. Pure: the same input is always the same sound. */
export function speak(text: string, voiceName: VoiceName): Int16Array {
  const voice = voices[voiceName];
  const clauses = parseClauses(text);
  if (clauses.length === 0) return new Int16Array(0);
  const noise = createNoise(`${voiceName}:${text}`);
  const utterance = buildUtterance(clauses, voice);
  return toTelephone(synthesize(buildTrack(utterance, voice, noise), voice, noise));
}
