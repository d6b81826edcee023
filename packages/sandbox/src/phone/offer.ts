import type { G711Codec } from "@earwitness/media";
import { payloadTypeOf } from "./rtp-sender.ts";

/** One m-line of the recording session. A line once offered stays, at port 0 when its stream is gone (RFC 3264 8). */
export interface OfferedLine {
  readonly label: string;
  /** 0 once the stream was taken away. */
  rtpPort: number;
  rtcpPort: number;
  state: "sendonly" | "inactive";
}

export function buildOffer(lines: readonly OfferedLine[], codec: G711Codec, address: string, sessionId: string, version: number): string {
  const number = payloadTypeOf(codec);
  const family = address.includes(":") ? "IP6" : "IP4";
  return [
    "v=0",
    `o=contoso-sbc ${sessionId} ${version} IN ${family} ${address}`,
    "s=Sandbox call",
    `c=IN ${family} ${address}`,
    "t=0 0",
    ...lines.flatMap((line) => [
      `m=audio ${line.rtpPort} RTP/AVP ${number} 101`,
      `a=rtpmap:${number} ${codec}/8000`,
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-15",
      "a=ptime:20",
      ...(line.rtpPort === 0 || line.rtcpPort === line.rtpPort + 1 ? [] : [`a=rtcp:${line.rtcpPort}`]),
      `a=${line.state}`,
      `a=label:${line.label}`,
    ]),
    "",
  ].join("\r\n");
}

/** SDP and metadata as one body, each part with its disposition. */
export function buildMultipart(sdp: string, metadata: string, boundary: string): { contentType: string; body: Uint8Array } {
  const text = [
    `--${boundary}`,
    "Content-Type: application/sdp",
    "Content-Disposition: session;handling=required",
    "",
    sdp,
    `--${boundary}`,
    "Content-Type: application/rs-metadata+xml",
    "Content-Disposition: recording-session",
    "",
    metadata,
    `--${boundary}--`,
    "",
  ].join("\r\n");
  return { contentType: `multipart/mixed;boundary=${boundary}`, body: new TextEncoder().encode(text) };
}
