/**
 * What has come of one second of one track, as the bytes of its packet log from its first packet on: a packet leaves nothing
 * behind that has to be collected, and a second whose packets came in order is sealed as it lies here (decision 0011).
 */
import { isSound } from "./codecs.ts";
import { entryHead, moveEntries, writeEntryHead } from "./packet-log.ts";
import { createSpareMemory } from "./spare-memory.ts";

/** A second of G.711 in packets of 10, 20 or 30 ms, and one of them more. */
const slotBytes = 9_360;
/** Of a thread. */
const spare = createSpareMemory({ bytesEach: slotBytes, most: 64 * 1024 * 1024 });

function letGoOf(memory: Buffer): void {
  if (memory.length === slotBytes) spare.give(memory);
}

/** Below this a loop costs less than a view on the bytes and a call. */
const copiedByHand = 256;

export class SecondLog {
  readonly second: number;
  readonly #baseSample: number;
  #memory = spare.take();
  #length = 0;
  #framed = 0;
  #lastSample = -1;
  #isPlain = true;

  constructor(second: number, sampleRate: number) {
    this.second = second;
    this.#baseSample = second * sampleRate;
  }

  /** Copies the payload. The place lies in this second. */
  add(atSample: number, codec: number, source: Uint8Array, from: number, length: number): void {
    const at = this.#length + entryHead;
    const end = at + length;
    if (end > this.#memory.length) this.#grow(end);
    const memory = this.#memory;
    writeEntryHead(memory, this.#length, atSample - this.#baseSample, codec, length);
    if (length > copiedByHand) memory.set(source.subarray(from, from + length), at);
    else for (let i = 0; i < length; i += 1) memory[at + i] = source[from + i]!;
    this.#length = end;
    if (atSample <= this.#lastSample || !isSound(codec)) this.#isPlain = false;
    this.#lastSample = atSample;
  }

  /** The packets came in order, each once, and nothing else: there is nothing to settle. */
  get isPlain(): boolean {
    return this.#isPlain;
  }

  /** A packet log that counts from the second's first sample, in the order of arrival. Lent until `letGo`. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  get hasUnframed(): boolean {
    return this.#framed < this.#length;
  }

  /** Copies what no frame has yet to the end of `frame`, counted from `baseSample` on; answers where it ends. */
  copyUnframed(frame: Buffer, at: number, baseSample: number): number {
    const end = at + this.unframedBytes;
    this.#memory.copy(frame, at, this.#framed, this.#length);
    if (baseSample !== this.#baseSample) moveEntries(frame.subarray(at, end), this.#baseSample - baseSample);
    this.#framed = this.#length;
    return end;
  }

  get unframedBytes(): number {
    return this.#length - this.#framed;
  }

  /** Nobody looks at it any more: its memory serves another second, and holds nothing of this one until then. */
  letGo(): void {
    letGoOf(this.#memory.fill(0, 0, this.#length));
    this.#memory = nothing;
    this.#length = 0;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#memory.length));
    this.#memory.copy(grown, 0, 0, this.#length);
    letGoOf(this.#memory.fill(0, 0, this.#length));
    this.#memory = grown;
  }
}

const nothing = Buffer.alloc(0);
