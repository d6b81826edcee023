import { isSending, mediaAddress } from "@earwitness/media";
import type { SdpMedia, SdpPayload, SdpSession } from "@earwitness/media";
import type { InvitationReason } from "@earwitness/contract";
import type { PayloadType, StreamOffer } from "#recorder";
import { noProtection } from "./protection.ts";
import type { Protected, Protection } from "./protection.ts";

/** What one m-line of an offer asks for. The index of the line is its identity in SDP; the label is its identity in the recorder. */
export type Line =
  | {
      readonly kind: "stream";
      readonly stream: StreamOffer;
      /** Value of the a=crypto that answers the offered one; null for media in the clear. */
      readonly crypto: string | null;
    }
  /** The client took it away, or never opened it. */
  | { readonly kind: "removed"; readonly label: string }
  | { readonly kind: "unusable"; readonly label: string; readonly reason: string; readonly refusal: Extract<InvitationReason, "NO_USABLE_MEDIA" | "SRTP_REQUIRED"> };

/** `before`: labels by line in the last offer; a line that comes again without a label keeps its own. */
export function readLines(sdp: SdpSession, before: readonly string[], protection: Protection = noProtection): Line[] {
  const labels = labelsOf(sdp.media, before);
  return sdp.media.map((media, index) => readLine(media, labels[index]!, protection));
}

/** RFC 4574 asks for unique labels; of two equal ones the second line is known by its place. */
function labelsOf(media: readonly SdpMedia[], before: readonly string[]): string[] {
  const taken = new Set<string>();
  return media.map((line, index) => {
    const wished = line.label?.slice(0, maxLabel) ?? before[index];
    let label = wished === undefined || taken.has(wished) ? `m${index}` : wished;
    while (taken.has(label)) label += "+";
    taken.add(label);
    return label;
  });
}

/** Labels are a few characters in the field and become keys that are kept in every fact. */
const maxLabel = 200;

const clearProfiles: ReadonlySet<string> = new Set(["RTP/AVP", "RTP/AVPF"]);
const protectedProfiles: ReadonlySet<string> = new Set(["RTP/SAVP", "RTP/SAVPF"]);

function readLine(media: SdpMedia, label: string, protection: Protection): Line {
  if (media.port === 0) {
    protection.forget(label);
    return { kind: "removed", label };
  }
  const unusable = (reason: string, refusal: "NO_USABLE_MEDIA" | "SRTP_REQUIRED" = "NO_USABLE_MEDIA"): Line => ({ kind: "unusable", label, reason, refusal });
  if (media.kind !== "audio") return unusable(`${media.kind.slice(0, 20)} is not recorded`);
  const isProtected = protectedProfiles.has(media.protocol);
  if (media.protocol.startsWith("UDP/TLS/")) return unusable("keys by DTLS are not supported: offer RTP/SAVP with a=crypto");
  if (!isProtected && !clearProfiles.has(media.protocol)) return unusable(`${media.protocol.slice(0, 40)} is not supported`);
  if (!isProtected && protection.required) return unusable("this trunk takes SRTP only: offer RTP/SAVP with a=crypto", "SRTP_REQUIRED");

  const payloads = media.payloads.flatMap(playable);
  if (payloads.length === 0) return unusable("no codec that can be played back: PCMU, PCMA, G722 and opus are");
  let keys: Protected | null = null;
  if (isProtected) {
    const secured = protection.secure(label, media.crypto);
    if (!secured.ok) return unusable(secured.reason);
    keys = secured.value;
  }
  const keyPresses = media.payloads.filter(({ encoding }) => encoding === "TELEPHONE-EVENT").map(({ number, clockRateHz }) => ({ number, clockRateHz: clockRateHz || 8000 }));
  const comfortNoise = media.payloads.filter(({ encoding }) => encoding === "CN").map(({ number }) => number);
  const stream: StreamOffer = {
    label,
    payloads,
    remote: mediaAddress(media),
    sending: isSending(media),
    ...(keyPresses.length > 0 ? { keyPresses } : {}),
    ...(comfortNoise.length > 0 ? { comfortNoise } : {}),
    ...(media.rtcpMux ? { rtcpMux: true } : {}),
    ...(keys === null ? {} : { srtp: keys.keys }),
  };
  return { kind: "stream", stream, crypto: keys?.answer ?? null };
}

/** What the recorder can play back later; nothing else is ever accepted. */
function playable({ number, encoding, clockRateHz, channels }: SdpPayload): PayloadType[] {
  switch (encoding) {
    case "PCMU":
    case "PCMA":
      return clockRateHz === 8000 && channels === 1 ? [{ number, codec: encoding, clockRateHz }] : [];
    // Registered with 8000 by a mistake of RFC 1890 that stays (RFC 3551 §4.5.2); who writes what it samples at counts in 8000 all the same.
    case "G722":
      return (clockRateHz === 8000 || clockRateHz === 16_000) && channels === 1 ? [{ number, codec: "G722", clockRateHz: 8000 }] : [];
    // Always 48000/2, whatever is sent (RFC 7587 §4.1); one channel is met.
    case "OPUS":
      return clockRateHz === 48_000 && channels <= 2 ? [{ number, codec: "OPUS", clockRateHz }] : [];
    default:
      return [];
  }
}

/**
 * Numbers for the answer: one codec, the one the client likes best, and with it the key presses that count in the same clock (RFC 4733
 * §2.6) and the comfort noise (RFC 3389: 8000 only; Opus has its own).
 */
export function answeredPayloads({ payloads, keyPresses = [], comfortNoise = [] }: StreamOffer): number[] {
  const [codec] = payloads;
  if (codec === undefined) return [];
  const sameClock = keyPresses.filter(({ clockRateHz }) => clockRateHz === codec.clockRateHz);
  const pressed = sameClock.length > 0 ? sameClock : keyPresses;
  return [...new Set([codec.number, ...pressed.map(({ number }) => number), ...(codec.clockRateHz === 8000 ? comfortNoise : [])])];
}

export const labelOf = (line: Line): string => (line.kind === "stream" ? line.stream.label : line.label);

export function sameStream(one: StreamOffer, other: StreamOffer): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
