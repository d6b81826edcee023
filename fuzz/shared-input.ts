/** The input that a thread runs now, where the thread that watches it can read it. */
export interface WorkerTask {
  readonly parser: string;
  readonly seed: number;
  readonly forMs: number;
  readonly shared: SharedArrayBuffer;
  readonly corpus: readonly Uint8Array[];
}

const headerBytes = 8;

export const sharedInput = (maxBytes: number): SharedArrayBuffer => new SharedArrayBuffer(headerBytes + maxBytes);

export function writeInput(shared: SharedArrayBuffer, input: Uint8Array): void {
  const [header, body] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, headerBytes)];
  body.set(input.subarray(0, body.length));
  header[1] = Math.min(input.length, body.length);
  Atomics.add(header, 0, 1);
}

/** `count` goes up with every input. */
export function readInput(shared: SharedArrayBuffer): { readonly count: number; readonly input: Uint8Array } {
  const header = new Int32Array(shared, 0, 2);
  return { count: Atomics.load(header, 0), input: new Uint8Array(shared, headerBytes, header[1]).slice() };
}
