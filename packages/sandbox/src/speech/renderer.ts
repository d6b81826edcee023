import { Worker } from "node:worker_threads";
import type { G711Codec } from "@earwitness/media";
import type { Rendered, RenderJob } from "./render-worker.ts";
import type { VoiceName } from "./voices.ts";

/** Speech as the wire carries it, made in a thread of its own so that no packet waits for it. */
export interface Renderer {
  say(voice: VoiceName, text: string, codec: G711Codec): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** All scripts in all voices are some 35 MB; what was said lately is said again soonest. */
const cacheBytes = 24 * 1024 * 1024;
/** The thread holds a dictionary of 134,000 words; it goes when nobody has asked it anything for a while. */
const idleMs = 60_000;

export function createRenderer(): Renderer {
  const cache = new Map<string, Promise<Uint8Array>>();
  const sizes = new Map<string, number>();
  const waiting = new Map<number, { resolve: (payload: Uint8Array) => void; reject: (error: Error) => void }>();
  let cached = 0;
  let nextId = 1;
  let worker: Worker | null = null;
  let idle: NodeJS.Timeout | undefined;

  const fail = (error: Error): void => {
    worker = null;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };

  function start(): Worker {
    const started = new Worker(new URL("./render-worker.ts", import.meta.url));
    started.on("message", ({ id, payload }: Rendered) => {
      waiting.get(id)?.resolve(payload);
      waiting.delete(id);
      if (waiting.size > 0) return;
      started.unref();
      idle = setTimeout(() => {
        if (worker === started) worker = null;
        void started.terminate();
      }, idleMs);
      idle.unref();
    });
    started.on("error", (error: Error) => fail(error));
    started.unref();
    return started;
  }

  async function render(job: Omit<RenderJob, "id">): Promise<Uint8Array> {
    clearTimeout(idle);
    worker ??= start();
    // While a sentence is being made the process must not end for want of anything else to do.
    worker.ref();
    const id = nextId++;
    return await new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      const request: RenderJob = { id, ...job };
      worker?.postMessage(request, []);
    });
  }

  function forgetOldest(): void {
    for (const [key, size] of sizes) {
      if (cached <= cacheBytes) return;
      cached -= size;
      sizes.delete(key);
      cache.delete(key);
    }
  }

  return {
    async say(voice, text, codec) {
      const key = `${voice} ${codec} ${text}`;
      const known = cache.get(key) ?? render({ voice, text, codec });
      // Moved to the end: the map's order is from the longest unused to the latest.
      cache.delete(key);
      cache.set(key, known);
      try {
        const payload = await known;
        if (!sizes.has(key)) cached += payload.length;
        sizes.delete(key);
        sizes.set(key, payload.length);
        forgetOldest();
        return payload;
      } catch (error) {
        cache.delete(key);
        throw error;
      }
    },
    async close() {
      clearTimeout(idle);
      const last = worker;
      fail(new Error("renderer closed"));
      await last?.terminate();
    },
  };
}
