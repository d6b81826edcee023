import { parseSessionExpires, parseTokenList } from "@earwitness/media";
import type { SipHeaderField, SipHeaders } from "@earwitness/media";
import type { Answer } from "./reply.ts";
import type { Timer, Timers } from "./timers.ts";
import type { Outcome } from "./transaction.ts";

/** RFC 4028 §5: no interval is shorter. What we ask for where the other side leaves it to us. */
const minSeconds = 90;
/** A day; longer wishes are cut to it, which the one who answers may do (§9), and no timer of the runtime overflows. */
const maxSeconds = 86_400;
const ownSeconds = 1_800;
/** A refresh that could not be served now is tried again after this long, unless the answer names a time. */
const retrySeconds = 5;

export type Refresher = "us" | "them";

export interface SessionInterval {
  readonly seconds: number;
  readonly refresher: Refresher;
  /** The other side knows session timers; else a proxy on the way asked for one. */
  readonly peerKnows: boolean;
}

/** What the client said of itself; what a later request leaves out stays true. */
export interface Peer {
  readonly supportsTimer: boolean;
  readonly allowsUpdate: boolean;
}

/** Support is said in each request anew (RFC 3261 §20.37); Allow may be left out, and who sends UPDATE takes it too. */
export function readPeer(method: string, headers: SipHeaders, before: Peer | null): Peer {
  const has = (name: string, token: string): boolean => parseTokenList(headers.all(name)).some((one) => one.toLowerCase() === token);
  const allowsUpdate = headers.has("Allow") ? has("Allow", "update") : (before?.allowsUpdate ?? false);
  return { supportsTimer: has("Supported", "timer") || has("Require", "timer"), allowsUpdate: allowsUpdate || method === "UPDATE" };
}

/**
 * What an INVITE or UPDATE agrees on (RFC 4028 §9): an interval, none, or 422. Where the choice is ours the client refreshes: that is how a
 * recorder notices that a client died. A client that knows timers but neither asked for one gets one all the same.
 */
export function agreeOnInterval(headers: SipHeaders, peer: Peer): SessionInterval | null | Answer {
  const value = headers.get("Session-Expires");
  const asked = value === undefined ? null : parseSessionExpires(value);
  const { supportsTimer, allowsUpdate } = peer;
  if (asked === null || !asked.ok) return supportsTimer ? { seconds: ownSeconds, refresher: "them", peerKnows: true } : null;
  const { seconds, refresher } = asked.value;
  // 422 helps only who can read it; a proxy's too short wish is raised instead.
  if (seconds < minSeconds && supportsTimer) return { status: 422, headers: [["Min-SE", String(minSeconds)]] };
  const ours = refresher === "uas" || !supportsTimer;
  // Our refresh is an UPDATE. Where that is not allowed we do not agree to a timer, and the client may refresh by itself (§7.2).
  if (ours && !allowsUpdate) return null;
  return { seconds: clamp(seconds), refresher: ours ? "us" : "them", peerKnows: supportsTimer };
}

/** For a 2xx to the request that agreed on `interval`. */
export function intervalHeaders(interval: SessionInterval | null): SipHeaderField[] {
  if (interval === null) return [];
  const { seconds, refresher, peerKnows } = interval;
  const headers: SipHeaderField[] = [["Session-Expires", `${seconds};refresher=${refresher === "us" ? "uas" : "uac"}`]];
  if (peerKnows) headers.push(["Require", "timer"]);
  return headers;
}

export interface SessionTimer {
  /** A refresh succeeded: counts anew. Null: this session does not expire, and we only ask from time to time whether the client lives. */
  restart(interval: SessionInterval | null): void;
  stop(): void;
}

export interface SessionTimerOptions {
  readonly timers: Timers;
  /** Sends an UPDATE with these headers. */
  readonly refresh: (headers: readonly SipHeaderField[]) => Promise<Outcome>;
  /** Sends an OPTIONS. */
  readonly probe: () => Promise<Outcome>;
  /** The other side is gone. */
  readonly expired: () => void;
}

export function createSessionTimer({ timers, refresh, probe, expired }: SessionTimerOptions): SessionTimer {
  let running: Timer | null = null;
  /** Grows with every restart, so that the answer to an old refresh changes nothing. */
  let turn = 0;

  function restart(interval: SessionInterval | null): void {
    stop();
    if (interval === null) {
      running = timers.after(ownSeconds * 1000, () => void probeNow());
      return;
    }
    const { seconds, refresher } = interval;
    if (refresher === "us") running = timers.after(seconds * 500, () => void refreshNow(interval));
    // RFC 4028 §10: BYE the smaller of 32 seconds and a third of the interval before its end.
    else running = timers.after((seconds - Math.min(32, seconds / 3)) * 1000, expired);
  }

  /** A client without session timers that died would be recorded for ever. Any answer is a sign of life, except that it knows no such call. */
  async function probeNow(askedBefore = false): Promise<void> {
    const mine = (turn += 1);
    const outcome = await probe();
    if (mine !== turn) return;
    if (outcome.kind === "timeout") return askedBefore ? expired() : void probeNow(true); // a network that was cut for half a minute is no death
    if (isGone(outcome.response.status)) expired();
    else restart(null);
  }

  async function refreshNow(interval: SessionInterval): Promise<void> {
    const mine = (turn += 1);
    const outcome = await refresh([
      ["Session-Expires", `${interval.seconds};refresher=uac`],
      ["Min-SE", String(minSeconds)],
    ]);
    if (mine === turn) settle(interval, outcome);
  }

  function settle(interval: SessionInterval, outcome: Outcome): void {
    if (outcome.kind === "timeout") return expired();
    const { status, headers } = outcome.response;
    if (isGone(status)) return expired();
    if (status < 300) {
      const agreed = parseSessionExpires(headers.get("Session-Expires") ?? "");
      // Inside our own request "uac" is us. No Session-Expires: the peer does not expire, but we go on asking whether it lives.
      if (!agreed.ok) return restart(interval);
      const seconds = clamp(agreed.value.seconds);
      return restart({ ...interval, seconds, refresher: agreed.value.refresher === "uas" ? "them" : "us" });
    }
    // Every other refusal is a sign of life: a recording is not given up for it, we only ask again.
    const least = parseSessionExpires(headers.get("Min-SE") ?? "");
    const seconds = status === 422 && least.ok ? clamp(Math.max(interval.seconds, least.value.seconds)) : interval.seconds;
    const pauseSeconds = Math.max(1, Number(/^\d{1,4}/.exec(headers.get("Retry-After") ?? "")?.[0] ?? retrySeconds));
    const soon = status === 422 || status === 491 || status >= 500;
    if (soon) running = timers.after(Math.min(pauseSeconds, seconds / 4) * 1000, () => void refreshNow({ ...interval, seconds }));
    else restart(interval);
  }

  function stop(): void {
    turn += 1;
    running?.cancel();
    running = null;
  }

  return { restart, stop };
}

const isGone = (status: number): boolean => status === 408 || status === 481;

const clamp = (seconds: number): number => Math.min(Math.max(seconds, minSeconds), maxSeconds);
