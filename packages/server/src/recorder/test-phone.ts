/** For tests: a phone that sends tones as G.711 over real RTP packets, and measures what a recording made of them. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { buildRtp, encodeG711, type G711Codec } from "@earwitness/media";

export interface PhoneOptions {
  readonly to: { readonly rtpPort: number };
  readonly codec?: G711Codec;
  readonly payloadType?: number;
  readonly frequencyHz?: number;
  readonly ssrc?: number;
  readonly firstSequence?: number;
  readonly firstTimestamp?: number;
  /** Puts SRTP on each packet before it leaves. */
  readonly protect?: (packet: Uint8Array) => Uint8Array;
}

export interface Phone {
  readonly port: number;
  /** Sends this much tone in real time, one packet of 20 ms at a time; answers when the first packet left (Date.now). */
  speak(forMs: number, each?: (packet: { index: number; sequence: number; send(): void }) => void): Promise<number>;
  /** Lets time pass on the stream without sending (silence suppression). */
  pause(forMs: number): Promise<void>;
  send(bytes: Uint8Array): void;
  changeSsrc(ssrc: number, sequence: number, timestamp: number): void;
  close(): void;
}

const packetSamples = 160;

export function tone(frequencyHz: number, fromSample: number, count: number, amplitude = 8_000): Int16Array {
  return Int16Array.from({ length: count }, (_, i) => Math.round(amplitude * Math.sin((2 * Math.PI * frequencyHz * (fromSample + i)) / 8000)));
}

export async function createPhone(options: PhoneOptions): Promise<Phone> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const codec = options.codec ?? "PCMU";
  let ssrc = options.ssrc ?? 0x1234;
  let sequence = options.firstSequence ?? 100;
  let timestamp = options.firstTimestamp ?? 5_000;
  let sample = 0;
  const send = (bytes: Uint8Array): void => socket.send(bytes, options.to.rtpPort, "127.0.0.1");

  return {
    port: socket.address().port,
    async speak(forMs, each) {
      const began = Date.now();
      const start = performance.now();
      for (let index = 0; index < forMs / 20; index += 1) {
        const payload = encodeG711(codec, tone(options.frequencyHz ?? 440, sample, packetSamples));
        const clear = buildRtp({ payloadType: options.payloadType ?? (codec === "PCMU" ? 0 : 8), marker: index === 0, sequence, timestamp, ssrc, payload });
        const packet = options.protect?.(clear) ?? clear;
        const numbered = sequence;
        if (each === undefined) send(packet);
        else each({ index, sequence: numbered, send: () => send(packet) });
        sequence = (sequence + 1) % 0x1_0000;
        timestamp = (timestamp + packetSamples) % 2 ** 32;
        sample += packetSamples;
        const wait = start + (index + 1) * 20 - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      }
      return began;
    },
    async pause(forMs) {
      await new Promise((resolve) => setTimeout(resolve, forMs));
      timestamp = (timestamp + forMs * 8) % 2 ** 32;
    },
    send,
    changeSsrc(newSsrc, newSequence, newTimestamp) {
      ssrc = newSsrc;
      sequence = newSequence;
      timestamp = newTimestamp;
    },
    close: () => void socket.close(),
  };
}

/** Where sound is, as [from, to) in samples: spans louder than a whisper, joined over 5 ms. */
export function loudSpans(pcm: Int16Array, threshold = 500): { from: number; to: number }[] {
  const spans: { from: number; to: number }[] = [];
  for (let i = 0; i < pcm.length; i += 1) {
    if (Math.abs(pcm[i]!) < threshold) continue;
    const last = spans.at(-1);
    if (last !== undefined && i - last.to <= 40) last.to = i + 1;
    else spans.push({ from: i, to: i + 1 });
  }
  return spans;
}

/** Share of the sound's power that lies at the frequency (Goertzel): 1 for a pure tone. */
export function purity(pcm: Int16Array, frequencyHz: number): number {
  const w = (2 * Math.PI * frequencyHz) / 8000;
  let re = 0;
  let im = 0;
  let power = 0;
  pcm.forEach((value, i) => {
    re += value * Math.cos(w * i);
    im += value * Math.sin(w * i);
    power += value * value;
  });
  return power === 0 ? 0 : (2 * (re * re + im * im)) / (power * pcm.length);
}
