import { isSending, mediaAddress } from "@earwitness/media";
import type { SdpMedia, SdpSession } from "@earwitness/media";
import type { PayloadType, StreamOffer } from "#recorder";

/** What one m-line of an offer asks for. The index of the line is its identity in SDP; the label is its identity in the recorder. */
export type Line =
  | { readonly kind: "stream"; readonly stream: StreamOffer }
  /** The client took it away, or never opened it. */
  | { readonly kind: "removed"; readonly label: string }
  | { readonly kind: "unusable"; readonly label: string; readonly reason: string };

/** `before`: labels by line in the last offer; a line that comes again without a label keeps its own. */
export function readLines(sdp: SdpSession, before: readonly string[]): Line[] {
  const labels = labelsOf(sdp.media, before);
  return sdp.media.map((media, index) => readLine(media, labels[index]!));
}

/** RFC 4574 asks for unique labels; of two equal ones the second line is known by its place. */
function labelsOf(media: readonly SdpMedia[], before: readonly string[]): string[] {
  const taken = new Set<string>();
  return media.map((line, index) => {
    const wished = line.label ?? before[index];
    let label = wished === undefined || taken.has(wished) ? `m${index}` : wished;
    while (taken.has(label)) label += "+";
    taken.add(label);
    return label;
  });
}

function readLine(media: SdpMedia, label: string): Line {
  if (media.port === 0) return { kind: "removed", label };
  if (media.kind !== "audio") return { kind: "unusable", label, reason: `${media.kind} is not recorded` };
  // SRTP comes with TLS: keys in the clear would be worse than none.
  if (media.protocol !== "RTP/AVP" && media.protocol !== "RTP/AVPF") return { kind: "unusable", label, reason: `${media.protocol} is not supported` };
  const payloads = media.payloads.flatMap(playable);
  if (payloads.length === 0) return { kind: "unusable", label, reason: "no codec that can be played back" };
  return { kind: "stream", stream: { label, payloads, remote: mediaAddress(media), sending: isSending(media) } };
}

function playable(payload: SdpMedia["payloads"][number]): PayloadType[] {
  const { number, encoding: codec, clockRateHz, channels } = payload;
  const g711 = (codec === "PCMU" || codec === "PCMA") && clockRateHz === 8000 && channels === 1;
  return g711 ? [{ number, codec, clockRateHz }] : [];
}

export const labelOf = (line: Line): string => (line.kind === "stream" ? line.stream.label : line.label);

export function sameStream(one: StreamOffer, other: StreamOffer): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
