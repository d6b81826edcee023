/**
 * The receiving end of one protected stream (RFC 3711, RFC 7714). Whatever comes here is anybody's until it authenticates, and
 * until then nothing is kept of it, changed for it or allocated for it.
 */
import type { SrtpKeys, SrtpMasterKey, SrtpSuite } from "./srtp-keys.ts";
import { createReplayWindow, nearestRollovers, type ReplayWindow } from "./srtp-replay.ts";
import { deriveSessionKeys } from "./srtp-session-keys.ts";
import { srtpSuiteFacts } from "./srtp-suite.ts";
import { createRtcpTransform, createRtpTransform, ENCRYPTED_BIT, RTCP_HEADER_BYTES, type RtcpTransform, type RtpTransform } from "./srtp-transform.ts";

/**
 * `auth`: made without the key, or changed on its way. `replay`: came already, or is too old to tell. `malformed`: no SRTP packet.
 * `key`: names a master key that was not agreed, or one that is used up.
 */
export type SrtpRefusal = "auth" | "replay" | "malformed" | "key";
export type SrtpVerdict = { readonly ok: true; readonly length: number } | { readonly ok: false; readonly why: SrtpRefusal };

/** What one key may protect at most. */
export interface SrtpLifetime {
  readonly maxRollovers: number;
  readonly rtcpPackets: number;
}

/** RFC 3711 §9.2: with the last of 2^48 numbers, or of 2^31, it is used up. Tests have it sooner. */
const longestLifetime: SrtpLifetime = { maxRollovers: 0xffff_ffff, rtcpPackets: 2 ** 31 };

export interface SrtpReceiver {
  /** Decrypts in place; the RTP packet is the first `length` bytes. The verdict is used again for the next packet. */
  unprotect(packet: Uint8Array, length?: number): SrtpVerdict;
  /** In place as well; null for what is not authentic or came already. */
  unprotectRtcp(packet: Uint8Array): Uint8Array | null;
  /** A packet of our own, with our key; null when its 2^31 packets are used up (RFC 3711 §9.2). */
  protectRtcp(packet: Uint8Array): Uint8Array | null;
  /**
   * New keys are taken at once; the old ones are good until 128 packets came under the new ones, so that neither a sender that
   * still uses the old ones nor a late packet is refused. Keys that stay keep what they know of their sources.
   */
  rekey(keys: SrtpKeys): void;
}

/** Sources under one key at once; the one that was silent longest makes way, and is forgotten. Only who has the key can bring in another. */
const MAX_SOURCES = 64;
const OLD_GENERATIONS = 2;
/** Two and a half seconds at 20 ms. */
const OLD_KEY_PACKETS = 128;
/**
 * A recorder may join a stream whose counter has rolled over already, and SDES does not say how often (RFC 4568 §6.4.1). What
 * fits most is tried with every packet of a new source: nought, and one for a stream that was joined at the wrap. One of the
 * others is tried beside it, in turn: up to 63, a day of 20 ms packets, is found within 62 packets.
 */
const MAX_GUESSED_ROLLOVERS = 63;
/**
 * After an outage of more than 32,768 packets the nearest number is not the right one. Where so many in a row were refused, one of
 * the next four is tried beside it, in turn; not sooner, as it makes a forged packet cost twice as much.
 */
const REFUSED_BEFORE_SKIPPING = 8;
const MAX_SKIPPED_ROLLOVERS = 4;
const MAX_RTCP_INDEX = 0x7fff_ffff;
const WRAP = 0x1_0000;
const RTP_HEADER_BYTES = 12;

interface Source {
  readonly ssrc: number;
  readonly window: ReplayWindow;
  /** Since the last good one. */
  refusedInARow: number;
}

/** One master key and what came under it. */
interface Session {
  readonly suite: SrtpSuite;
  readonly master: SrtpMasterKey;
  readonly rtp: RtpTransform;
  readonly rtcp: RtcpTransform;
  readonly rtpSources: Map<number, Source>;
  readonly rtcpSources: Map<number, Source>;
  /** The source of the last packet: nearly always that of the next. */
  last: Source | null;
  guess: number;
}

/** What one offer agreed. */
interface Generation {
  readonly sessions: readonly Session[];
  readonly aead: boolean;
  readonly rtpTagBytes: number;
  readonly rtcpTagBytes: number;
  /** The same for all keys (RFC 4568 §6.1); 0: none. */
  readonly mkiBytes: number;
}

const refusals: Readonly<Record<SrtpRefusal, SrtpVerdict>> = {
  auth: { ok: false, why: "auth" },
  replay: { ok: false, why: "replay" },
  malformed: { ok: false, why: "malformed" },
  key: { ok: false, why: "key" },
};

export function createSrtpReceiver(keys: SrtpKeys, { maxRollovers, rtcpPackets }: SrtpLifetime = longestLifetime): SrtpReceiver {
  let current = createGeneration(keys, []);
  let older: Generation[] = [];
  /** Packets under the current keys since they came. */
  let underCurrent = 0;
  let ours = createOurs(keys);
  /** Goes on over new keys (§3.4). */
  let nextRtcpIndex = 0;
  const accepted = { ok: true as const, length: 0 };

  function unprotect(packet: Uint8Array, length: number): SrtpVerdict {
    const headerBytes = length > packet.length ? -1 : headerLength(packet, length);
    if (headerBytes < 0) return refusals.malformed;
    let why = open(current, packet, length, headerBytes);
    if (why === null) {
      if (older.length > 0 && ++underCurrent >= OLD_KEY_PACKETS) older = [];
    } else {
      for (const generation of older) {
        const old = open(generation, packet, length, headerBytes);
        if (old === null || old === "replay") why = old;
        if (old === null) break;
      }
    }
    if (why !== null) return refusals[why];
    return accepted;
  }

  /** Null when it was opened. */
  function open(generation: Generation, packet: Uint8Array, length: number, headerBytes: number): SrtpRefusal | null {
    const { mkiBytes, rtpTagBytes, aead } = generation;
    const payloadEnd = length - rtpTagBytes - mkiBytes;
    if (payloadEnd < headerBytes) return "malformed";
    const session = sessionOf(generation, packet, aead ? length - mkiBytes : payloadEnd);
    if (session === null) return "key";
    const tagAt = aead ? payloadEnd : length - rtpTagBytes;
    const sequence = ((packet[2] as number) << 8) | (packet[3] as number);
    const ssrc = readWord(packet, 8);

    const source = session.last?.ssrc === ssrc ? session.last : session.rtpSources.get(ssrc);
    if (source === undefined) {
      const rollovers = firstRollovers(session, packet, headerBytes, payloadEnd, tagAt, ssrc, sequence);
      if (rollovers < 0) return "auth";
      session.last = addSource(session.rtpSources, ssrc);
      session.last.window.mark(rollovers * WRAP + sequence);
    } else {
      const why = openKnown(session, source, packet, headerBytes, payloadEnd, tagAt, sequence);
      if (why !== null) return why;
      if (session.last !== source) {
        renew(session.rtpSources, source);
        session.last = source;
      }
    }
    accepted.length = payloadEnd;
    return null;
  }

  function openKnown(session: Session, source: Source, packet: Uint8Array, headerBytes: number, payloadEnd: number, tagAt: number, sequence: number): SrtpRefusal | null {
    const { window, ssrc } = source;
    const rollovers = nearestRollovers(window.highest, sequence);
    if (rollovers > maxRollovers) return "key";
    const place = window.check(rollovers * WRAP + sequence);
    if (place === "new" && session.rtp.open(packet, headerBytes, payloadEnd, tagAt, ssrc, rollovers, sequence)) {
      window.mark(rollovers * WRAP + sequence);
      source.refusedInARow = 0;
      return null;
    }
    source.refusedInARow += 1;
    if (source.refusedInARow > REFUSED_BEFORE_SKIPPING) {
      // Only ever ahead: what lies behind the window may be a replay, whoever vouches for it.
      const ahead = rollovers + 1 + (source.refusedInARow % MAX_SKIPPED_ROLLOVERS);
      if (ahead <= maxRollovers && session.rtp.open(packet, headerBytes, payloadEnd, tagAt, ssrc, ahead, sequence)) {
        window.mark(ahead * WRAP + sequence);
        source.refusedInARow = 0;
        return null;
      }
    }
    return place === "new" ? "auth" : "replay";
  }

  /** -1 where none fits. */
  function firstRollovers(session: Session, packet: Uint8Array, headerBytes: number, payloadEnd: number, tagAt: number, ssrc: number, sequence: number): number {
    const fits = (rollovers: number): boolean => session.rtp.open(packet, headerBytes, payloadEnd, tagAt, ssrc, rollovers, sequence);
    // Under a new key the count goes on (§3.3.1), which some senders do not know: they begin again.
    const carried = carriedRollovers(ssrc, sequence);
    if (carried > 1 && carried <= maxRollovers && fits(carried)) return carried;
    if (fits(0)) return 0;
    if (fits(1)) return 1;
    session.guess = session.guess >= MAX_GUESSED_ROLLOVERS ? 2 : session.guess + 1;
    return fits(session.guess) ? session.guess : -1;
  }

  function carriedRollovers(ssrc: number, sequence: number): number {
    let highest = -1;
    for (const { sessions } of [current, ...older]) for (const { rtpSources } of sessions) highest = Math.max(highest, rtpSources.get(ssrc)?.window.highest ?? -1);
    return highest < 0 ? -1 : nearestRollovers(highest, sequence);
  }

  /** Null where it was not opened. */
  function openRtcp(generation: Generation, packet: Uint8Array): Uint8Array | null {
    const { rtcpTagBytes, rtpTagBytes } = generation;
    const opened = openRtcpWithTag(generation, packet, rtcpTagBytes);
    // With _32 the reports have 80 bits (RFC 4568 §6.2), but clients are met that cut those as well: ffmpeg.
    return opened === null && rtpTagBytes < rtcpTagBytes ? openRtcpWithTag(generation, packet, rtpTagBytes) : opened;
  }

  function openRtcpWithTag(generation: Generation, packet: Uint8Array, rtcpTagBytes: number): Uint8Array | null {
    const { mkiBytes, aead } = generation;
    const payloadEnd = packet.length - rtcpTagBytes - mkiBytes - 4;
    if (payloadEnd < RTCP_HEADER_BYTES) return null;
    const tagAt = aead ? payloadEnd : packet.length - rtcpTagBytes;
    const wordAt = aead ? payloadEnd + rtcpTagBytes : payloadEnd;
    const session = sessionOf(generation, packet, wordAt + 4);
    if (session === null) return null;
    const ssrc = readWord(packet, 4);
    const word = readWord(packet, wordAt);
    const index = word & MAX_RTCP_INDEX;
    // Whether it is encrypted is authentic as well; a report in the clear tells us no less.
    const source = session.rtcpSources.get(ssrc);
    if (source !== undefined && source.window.check(index) !== "new") return null;
    if (!session.rtcp.open(packet, payloadEnd, tagAt, rtcpTagBytes, wordAt, ssrc, word)) return null;
    if (source !== undefined) renew(session.rtcpSources, source);
    (source ?? addSource(session.rtcpSources, ssrc)).window.mark(index);
    return packet.subarray(0, payloadEnd);
  }

  return {
    unprotect: (packet, length = packet.length) => unprotect(packet, length),
    unprotectRtcp(packet) {
      if ((packet[0] ?? 0) >> 6 !== 2) return null;
      for (const generation of [current, ...older]) {
        const opened = openRtcp(generation, packet);
        if (opened !== null) return opened;
      }
      return null;
    },
    protectRtcp(packet) {
      if (packet.length < RTCP_HEADER_BYTES) throw new RangeError("an RTCP packet has eight bytes at least");
      if (nextRtcpIndex >= rtcpPackets) return null;
      const protectedPacket = ours.protect(packet, nextRtcpIndex);
      nextRtcpIndex += 1;
      return protectedPacket;
    },
    rekey(next) {
      const known = [current, ...older].flatMap(({ sessions }) => sessions);
      const generation = createGeneration(next, known);
      ours = createOurs(next);
      const before = new Set(current.sessions);
      if (generation.sessions.length === before.size && generation.sessions.every((session) => before.has(session))) return; // the same keys, as most offers of a running call
      older = [current, ...older].slice(0, OLD_GENERATIONS);
      current = generation;
      underCurrent = 0;
    },
  };
}

/** Sessions whose master key is known are taken over with their sources. */
function createGeneration({ suite, theirs }: SrtpKeys, known: readonly Session[]): Generation {
  const [first] = theirs;
  if (first === undefined) throw new RangeError("SRTP without a master key");
  const mkiBytes = first.mki?.length ?? 0;
  if (theirs.some(({ mki }) => (mki?.length ?? 0) !== mkiBytes) || (theirs.length > 1 && mkiBytes === 0)) throw new RangeError("several master keys need MKIs of one length");
  const { aead, rtpTagBytes, rtcpTagBytes } = srtpSuiteFacts[suite];
  const sessions = theirs.map((master) => known.find((session) => session.suite === suite && isSameKey(session.master, master)) ?? createSession(suite, master));
  return { sessions, aead, rtpTagBytes, rtcpTagBytes, mkiBytes };
}

function createSession(suite: SrtpSuite, master: SrtpMasterKey): Session {
  return { suite, master, rtp: createRtpTransform(suite, deriveSessionKeys(suite, master, "rtp")), rtcp: createRtcpTransform(suite, deriveSessionKeys(suite, master, "rtcp")), rtpSources: new Map(), rtcpSources: new Map(), last: null, guess: 1 };
}

/** Both are known to whoever offers; nothing is told by how long this takes. */
function isSameKey(a: SrtpMasterKey, b: SrtpMasterKey): boolean {
  return isSame(a.key, b.key) && isSame(a.salt, b.salt) && isSame(a.mki ?? nothing, b.mki ?? nothing);
}

const nothing = new Uint8Array(0);

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function createOurs({ suite, ours, clearRtcp }: SrtpKeys): { protect(packet: Uint8Array, index: number): Uint8Array } {
  const { aead, rtcpTagBytes } = srtpSuiteFacts[suite];
  const transform = createRtcpTransform(suite, deriveSessionKeys(suite, ours, "rtcp"));
  const mki = ours.mki ?? nothing;
  return {
    protect(packet, index) {
      const bytes = new Uint8Array(packet.length + 4 + mki.length + rtcpTagBytes);
      bytes.set(packet);
      const wordAt = aead ? packet.length + rtcpTagBytes : packet.length;
      const word = (clearRtcp ? 0 : ENCRYPTED_BIT) + index;
      new DataView(bytes.buffer).setUint32(wordAt, word);
      bytes.set(mki, wordAt + 4);
      transform.seal(bytes, packet.length, aead ? packet.length : wordAt + 4 + mki.length, wordAt, readWord(packet, 4), word);
      return bytes;
    },
  };
}

function sessionOf({ sessions, mkiBytes }: Generation, packet: Uint8Array, mkiAt: number): Session | null {
  if (mkiBytes === 0) return sessions[0] ?? null;
  for (const session of sessions) {
    const mki = session.master.mki ?? nothing;
    let at = 0;
    while (at < mkiBytes && mki[at] === packet[mkiAt + at]) at++;
    if (at === mkiBytes) return session;
  }
  return null;
}

/** The map's order is that of use. */
function renew(sources: Map<number, Source>, source: Source): void {
  sources.delete(source.ssrc);
  sources.set(source.ssrc, source);
}

function addSource(sources: Map<number, Source>, ssrc: number): Source {
  const source = { ssrc, window: createReplayWindow(), refusedInARow: 0 };
  sources.set(ssrc, source);
  for (const longestSilent of sources.keys()) {
    if (sources.size <= MAX_SOURCES) break;
    sources.delete(longestSilent);
  }
  return source;
}

/** What stands before the payload: nothing of the payload, padding included, can be read yet. -1: no RTP packet. */
function headerLength(packet: Uint8Array, length: number): number {
  if (length < RTP_HEADER_BYTES) return -1;
  const first = packet[0] as number;
  if (first >> 6 !== 2) return -1;
  let at = RTP_HEADER_BYTES + 4 * (first & 0x0f);
  if (first & 0x10) {
    if (at + 4 > length) return -1;
    at += 4 + 4 * (((packet[at + 2] as number) << 8) | (packet[at + 3] as number));
  }
  return at > length ? -1 : at;
}

function readWord(packet: Uint8Array, at: number): number {
  return (((packet[at] as number) << 24) | ((packet[at + 1] as number) << 16) | ((packet[at + 2] as number) << 8) | (packet[at + 3] as number)) >>> 0;
}
