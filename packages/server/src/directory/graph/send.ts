import { messageOf } from "#errors";
import type { Clock } from "#clock";
import { GraphError } from "./graph-error.ts";
import { backoffMs, readRetryAfterMs } from "./waits.ts";

/** The outside world, so that tests can hold it. */
export interface World extends Clock {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Rejects with the signal's reason when it is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
}

export interface Limits {
  /** For one attempt, from its first byte to the last of the answer. */
  readonly timeoutMs: number;
  readonly mostBodyBytes: number;
  /** Attempts in all, the first included. */
  readonly mostAttempts: number;
  /** Whoever asks us to wait for longer gets no second attempt now. */
  readonly longestWaitMs: number;
}

export const plainLimits: Limits = { timeoutMs: 30_000, mostBodyBytes: 16 * 1024 * 1024, mostAttempts: 6, longestWaitMs: 300_000 };

export interface Outgoing {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Stands in errors; without secrets. */
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Whatever came; at most `mostBodyBytes`. */
  readonly body: string;
}

/** What was asked of Microsoft since the client was made. */
export interface Usage {
  /** Requests made, repeated ones included; one of $batch is one. */
  requests: number;
  /** Of these, such as were made again. */
  repeated: number;
  /** Time spent waiting because we were told to, or because of a failure. */
  waitedMs: number;
}

const again = new Set([429, 500, 502, 503, 504]);

/**
 * Sends a request until something comes of it. Only for such as may be made twice: all of ours read.
 * Redirects are not followed: they would carry the token to whoever is named there.
 */
export function createSend(world: World, limits: Limits, usage: Usage): (outgoing: Outgoing) => Promise<Answer> {
  async function attempt({ method, url, headers, body, where, signal }: Outgoing): Promise<Answer | GraphError> {
    const timeout = AbortSignal.timeout(limits.timeoutMs);
    usage.requests++;
    try {
      const response = await world.fetch(url, {
        method, headers, redirect: "manual", signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]), ...(body === undefined ? {} : { body }),
      });
      return { status: response.status, headers: response.headers, body: await readBody(response, limits.mostBodyBytes, where) };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof GraphError) throw error;
      if (timeout.aborted) return new GraphError("timeout", where, `no whole answer within ${limits.timeoutMs / 1_000} s`);
      // fetch says only that it failed; why stands below.
      return new GraphError("unreachable", where, `no answer: ${messageOf(error instanceof Error ? (error.cause ?? error) : error)}`);
    }
  }

  return async (outgoing) => {
    for (let made = 1; ; made++) {
      const answer = await attempt(outgoing);
      if (!(answer instanceof GraphError) && !again.has(answer.status)) return answer;
      const asked = answer instanceof GraphError ? null : readRetryAfterMs(answer.headers, world.now());
      if (made >= limits.mostAttempts || (asked ?? 0) > limits.longestWaitMs) {
        if (answer instanceof GraphError) throw answer;
        return answer;
      }
      // A little later than they say: whoever was told the same comes at the same moment.
      const waitMs = asked === null ? backoffMs(made - 1, world.random()) : Math.round(asked * (1 + world.random() / 10));
      usage.repeated++;
      usage.waitedMs += waitMs;
      await world.sleep(waitMs, outgoing.signal);
    }
  };
}

/** An answer without an end must not fill the memory; its length is only what the sender says. */
async function readBody(response: Response, mostBytes: number, where: string): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > mostBytes) throw new GraphError("malformed", where, `the answer is larger than ${mostBytes} bytes`, { status: response.status });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
