import { parseMultipart, splitBody } from "@earwitness/media";
import { demand, demandInside, demandSameAnywhere, filled, harness, refused, taken, text } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const sdpPart = "Content-Type: application/sdp\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\n";
const metadataPart = "Content-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session;handling=required\r\n\r\n<recording/>";
const mixed = `multipart/mixed;boundary="b 1"\r\npreamble\r\n--b 1\r\n${sdpPart}\r\n--b 1  \r\n${metadataPart}\r\n--b 1--\r\nepilogue`;
const nested = `multipart/mixed;boundary=out\r\n--out\r\nContent-Type: multipart/alternative;boundary=in\r\n\r\n--in\r\n${sdpPart}\r\n--in--\r\n--out\r\n${metadataPart}\r\n--out--`;

const words = ["\r\n", "\n", "--b", "--b 1", "--out", "--in", "--", "boundary=", "boundary=b", "multipart/mixed", "multipart/alternative;boundary=in", "Content-Type: ", "Content-Disposition: recording-session", "application/sdp", "application/rs-metadata+xml", "\r\n\r\n", ";", "\"", " "];

/** The first line is the Content-Type, the rest is the body. */
function apart(input: Uint8Array): { readonly type: string; readonly body: Uint8Array } {
  const lineFeed = input.indexOf(10);
  const end = lineFeed < 0 ? input.length : lineFeed;
  return { type: text(input.subarray(0, end)).trim(), body: input.subarray(Math.min(input.length, end + 1)) };
}

function run(input: Uint8Array): Verdict {
  const { type, body } = apart(input);
  demandSameAnywhere(body, (bytes) => splitBody(type, bytes));
  splitBody(undefined, body);
  const parts = parseMultipart(type, body);
  if (parts.ok) {
    for (const part of parts.value) demandInside(part.body, body);
    demand(parts.value.length <= 65, "parts are bounded in number");
    demand(parts.value.reduce((sum, part) => sum + part.body.length, 0) <= body.length, "parts do not overlap");
  }
  const split = splitBody(type, body);
  if (!split.ok) return "refused";
  const { sdp, metadata, other } = split.value;
  demand(sdp === null || sdp.contentType === "application/sdp", "what is taken for SDP says so");
  demand(sdp === null || sdp !== metadata, "one part is not both");
  for (const part of [sdp, metadata, ...other]) if (part !== null) demandInside(part.body, body);
  return sdp !== null || metadata !== null ? "taken" : "refused";
}

export const multipart = harness({
  name: "multipart",
  words,
  run,
  alone(input) {
    const { type, body } = apart(input);
    return splitBody(type, body);
  },
  maxBytes: 256 * 1024,
  seeds: [
    taken("SDP and metadata", mixed),
    taken("one inside another", nested),
    taken("bare line feeds", mixed.replaceAll("\r", "")),
    taken("no final boundary", mixed.slice(0, mixed.indexOf("--b 1--"))),
    taken("bare SDP", "application/sdp\r\nv=0\r\n"),
    refused("a boundary that does not occur", mixed.replaceAll("--b 1", "--c")),
    refused("no boundary", "multipart/mixed\r\n--b\r\n"),
    refused("too many parts", `multipart/mixed;boundary=b\r\n${"--b\r\n\r\nx\r\n".repeat(80)}--b--`),
    refused("a nest of parts", Array.from({ length: 60 }, (_, at) => `${at === 0 ? "multipart/mixed;boundary=a\r\n" : ""}--a\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n${"--b\r\n\r\n".repeat(500)}`).join("\r\n")),
    refused("a part of headers alone", filled(256 * 1024, "multipart/mixed;boundary=b\r\n--b\r\n", () => "a:b\n")),
    refused("a type of thousands of parameters", filled(256 * 1024, "multipart/mixed;boundary=b\r\n--b\r\nContent-Type: a/b", (at) => `;${at}`)),
    taken("nearly a boundary on every line", filled(256 * 1024, `multipart/mixed;boundary=${"b".repeat(199)}\r\n--${"b".repeat(199)}\r\n${sdpPart}`, () => `--${"b".repeat(198)}\n`)),
    refused("neither of ours", "text/plain\r\nhello"),
  ],
});
