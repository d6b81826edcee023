/**
 * Loaded before the recording process and each of its threads: in the media worker it measures how late the event loop is, and
 * how long a frame of the journal takes to be on disk.
 */
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { BroadcastChannel, isMainThread } from "node:worker_threads";

export interface Probed {
  readonly eventLoopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** From the beat that a frame was queued in until it was synced. */
  readonly journalLagMs: { readonly p50: number; readonly p99: number; readonly max: number; readonly commits: number };
}

export const channelName = "probe";
/** Of the media worker: a commit that takes longer leaves the next one's frames waiting. */
const beatMs = 200;

if (!isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  let lags: number[] = [];
  const path = join(tmpdir(), `earwitness-probe-${process.pid}`);
  const file = await open(path, "w");
  const prototype = Object.getPrototypeOf(file) as { writev: (...args: unknown[]) => Promise<unknown>; datasync: () => Promise<void> };
  await file.close();
  await rm(path, { force: true });
  const began = new WeakMap<object, number>();
  let lastBegan = 0;
  const { writev, datasync } = prototype;
  prototype.writev = function (...args) {
    if (!began.has(this)) began.set(this, performance.now());
    return writev.apply(this, args);
  };
  prototype.datasync = async function () {
    const from = began.get(this) ?? performance.now();
    began.delete(this);
    await datasync.call(this);
    lags.push(performance.now() - Math.min(from, lastBegan === 0 ? from : lastBegan + beatMs));
    lastBegan = from;
  };
  const [channel, answers] = [new BroadcastChannel(channelName), new BroadcastChannel(`${channelName}-answer`)];
  channel.onmessage = () => {
    const sorted = lags.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    const ms = (ns: number): number => ns / 1e6;
    const probed: Probed = {
      eventLoopDelayMs: { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) },
      journalLagMs: { p50: at(0.5), p99: at(0.99), max: at(1), commits: sorted.length },
    };
    lags = [];
    delay.reset();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    answers.postMessage(probed);
  };
  // The worker ends when its own work does.
  channel.unref();
  answers.unref();
}
