import { parentPort } from "node:worker_threads";
import { encodeG711, type G711Codec } from "@earwitness/media";
import { speak } from "./speak.ts";
import type { VoiceName } from "./voices.ts";

export interface RenderJob {
  readonly id: number;
  readonly voice: VoiceName;
  readonly text: string;
  readonly codec: G711Codec;
}

export interface Rendered {
  readonly id: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

parentPort?.on("message", (job: RenderJob) => {
  const encoded = encodeG711(job.codec, speak(job.text, job.voice));
  const payload = new Uint8Array(new ArrayBuffer(encoded.length));
  payload.set(encoded);
  parentPort?.postMessage({ id: job.id, payload } satisfies Rendered, [payload.buffer]);
});
