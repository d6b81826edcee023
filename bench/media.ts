import { buildRtp, createRtpFields, decodeG711, encodeG711, parseRtp, parseSipMessage, readRtp } from "@earwitness/media";
import { sideBySide } from "./side-by-side.ts";

/* Ratios beside what one would write first; no number of these is asserted anywhere. */

const packet = buildRtp({ payloadType: 0, sequence: 4711, timestamp: 160, ssrc: 99, marker: false, payload: new Uint8Array(160).fill(0x55) });
const fields = createRtpFields();

sideBySide("Reading an RTP packet", {
  "readRtp, into fields that are there already": () => void readRtp(packet, 0, packet.length, fields),
  "parseRtp, a new value for each packet": () => void parseRtp(packet),
});

const second = encodeG711("PCMU", Int16Array.from({ length: 8000 }, (_, at) => Math.round(8000 * Math.sin(at / 7))));

/** ITU-T G.711, by its arithmetic. */
function decodeByArithmetic(bytes: Uint8Array): Int16Array {
  const pcm = new Int16Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    const value = ~bytes[at]! & 0xff;
    const magnitude = ((((value & 0x0f) << 3) + 0x84) << ((value & 0x70) >> 4)) - 0x84;
    pcm[at] = (value & 0x80) !== 0 ? -magnitude : magnitude;
  }
  return pcm;
}

sideBySide("Decoding a second of µ-law", {
  "by table": () => void decodeG711("PCMU", second),
  "by arithmetic": () => void decodeByArithmetic(second),
});

const invite = new TextEncoder().encode(
  ["INVITE sip:srs@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport", "From: <sip:src@192.0.2.9>;tag=1", "To: <sip:srs@192.0.2.1>", "Call-ID: 1@192.0.2.9", "CSeq: 1 INVITE", "Contact: <sip:src@192.0.2.9>;+sip.src", "Require: siprec", "Max-Forwards: 70", "Content-Length: 0", "", ""].join("\r\n"),
);
const asJson = JSON.stringify(new TextDecoder().decode(invite).split("\r\n"));

sideBySide("Parsing an INVITE's head", {
  parseSipMessage: () => void parseSipMessage(invite),
  "JSON.parse of the same lines, as a yardstick": () => void JSON.parse(asJson),
});
