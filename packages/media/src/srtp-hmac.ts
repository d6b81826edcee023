/**
 * HMAC-SHA1 (RFC 2104, FIPS 180-4) for packets. node:crypto makes an object for each MAC, which costs more than the MAC of a
 * packet itself: with the two key blocks digested once, 176 bytes are four compressions of 0.2 µs. Every step is the same for
 * all values, so its time tells nothing of the key.
 */

/** Where `trailer` would stand: nothing follows the bytes. */
export const NO_TRAILER = -1;

export interface HmacSha1 {
  /**
   * Whether the first `tagBytes` of the MAC stand at `tagAt`. What is authenticated is `bytes` from `from` to `to`, followed by
   * `trailer` as four more: the roll-over counter that no packet carries (RFC 3711 §4.2).
   */
  verify(bytes: Uint8Array, from: number, to: number, trailer: number, tagAt: number, tagBytes: number): boolean;
  /** Writes them there. */
  sign(bytes: Uint8Array, from: number, to: number, trailer: number, tagAt: number, tagBytes: number): void;
}

const BLOCK = 64;
/* Scratch of all: nothing here yields before it is done. */
const schedule = new Int32Array(80);
const state = new Int32Array(5);
const tail = new Uint8Array(2 * BLOCK);
const outer = new Uint8Array(BLOCK);
const mac = new Uint8Array(20);

export function createHmacSha1(key: Uint8Array): HmacSha1 {
  if (key.length > BLOCK) throw new RangeError("HMAC keys longer than a block are not needed here");
  const innerStart = startOf(key, 0x36);
  const outerStart = startOf(key, 0x5c);

  function digest(bytes: Uint8Array, from: number, to: number, trailer: number): void {
    state.set(innerStart);
    let at = from;
    for (; at + BLOCK <= to; at += BLOCK) compress(bytes, at);
    tail.fill(0);
    let rest = 0;
    while (at < to) tail[rest++] = bytes[at++] as number;
    if (trailer !== NO_TRAILER) {
      writeWord(tail, rest, trailer);
      rest += 4;
    }
    tail[rest] = 0x80;
    const end = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    writeWord(tail, end - 4, 8 * (BLOCK + (to - from) + (trailer === NO_TRAILER ? 0 : 4)));
    compress(tail, 0);
    if (end > BLOCK) compress(tail, BLOCK);

    for (let word = 0; word < 5; word++) writeWord(outer, 4 * word, state[word] as number);
    state.set(outerStart);
    compress(outer, 0);
    for (let word = 0; word < 5; word++) writeWord(mac, 4 * word, state[word] as number);
  }

  return {
    verify(bytes, from, to, trailer, tagAt, tagBytes) {
      digest(bytes, from, to, trailer);
      let differing = 0;
      for (let at = 0; at < tagBytes; at++) differing |= (mac[at] as number) ^ (bytes[tagAt + at] as number);
      return differing === 0;
    },
    sign(bytes, from, to, trailer, tagAt, tagBytes) {
      digest(bytes, from, to, trailer);
      bytes.set(mac.subarray(0, tagBytes), tagAt);
    },
  };
}

/* The outer message is always a digest of 20 bytes after the key's block: its padding never changes. */
outer[20] = 0x80;
writeWord(outer, BLOCK - 4, 8 * (BLOCK + 20));

function startOf(key: Uint8Array, pad: number): Int32Array {
  const block = new Uint8Array(BLOCK);
  block.set(key);
  for (let at = 0; at < BLOCK; at++) block[at] = (block[at] as number) ^ pad;
  state.set([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]);
  compress(block, 0);
  return state.slice();
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

const K0 = 0x5a82_7999;
const K1 = 0x6ed9_eba1;
const K2 = 0x8f1b_bcdc | 0;
const K3 = 0xca62_c1d6 | 0;

/** One block into `state`. Five steps to a turn of each loop, after which the five variables have their old roles again. */
function compress(bytes: Uint8Array, from: number): void {
  const w = schedule;
  for (let t = 0, at = from; t < 16; t++, at += 4) {
    w[t] = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  }
  for (let t = 16; t < 80; t++) {
    const mixed = (w[t - 3] as number) ^ (w[t - 8] as number) ^ (w[t - 14] as number) ^ (w[t - 16] as number);
    w[t] = (mixed << 1) | (mixed >>> 31);
  }
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  for (let t = 0; t < 20; t += 5) {
    e = (e + ((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + K0 + (w[t] as number)) | 0;
    b = (b << 30) | (b >>> 2);
    d = (d + ((e << 5) | (e >>> 27)) + (c ^ (a & (b ^ c))) + K0 + (w[t + 1] as number)) | 0;
    a = (a << 30) | (a >>> 2);
    c = (c + ((d << 5) | (d >>> 27)) + (b ^ (e & (a ^ b))) + K0 + (w[t + 2] as number)) | 0;
    e = (e << 30) | (e >>> 2);
    b = (b + ((c << 5) | (c >>> 27)) + (a ^ (d & (e ^ a))) + K0 + (w[t + 3] as number)) | 0;
    d = (d << 30) | (d >>> 2);
    a = (a + ((b << 5) | (b >>> 27)) + (e ^ (c & (d ^ e))) + K0 + (w[t + 4] as number)) | 0;
    c = (c << 30) | (c >>> 2);
  }
  for (let t = 20; t < 40; t += 5) {
    e = (e + ((a << 5) | (a >>> 27)) + (b ^ c ^ d) + K1 + (w[t] as number)) | 0;
    b = (b << 30) | (b >>> 2);
    d = (d + ((e << 5) | (e >>> 27)) + (a ^ b ^ c) + K1 + (w[t + 1] as number)) | 0;
    a = (a << 30) | (a >>> 2);
    c = (c + ((d << 5) | (d >>> 27)) + (e ^ a ^ b) + K1 + (w[t + 2] as number)) | 0;
    e = (e << 30) | (e >>> 2);
    b = (b + ((c << 5) | (c >>> 27)) + (d ^ e ^ a) + K1 + (w[t + 3] as number)) | 0;
    d = (d << 30) | (d >>> 2);
    a = (a + ((b << 5) | (b >>> 27)) + (c ^ d ^ e) + K1 + (w[t + 4] as number)) | 0;
    c = (c << 30) | (c >>> 2);
  }
  for (let t = 40; t < 60; t += 5) {
    e = (e + ((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + K2 + (w[t] as number)) | 0;
    b = (b << 30) | (b >>> 2);
    d = (d + ((e << 5) | (e >>> 27)) + ((a & b) | (c & (a | b))) + K2 + (w[t + 1] as number)) | 0;
    a = (a << 30) | (a >>> 2);
    c = (c + ((d << 5) | (d >>> 27)) + ((e & a) | (b & (e | a))) + K2 + (w[t + 2] as number)) | 0;
    e = (e << 30) | (e >>> 2);
    b = (b + ((c << 5) | (c >>> 27)) + ((d & e) | (a & (d | e))) + K2 + (w[t + 3] as number)) | 0;
    d = (d << 30) | (d >>> 2);
    a = (a + ((b << 5) | (b >>> 27)) + ((c & d) | (e & (c | d))) + K2 + (w[t + 4] as number)) | 0;
    c = (c << 30) | (c >>> 2);
  }
  for (let t = 60; t < 80; t += 5) {
    e = (e + ((a << 5) | (a >>> 27)) + (b ^ c ^ d) + K3 + (w[t] as number)) | 0;
    b = (b << 30) | (b >>> 2);
    d = (d + ((e << 5) | (e >>> 27)) + (a ^ b ^ c) + K3 + (w[t + 1] as number)) | 0;
    a = (a << 30) | (a >>> 2);
    c = (c + ((d << 5) | (d >>> 27)) + (e ^ a ^ b) + K3 + (w[t + 2] as number)) | 0;
    e = (e << 30) | (e >>> 2);
    b = (b + ((c << 5) | (c >>> 27)) + (d ^ e ^ a) + K3 + (w[t + 3] as number)) | 0;
    d = (d << 30) | (d >>> 2);
    a = (a + ((b << 5) | (b >>> 27)) + (c ^ d ^ e) + K3 + (w[t + 4] as number)) | 0;
    c = (c << 30) | (c >>> 2);
  }
  state[0] = ((state[0] as number) + a) | 0;
  state[1] = ((state[1] as number) + b) | 0;
  state[2] = ((state[2] as number) + c) | 0;
  state[3] = ((state[3] as number) + d) | 0;
  state[4] = ((state[4] as number) + e) | 0;
}
