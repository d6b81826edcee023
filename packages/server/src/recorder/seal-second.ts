/** A second as it finally is: sealed, and then listened to for level and speech. Live and in recovery the same, so that they agree to the byte. */
import { decodePacketLog } from "./packet-log.ts";
import type { PieceSealer, SealedChunk } from "./piece.ts";
import type { SecondLog } from "./second-log.ts";
import { settleSecond } from "./settle.ts";
import type { TrackAnalysis } from "./track-analysis.ts";

export function sealSecondLog(sealer: PieceSealer, track: number, sampleRate: number, { second, bytes, isPlain }: SecondLog, analysis: TrackAnalysis): SealedChunk {
  if (isPlain) {
    const chunk = sealer.sealLog(track, second, bytes);
    analysis.addLog(second, bytes);
    return chunk;
  }
  const settled = settleSecond(decodePacketLog(bytes, second * sampleRate), sampleRate);
  const chunk = sealer.sealSecond(track, second, settled, sampleRate);
  analysis.add(second, settled);
  return chunk;
}
