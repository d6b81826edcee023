import type { SdpDirection, SdpMedia, SdpPayload, SdpSession } from "./sdp.ts";

/** What becomes of one offered line. */
export type SdpDecision =
  | {
      readonly kind: "take";
      readonly rtpPort: number;
      /** Equal to `rtpPort` when RTCP is to share the port; honored where the offer has rtcp-mux. */
      readonly rtcpPort: number;
      /** Numbers out of the offered ones, first preferred. */
      readonly payloadTypes: readonly number[];
      /** Value of the a=crypto that answers the offered one (RFC 4568 §5.1.2). */
      readonly crypto?: string;
      /** Taken, but not yet (or no longer) to be sent to. */
      readonly inactive?: boolean;
    }
  | { readonly kind: "refuse" };

export interface SdpLocal {
  readonly address: string;
  /** Digits; the same in every answer of a dialog. */
  readonly sessionId: string;
  /** One more than in the answer before (RFC 3264 8). */
  readonly version: number;
}

/**
 * The recording server's answer (RFC 3264 6, RFC 7866 7.1): line for line what was offered, none added; each taken to
 * receive only, or refused with port 0. A line without a decision is refused.
 */
export function answerSdp(offer: SdpSession, decisions: readonly SdpDecision[], local: SdpLocal): string {
  const family = local.address.includes(":") ? "IP6" : "IP4";
  const lines = [
    "v=0",
    `o=- ${local.sessionId} ${local.version} IN ${family} ${local.address}`,
    "s=-",
    `c=IN ${family} ${local.address}`,
    `t=${offer.timing}`,
  ];
  for (const [index, media] of offer.media.entries()) lines.push(...answerLine(media, decisions[index]));
  return `${lines.join("\r\n")}\r\n`;
}

function answerLine(media: SdpMedia, decision: SdpDecision | undefined): string[] {
  const label = media.label === null ? [] : [`a=label:${media.label}`];
  const payloads = decision?.kind === "take" ? chosenPayloads(media, decision.payloadTypes) : [];
  if (decision?.kind !== "take" || media.port === 0 || payloads.length === 0) {
    const formats = media.formats.length === 0 ? ["0"] : media.formats; // one at least, though it means nothing
    return [`m=${media.kind} 0 ${media.protocol} ${formats.join(" ")}`, ...label];
  }

  const lines = [`m=${media.kind} ${decision.rtpPort} ${media.protocol} ${payloads.map((one) => one.number).join(" ")}`];
  for (const { number, encoding, clockRateHz, channels, fmtp } of payloads) {
    if (encoding !== "") lines.push(`a=rtpmap:${number} ${rtpName(encoding)}/${clockRateHz}${channels > 1 ? `/${channels}` : ""}`);
    const format = answerFormat(encoding, fmtp);
    if (format !== null) lines.push(`a=fmtp:${number} ${format}`);
  }
  if (decision.crypto !== undefined) lines.push(`a=crypto:${decision.crypto}`);
  if (media.ptimeMs !== null) lines.push(`a=ptime:${media.ptimeMs}`);
  if (media.rtcpMux && decision.rtcpPort === decision.rtpPort) lines.push("a=rtcp-mux");
  else if (decision.rtcpPort !== decision.rtpPort + 1) lines.push(`a=rtcp:${decision.rtcpPort}`);
  lines.push(`a=${answerDirection(media.direction, decision.inactive ?? false)}`, ...label);
  return lines;
}

function chosenPayloads(media: SdpMedia, numbers: readonly number[]): SdpPayload[] {
  return numbers.flatMap((number) => media.payloads.find((payload) => payload.number === number) ?? []);
}

/**
 * Format parameters that say what we want, not what was offered: key presses 0 to 15 (RFC 4733 §2.5.1.1) and one channel of Opus. The rest
 * is repeated.
 */
function answerFormat(encoding: string, offered: string | null): string | null {
  if (encoding === "TELEPHONE-EVENT") return "0-15";
  if (encoding !== "OPUS" || offered === null) return offered;
  const kept = offered.split(";").map((one) => one.trim()).filter((one) => one !== "" && !/^(sprop-)?stereo\s*=/i.test(one));
  return kept.length === 0 ? null : kept.join(";");
}

/** A recorder never sends, so there is nothing to answer to one that only receives. */
function answerDirection(offered: SdpDirection, inactive: boolean): SdpDirection {
  return !inactive && (offered === "sendonly" || offered === "sendrecv") ? "recvonly" : "inactive";
}

/** Encoding names are case-insensitive, but clients are met that compare these two as the registry writes them. */
function rtpName(encoding: string): string {
  return encoding === "OPUS" || encoding === "TELEPHONE-EVENT" ? encoding.toLowerCase() : encoding;
}
