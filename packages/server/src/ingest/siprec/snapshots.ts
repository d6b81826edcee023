import { snapshotRequestXml } from "@earwitness/media";
import type { SipHeaderField } from "@earwitness/media";
import type { Timer, Timers } from "./timers.ts";
import type { Outcome } from "./transaction.ts";

/** Asks the client for a complete document (RFC 7866 §8.4) where what we know of the people is not whole. Never often. */
export interface Snapshots {
  /** Something is missing; asked for soon, and again while it stays missing. */
  want(reason: string): void;
  /** A complete document came. */
  satisfied(): void;
  /** The form of the media type that the client uses itself. */
  useType(contentType: string): void;
  stop(): void;
}

/** Time for the ACK, and for the document that the client may be about to send by itself. */
const settleMs = 1_000;
/** Between two requests; a client that does not answer them must not be worn out. */
const pauseMs = 30_000;
const maxRequests = 5;

/** Answers that say "not now". */
const inTheWay: ReadonlySet<number> = new Set([491, 500, 503, 504]);

const types = ["application/rs-metadata+xml", "application/rs-metadata"] as const;

export function createSnapshots(timers: Timers, update: (headers: readonly SipHeaderField[], body: Uint8Array) => Promise<Outcome>): Snapshots {
  let missing: string | null = null;
  let running: Timer | null = null;
  let requests = 0;
  let understood = true;
  let type: (typeof types)[number] = types[0];

  function schedule(): void {
    if (running !== null || !understood || requests >= maxRequests) return;
    running = timers.after(requests === 0 ? settleMs : pauseMs, () => {
      running = null;
      void ask();
    });
  }

  async function ask(): Promise<void> {
    if (missing === null) return;
    const body = new TextEncoder().encode(snapshotRequestXml(missing));
    requests += 1;
    let outcome = await update([["Content-Type", type], ["Content-Disposition", "recording-session"]], body);
    if (isStatus(outcome, 415)) {
      type = type === types[0] ? types[1] : types[0];
      outcome = await update([["Content-Type", type], ["Content-Disposition", "recording-session"]], body);
    }
    // Whatever else a client refuses it with for good, it will refuse again; what is only in the way now is not.
    understood &&= outcome.kind === "timeout" || outcome.response.status < 300 || inTheWay.has(outcome.response.status);
    if (missing !== null) schedule();
  }

  return {
    want(reason) {
      missing ??= reason;
      schedule();
    },
    satisfied() {
      missing = null;
      running?.cancel();
      running = null;
    },
    useType(contentType) {
      type = types.find((one) => one === contentType.toLowerCase()) ?? type;
    },
    stop() {
      understood = false;
      running?.cancel();
      running = null;
    },
  };
}

const isStatus = (outcome: Outcome, status: number): boolean => outcome.kind === "answered" && outcome.response.status === status;
