/** Opus always counts its time in 48 kHz samples, whatever it was made from. */
export const OPUS_RATE_HZ = 48_000;

/** 120 ms, the longest a packet may be. */
const MAX_SAMPLES = 5760;
const MAX_FRAME_BYTES = 1275;

function frameSamples(toc: number): number {
  const config = toc >> 3;
  return config < 12 ? ([480, 960, 1920, 2880][config & 3] as number) : config < 16 ? ([480, 960][config & 1] as number) : 120 << (config & 3);
}

/** Duration of a packet in 48 kHz samples, read off its first bytes (RFC 6716 3.1); 0 where it is no Opus packet. */
export function opusPacketSamples(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) return 0;
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 0x3f;
  const samples = frameSamples(toc) * frames;
  return samples <= MAX_SAMPLES ? samples : 0;
}

/** Whether a decoder takes it: the lengths of its frames say nothing impossible (RFC 6716 3.4, rules 1 to 7). What is in them does not matter, every bit can be decoded. */
export function isOpusPacket(packet: Uint8Array): boolean {
  if (opusPacketSamples(packet) === 0) return false;
  const code = packet[0]! & 3;
  const length = packet.length - 1;
  if (code === 0) return length <= MAX_FRAME_BYTES;
  if (code === 1) return length % 2 === 0 && length / 2 <= MAX_FRAME_BYTES;
  if (code === 2) return fitsFrames(packet, 1, packet.length, 2);
  return fitsMany(packet);
}

/** Any number of frames (code 3): a byte that says how many and how, then padding's lengths, then the frames'. */
function fitsMany(packet: Uint8Array): boolean {
  const how = packet[1]!;
  const frames = how & 0x3f;
  let at = 2;
  let end = packet.length;
  for (let more = (how & 0x40) !== 0; more; at += 1) {
    const padding = packet[at];
    if (padding === undefined) return false;
    more = padding === 255;
    end -= more ? 254 : padding;
  }
  if (at > end) return false;
  if ((how & 0x80) !== 0) return fitsFrames(packet, at, end, frames);
  return (end - at) % frames === 0 && (end - at) / frames <= MAX_FRAME_BYTES;
}

/** Each frame but the last has its length before all of them, in one byte or two. */
function fitsFrames(packet: Uint8Array, from: number, to: number, frames: number): boolean {
  let at = from;
  let bytes = 0;
  for (let frame = 1; frame < frames; frame += 1) {
    const first = packet[at];
    if (first === undefined || at >= to) return false;
    at += 1;
    if (first < 252) bytes += first;
    else {
      if (at >= to) return false;
      bytes += first + 4 * packet[at]!;
      at += 1;
    }
  }
  const last = to - at - bytes;
  return last >= 0 && last <= MAX_FRAME_BYTES;
}
