/** Opus always counts its time in 48 kHz samples, whatever it was made from. */
export const OPUS_RATE_HZ = 48_000;

/** 120 ms, the longest a packet may be. */
const MAX_SAMPLES = 5760;

/** Duration of a packet in 48 kHz samples, read off its first bytes (RFC 6716 3.1); 0 where it is no Opus packet. */
export function opusPacketSamples(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) return 0;
  const config = toc >> 3;
  const frame =
    config < 12 ? ([480, 960, 1920, 2880][config & 3] as number) : config < 16 ? ([480, 960][config & 1] as number) : 120 << (config & 3);
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 0x3f;
  const samples = frame * frames;
  return samples <= MAX_SAMPLES ? samples : 0;
}
