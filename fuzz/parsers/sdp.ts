import { answerSdp, isSending, mediaAddress, parseSdp } from "@earwitness/media";
import type { SdpDecision } from "@earwitness/media";
import { demand, filled, harness, refused, sayAll, taken, text } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const offer = [
  "v=0",
  "o=sbc 2890844526 2890844526 IN IP4 192.0.2.1",
  "s=siprec",
  "c=IN IP4 192.0.2.1/127",
  "t=0 0",
  "a=sendonly",
  "m=audio 30000 RTP/AVP 8 0 9 111 101 13",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:111 opus/48000/2",
  "a=fmtp:111 useinbandfec=1;usedtx=1",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-15",
  "a=label:1",
  "a=ptime:20",
  "a=rtcp:30009 IN IP4 192.0.2.2",
  "m=audio 30002/2 RTP/SAVP 0",
  "c=IN IP6 2001:db8::5",
  "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4",
  "a=rtcp-mux",
  "a=inactive",
  "a=label:2",
  "m=video 0 RTP/AVP 31",
  "",
].join("\r\n");

const words = ["\r\n", "v=0", "o=- 1 1 IN IP4 0.0.0.0", "c=IN IP4 0.0.0.0", "c=IN IP6 ::", "m=audio 1 RTP/AVP 0", "m=video 0 RTP/AVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "a=rtpmap:", "a=fmtp:", "a=label:", "a=crypto:", "a=rtcp:", "a=rtcp-mux", "a=ptime:", "sendrecv", "recvonly", "inactive", "opus/48000/2", "PCMU/8000", "/", ":", "=", " ", "127", "\0", "\u2028"];

function run(input: Uint8Array): Verdict {
  const result = parseSdp(input);
  // Lines ended the old Mac way and strings give the same.
  demand(sayAll(result) === sayAll(parseSdp(text(input))), "bytes and text are read alike");
  if (!result.ok) return "refused";
  const offered = result.value;
  for (const media of offered.media) {
    demand(media.port >= 0 && media.port <= 65_535 && !/[\r\n]/.test(media.label ?? ""), "a port is one and a label stays on its line");
    for (const payload of media.payloads) demand(payload.number <= 127 && payload.clockRateHz >= 0 && payload.channels >= 0, "a payload type has seven bits");
    const address = mediaAddress(media);
    if (address !== null) demand(address.rtpPort > 0 && address.rtcpPort <= 65_535, "an address to compare with has ports");
    isSending(media);
  }
  const take = offered.media.map(({ payloads }, index): SdpDecision => ({ kind: "take", rtpPort: 40_000 + 2 * index, rtcpPort: 40_001 + 2 * index, payloadTypes: payloads.map(({ number }) => number) }));
  for (const decisions of [take, []]) {
    const answer = answerSdp(offered, decisions, { address: "192.0.2.7", sessionId: "1", version: 1 });
    demand(answer.split("\r\n").slice(0, -1).every((line) => /^[a-z]=[^\r\n]*$/.test(line)), "an answer is made of lines of SDP");
    const read = parseSdp(answer);
    demand(read.ok, "an answer can be read");
    if (!read.ok) continue;
    demand(read.value.media.length === offered.media.length, "an answer has one line for each that was offered");
    for (const [index, media] of read.value.media.entries()) {
      const against = offered.media[index]!;
      demand(media.kind === against.kind && media.protocol === against.protocol && media.label === against.label, "each line answers its own");
      demand(media.port === 0 || (decisions.length > 0 && against.port !== 0), "what was refused has port 0");
      demand(media.direction === "recvonly" || media.direction === "inactive" || media.port === 0, "a recorder never sends");
    }
  }
  return "taken";
}

export const sdp = harness({
  name: "sdp",
  words,
  maxBytes: 256 * 1024,
  run,
  alone: parseSdp,
  seeds: [
    taken("an offer of everything", offer),
    taken("bare line feeds", offer.replaceAll("\r", "")),
    taken("no connection, no origin", "v=0\r\nm=audio 9 RTP/AVP 0\r\n"),
    taken("no stream", "v=0\r\n"),
    refused("no version", offer.slice(5)),
    refused("a media line without a port", offer.replace("30000", "x")),
    refused("too many media lines", `v=0\r\n${"m=audio 1 RTP/AVP 0\r\n".repeat(129)}`),
    refused("nothing", ""),
    // As long as a message may be, and each as dear as its kind gets.
    taken("as many lines as there may be", `v=0\r\n${"m=audio 1 RTP/AVP 0\r\n".repeat(128)}${"a=crypto:1 x\r\n".repeat(4_870)}`),
    taken("formats without end, and a long map", filled(256 * 1024, `v=0\r\nm=audio 1 RTP/AVP${" 0".repeat(128)}\r\na=rtpmap:0 `, () => "/ ")),
    taken("empty lines", filled(256 * 1024, "v=0\r\n", () => "\r\n")),
    refused("one line more", filled(256 * 1024, "v=0\n", () => "a=b\n")),
  ],
});
