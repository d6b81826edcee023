import { buildRtp, createRtpFields, decodeG711, encodeG711, parseRecordingMetadata, parseRtp, parseSipMessage, readRtp } from "@earwitness/media";
import { SaxesParser } from "saxes";
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

/** RFC 7865 by the book: a conference of a hundred, and of two, each heard on a stream of their own. */
function metadataOf(people: number): string {
  const id = (kind: string, at: number): string => `${kind}${String(at).padStart(20, "0")}==`;
  const time = "<associate-time>2026-11-20T09:15:00Z</associate-time>";
  const one = (at: number): string => `
  <participant participant_id="${id("P", at)}"><nameID aor="sip:trader${at}@bank.example"><name xml:lang="en">Trader ${at}</name></nameID></participant>
  <stream stream_id="${id("T", at)}" session_id="${id("S", 0)}"><label>${at}</label></stream>
  <participantsessionassoc participant_id="${id("P", at)}" session_id="${id("S", 0)}">${time}</participantsessionassoc>
  <participantstreamassoc participant_id="${id("P", at)}"><send>${id("T", at)}</send><recv>${id("T", (at + 1) % people)}</recv>${time}</participantstreamassoc>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <session session_id="${id("S", 0)}"><start-time>2026-11-20T09:15:00Z</start-time></session>${Array.from({ length: people }, (_, at) => one(at)).join("")}
</recording>`;
}

/** The XML alone, into the tree that one would make of a strict reader's events. */
function treeBySaxes(document: Uint8Array): unknown {
  const open: { readonly name: string; readonly attributes: ReadonlyMap<string, string>; readonly children: unknown[]; text: string }[] = [];
  let root: unknown = null;
  const parser = new SaxesParser({ xmlns: false, position: false });
  parser.on("opentag", ({ name, attributes }) => void open.push({ name, attributes: new Map(Object.entries(attributes)), children: [], text: "" }));
  parser.on("text", (text) => {
    if (open.length > 0) open.at(-1)!.text += text;
  });
  parser.on("closetag", () => {
    root = open.pop();
    open.at(-1)?.children.push(root);
  });
  parser.write(new TextDecoder("utf-8", { fatal: true }).decode(document)).close();
  return root;
}

for (const people of [2, 100]) {
  const document = new TextEncoder().encode(metadataOf(people));
  sideBySide(`Recording metadata of ${people} people, ${(document.length / 1024).toFixed(1)} KiB`, {
    "parseRecordingMetadata: XML, people, streams": () => void parseRecordingMetadata(document),
    "saxes: a tree of the XML, and nobody read it": () => void treeBySaxes(document),
  });
}

const slips = new TextEncoder().encode(`<recording>${"R&D ".repeat(60_000)}</recording>`);

sideBySide(`A bare ampersand in every word of ${(slips.length / 1024).toFixed(0)} KiB`, {
  parseRecordingMetadata: () => void parseRecordingMetadata(slips),
  "saxes, ampersands escaped first": () => void treeBySaxes(new TextEncoder().encode(new TextDecoder().decode(slips).replaceAll("&", "&amp;"))),
});
