/**
 * The AES-CM keystream (RFC 3711 §4.1.1). A cipher object for each packet costs 3 µs, a call into one that stays costs half a
 * microsecond however many blocks it makes: so the blocks of the next packets are made together with those of this one.
 */
import { createCipheriv } from "node:crypto";

export interface Keystream {
  /** Encrypts or decrypts in place. The packet's index is `high` · 2^16 + `low`. */
  apply(bytes: Uint8Array, from: number, to: number, ssrc: number, high: number, low: number): void;
}

const BLOCK = 16;
/** What one stream may keep ready: sixteen packets of 20 ms of G.711. */
const AHEAD_BYTES = 2560;
const AHEAD_PACKETS = 16;
/** Scratch of all: the counter blocks that are about to be encrypted. */
const counters = new Uint8Array(AHEAD_BYTES);
const none = new Uint8Array(0);

/** `ahead`: for packets that follow each other by number; false for single ones (RTCP). */
export function createKeystream(key: Uint8Array, salt: Uint8Array, ahead: boolean): Keystream {
  const ecb = createCipheriv(`aes-${8 * key.length}-ecb`, key, null).setAutoPadding(false);
  const salts = new DataView(new ArrayBuffer(BLOCK));
  salt.forEach((byte, at) => salts.setUint8(at, byte));
  const [salt0, salt1, salt2, salt3] = [0, 4, 8, 12].map((at) => salts.getInt32(at)) as [number, number, number, number];

  /** The packets whose blocks are there: `packets` of them from `first` on, `blocks` each. */
  let ready: Uint8Array = none;
  let readySsrc = -1;
  let first = 0;
  let packets = 0;
  let blocks = 0;
  /** The longest of them: the next ones will hardly be longer. */
  let longest = 0;

  function make(ssrc: number, index: number, count: number, each: number): Uint8Array {
    const length = count * each * BLOCK;
    const input = length <= counters.length ? counters : new Uint8Array(length);
    const view = new DataView(input.buffer, 0, length);
    const word1 = salt1 ^ ssrc;
    for (let packet = 0, at = 0; packet < count; packet++) {
      const word2 = salt2 ^ Math.floor((index + packet) / 0x1_0000);
      const word3 = salt3 ^ ((index + packet) << 16);
      for (let block = 0; block < each; block++, at += BLOCK) {
        view.setInt32(at, salt0);
        view.setInt32(at + 4, word1);
        view.setInt32(at + 8, word2);
        view.setInt32(at + 12, word3 ^ block);
      }
    }
    return ecb.update(input === counters ? counters.subarray(0, length) : input);
  }

  return {
    apply(bytes, from, to, ssrc, high, low) {
      const needed = Math.ceil((to - from) / BLOCK);
      if (needed === 0) return;
      const index = high * 0x1_0000 + low;
      let stream = ready;
      let at = 0;
      if (ssrc === readySsrc && index >= first && index < first + packets && needed <= blocks) {
        at = (index - first) * blocks * BLOCK;
        longest = Math.max(longest, needed);
      } else if (!ahead || (ssrc === readySsrc && index < first)) {
        stream = make(ssrc, index, 1, needed); // a late one, for which what is ready is not thrown away
      } else {
        blocks = ssrc === readySsrc ? Math.max(needed, longest) : needed;
        packets = Math.max(1, Math.min(AHEAD_PACKETS, Math.floor(AHEAD_BYTES / (blocks * BLOCK))));
        readySsrc = ssrc;
        first = index;
        longest = needed;
        ready = stream = make(ssrc, first, packets, blocks);
      }
      for (let byte = from; byte < to; byte++, at++) bytes[byte] = (bytes[byte] as number) ^ (stream[at] as number);
    },
  };
}
