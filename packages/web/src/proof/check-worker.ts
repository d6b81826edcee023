/** Hashing takes a thread for a while; this is that thread. */
import { checkArchive, type Outcome, type Trust } from "./check.ts";

export type CheckMessage = { readonly kind: "progress"; readonly share: number } | { readonly kind: "done"; readonly outcome: Outcome } | { readonly kind: "failed"; readonly why: string };

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
const say = (message: CheckMessage): void => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<{ archive: Blob; trust: Trust }>) => {
  let told = 0;
  const progress = (share: number): void => {
    if (share - told < 0.01) return;
    told = share;
    say({ kind: "progress", share });
  };
  checkArchive(data.archive, data.trust, progress).then(
    (outcome) => say({ kind: "done", outcome }),
    (error: unknown) => say({ kind: "failed", why: error instanceof Error ? error.message : String(error) }),
  );
};
