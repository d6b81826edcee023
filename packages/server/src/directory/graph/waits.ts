const firstBackoffMs = 1_000;
const longestBackoffMs = 60_000;

/**
 * How long an answer asks us to wait: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); null where it does not say.
 * A date is held against the answer's own `Date`, so that it does not matter whether our clock agrees with theirs.
 */
export function readRetryAfterMs(headers: Pick<Headers, "get">, now: Date): number | null {
  const written = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(written)) return Number(written) * 1_000;
  // Date.parse also reads what is no HTTP date.
  const at = /^[A-Za-z]{3,9},? /.test(written) ? Date.parse(written) : Number.NaN;
  if (Number.isNaN(at)) return null;
  const theirNow = Date.parse(headers.get("date") ?? "");
  return Math.max(0, at - (Number.isNaN(theirNow) ? now.getTime() : theirNow));
}

/** Without a word of theirs: 1, 2, 4 … 60 s, half of it left to chance, so that not all come back at once. */
export function backoffMs(attempt: number, random: number): number {
  const whole = Math.min(longestBackoffMs, firstBackoffMs * 2 ** attempt);
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** Rejects with the signal's reason as soon as it is aborted. */
export async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  try {
    await abandon(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))), signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for what others wait for too, but not longer than until the signal. */
export async function abandon<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  if (signal.aborted) promise.catch(() => undefined); // nobody waits for it any more, here
  signal.throwIfAborted();
  let leave = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
