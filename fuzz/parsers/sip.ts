import { createSipStreamFramer, normalizeAddress, parseCSeq, parseMediaType, parseNameAddr, parseRAck, parseRSeq, parseSessionExpires, parseSipMessage, parseSipUri, parseTokenList, parseVia, serializeSip } from "@earwitness/media";
import type { SipMessage, SipStreamEvent } from "@earwitness/media";
import { demand, demandInside, demandSameAnywhere, equalBytes, filled, harness, refused, sayAll, taken, text } from "../harness.ts";
import type { Seed, Verdict } from "../harness.ts";
import { createRandom, hashOf } from "../random.ts";

const lines = (...all: readonly string[]): string => `${all.join("\r\n")}\r\n`;

const sdpBody = lines("v=0", "o=sbc 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 30000 RTP/AVP 8 101", "a=label:1", "a=sendonly");

const invite = lines(
  "INVITE sip:srs@rec.example.net;transport=tcp SIP/2.0",
  "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKa1;rport, SIP/2.0/UDP [2001:db8::9]:5061;branch=z9hG4bKb2;received=192.0.2.9",
  'From: "Sales \\"Desk\\" 1" <sip:+493012345@sbc.example.net;user=phone>;tag=f1',
  "To: <sip:srs@rec.example.net>",
  "Call-ID: 8c0a70a7a845@sbc.example.net",
  "CSeq: 101 INVITE",
  "Max-Forwards: 70",
  "Contact: <sip:sbc@192.0.2.1:5060;transport=tcp>;+sip.src",
  "Require: siprec, timer",
  "Supported: 100rel,replaces",
  "Session-Expires: 1800;refresher=uac",
  "P-Asserted-Identity: <tel:+493012345>, <sip:desk@example.net>",
  "Subject: folded",
  "  over two lines",
  "Content-Type: application/sdp",
  `Content-Length: ${sdpBody.length}`,
  "",
  sdpBody,
).slice(0, -2);

const compact = lines("BYE sip:srs@192.0.2.7 SIP/2.0", "v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKc3", "f: <sip:a@b.example>;tag=1", "t: <sip:c@d.example>;tag=2", "i: 77", "CSeq: 4294967295 BYE", "l: 0", "");
const ok = lines("SIP/2.0 200 OK", "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKd4;rport=5060;received=192.0.2.1", "From: <sip:srs@192.0.2.7>;tag=9", "To: <sip:a@b.example>;tag=1", "Call-ID: 77", "CSeq: 2 UPDATE", "Warning: 399 sbc \"busy, later\"", "Content-Length: 0", "");
const noReason = lines("SIP/2.0 183 ", "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKe5", "From: <sip:a@b>;tag=9", "To: <sip:c@d>", "Call-ID: 78", "CSeq: 1 INVITE", "");
const bareLineFeeds = compact.replaceAll("\r", "");

const sipWords = ["\r\n", "\r\n ", "\r\n\r\n", "SIP/2.0", "SIP/3.0", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "PRACK", "Via: ", "v: ", "From: ", "To: ", "Call-ID: ", "CSeq: ", "Content-Length: ", "l: ", "Content-Type: application/sdp", "Max-Forwards: 0", "Require: siprec", "Contact: *", "sip:", "sips:", "tel:", ";tag=", ";branch=z9hG4bK", ";rport", ";received=", ";maddr=", "<", ">", "\"", "\\", "\\\"", ",", ";", "=", "@", "[::1]", "[", "]", "%00", "%25", "%40", "SIP / 2.0 / UDP", "refresher=uac", "multipart/mixed;boundary=b", "*"];

const sipSeeds: readonly Seed[] = [
  taken("INVITE with everything", invite),
  taken("compact forms", compact),
  taken("response", ok),
  taken("response without a reason", noReason),
  taken("bare line feeds", bareLineFeeds),
  refused("unknown version", compact.replace("SIP/2.0", "SIP/7.0")),
  refused("no Via", compact.replace(/v: .*\r\n/, "")),
  refused("two From", compact.replace("i: 77", "i: 77\r\nFrom: <sip:x@y>;tag=3")),
  refused("CSeq of another method", compact.replace("4294967295 BYE", "1 INVITE")),
  refused("CSeq beyond 32 bits", compact.replace("4294967295", "4294967296")),
  refused("body shorter than it says", compact.replace("l: 0", "l: 9")),
  refused("two lengths", compact.replace("l: 0", "l: 0\r\nContent-Length: 1")),
  refused("no end of headers", compact.slice(0, -2)),
  // As large as a head may be, and each as dear as its kind gets.
  taken("a thousand header lines", filled(64 * 1024, compact.replace("l: 0\r\n\r\n", ""), (at) => (at < 990 ? `X-${at}: ${"y".repeat(50)}\r\n` : " folded\r\n"), "\r\n")),
  taken("a Via of thousands of parameters", filled(64 * 1024 - 100, `${compact.slice(0, -2)}Via: SIP/2.0/UDP h`, (at) => `;${at}`, "\r\n\r\n")),
  taken("a line folded thousands of times", filled(64 * 1024, `${compact.slice(0, -2)}Subject: x\r\n`, () => " \n", "\r\n")),
  refused("more Vias than there may be", filled(64 * 1024, `${compact.slice(0, -2)}Via: `, () => "SIP/2.0/UDP h,", "\r\n\r\n")),
  refused("a head too large", filled(256 * 1024, `${compact.slice(0, -2)}Via: SIP/2.0/UDP h`, (at) => `;${at}`, "\r\n\r\n")),
  refused("nothing", ""),
];

/** Without Content-Length, which serializing writes anew. */
function essence(message: SipMessage): string {
  const fields = [...message.headers].filter(([name]) => !/^(content-length|l)$/i.test(name));
  const start = message.kind === "request" ? [message.method, message.uri] : [message.status, message.reason];
  return sayAll([start, fields, message.body]);
}

function runMessage(input: Uint8Array): Verdict {
  const result = parseSipMessage(input);
  demandSameAnywhere(input, parseSipMessage);
  if (!result.ok) {
    demand(result.reason.length > 0 && result.reason.length < 200, "a refusal gives a short reason");
    if (result.partial !== undefined) for (const name of ["Via", "From", "To", "Call-ID", "CSeq"]) demand(result.partial.headers.has(name), "a request to be answered has the headers of an answer");
    return "refused";
  }
  const { message } = result;
  demandInside(message.body, input);
  for (const name of ["From", "To", "Call-ID", "CSeq"]) demand(message.headers.all(name).length === 1, "each of the headers of identity stands once");
  message.headers.list("Via");
  message.headers.list("Require");

  // What we pass on must be read by the next one as we read it: no value may become a line of its own.
  const sent = serializeSip(message);
  const again = parseSipMessage(sent);
  // Written in full, a head just below the limit may be above it.
  demand(again.ok || sent.length - message.body.length > 64 * 1024, "what was read is written so that it can be read");
  if (!again.ok) return "refused";
  demand(again.message.kind === message.kind && equalBytes(again.message.body, message.body), "kind and body survive writing");
  const settled = serializeSip(again.message);
  const last = parseSipMessage(settled);
  demand(last.ok && essence(last.message) === essence(again.message), "reading and writing settle");
  const controls = /[\0\r\n]/;
  const start = message.kind === "request" ? [message.method, message.uri] : [message.reason];
  if (![...start, ...[...message.headers].flat()].some((part) => controls.test(part))) demand(essence(again.message) === essence(message), "a message without controls in its head survives writing");
  return "taken";
}

export const sipMessage = harness({ name: "sip-message", seeds: sipSeeds, words: sipWords, maxBytes: 256 * 1024, run: runMessage, alone: parseSipMessage });

const streamSeeds: readonly Seed[] = [
  taken("three messages and keep-alives", `\r\n\r\n${invite}${compact}\r\n\r\n${ok}`),
  taken("one in compact form", compact),
  taken("bare line feeds", bareLineFeeds + bareLineFeeds),
  refused("a length that is no number", compact.replace("l: 0", "l: x")),
  refused("a body without a length", invite.replace(/Content-Length: \d+\r\n/, "")),
  refused("larger than allowed", compact.replace("l: 0", "l: 99999999")),
  refused("only keep-alives", "\r\n\r\n\r\n\r\n"),
  taken("messages of nothing", filled(64 * 1024, "", () => "a\n\n")),
  taken("small messages", filled(256 * 1024, "", () => compact)),
];

const maxMessageBytes = 16 * 1024;

function pushInPieces(input: Uint8Array): SipStreamEvent[] {
  const pieces: SipStreamEvent[] = [];
  const framer = createSipStreamFramer({ maxMessageBytes });
  const random = createRandom(hashOf(input));
  // A few ways of cutting; single bytes only where that is not the whole cost of the run.
  const largest = random.pick([1, 7, 64, 1460, 16_384]);
  const least = Math.ceil(input.length / 4_000);
  for (let at = 0; at < input.length; ) {
    const size = Math.max(least, random.size(largest));
    const piece = input.slice(at, at + size);
    pieces.push(...framer.push(piece));
    piece.fill(0x58); // a socket uses its buffer again
    at += size;
  }
  return pieces;
}

function runStream(input: Uint8Array): Verdict {
  const whole = createSipStreamFramer({ maxMessageBytes }).push(input);
  const pieces = pushInPieces(input);
  const describe = (events: readonly SipStreamEvent[]): string => sayAll(events.map((event) => (event.kind === "error" ? event.kind : event)));
  demand(describe(whole) === describe(pieces), "the stream is cut into the same messages wherever the network cuts it");
  let total = 0;
  for (const [index, event] of whole.entries()) {
    if (event.kind === "error") demand(index === whole.length - 1, "nothing follows an error");
    if (event.kind !== "message") continue;
    demand(event.bytes.buffer !== input.buffer, "a message does not share memory with the stream");
    demand(event.bytes.length > 0 && event.bytes.length <= maxMessageBytes, "a message keeps to its limit");
    total += event.bytes.length;
    parseSipMessage(event.bytes);
  }
  demand(total <= input.length, "no byte is delivered twice");
  return whole.some(({ kind }) => kind === "message") && !whole.some(({ kind }) => kind === "error") ? "taken" : "refused";
}

export const sipStream = harness({ name: "sip-stream", seeds: streamSeeds, words: sipWords, maxBytes: 256 * 1024, run: runStream, alone: pushInPieces });

const fieldSeeds: readonly Seed[] = [
  taken("Via", "SIP / 2.0 / UDP   [2001:db8::9] : 5061 ;branch=z9hG4bKa;received=192.0.2.1;rport"),
  taken("name-addr", '"Trader \\"One\\" <x>" <sips:t1:pw@bank.example:5061;user=phone?Subject=a%40b>;tag=a1;+sip.src="x;y"'),
  taken("URI", "sip:+49301;ext=5@[2001:DB8::1]:5061;transport=TLS;lr"),
  taken("telephone", "tel:+49-30-1234;phone-context=example.com"),
  taken("bare number", "0049 (30) 1234-56"),
  taken("escapes", "sip:%61%2e%40b%00@example.com"),
  taken("CSeq", " 4294967295   INVITE "),
  taken("RAck", "776656 1 INVITE"),
  taken("Session-Expires", "1800;refresher=uas"),
  taken("tokens", "siprec, timer;x=y, 100rel,"),
  taken("media type", 'multipart/mixed; boundary="a\\"b"; charset=utf-8'),
  refused("nothing", ""),
  refused("brackets alone", "<>"),
  taken("thousands of parameters", filled(64 * 1024, "<sip:h>", (at) => `;${at}`)),
  taken("thousands of escapes", filled(64 * 1024, '"', () => "\\\"", '" <sip:h>')),
];

function runFields(input: Uint8Array): Verdict {
  const value = text(input);
  const via = parseVia(value);
  const nameAddr = parseNameAddr(value);
  const uri = parseSipUri(nameAddr.ok ? nameAddr.value.uri : value);
  const cseq = parseCSeq(value);
  const rack = parseRAck(value);
  const rseq = parseRSeq(value);
  const expires = parseSessionExpires(value);
  const tokens = parseTokenList(value);
  const type = parseMediaType(value);
  const portFits = (port: number | null): boolean => port === null || (Number.isInteger(port) && port >= 0 && port <= 65_535);
  if (via.ok) demand(portFits(via.value.port) && via.value.host !== "" && via.value.transport === via.value.transport.toUpperCase(), "a Via has a host, a transport and a port that is one");
  if (nameAddr.ok) demand(nameAddr.value.uri !== "" && nameAddr.value.uri === nameAddr.value.uri.trim(), "an address has a URI");
  if (uri.ok) demand(portFits(uri.value.port) && uri.value.host === uri.value.host.toLowerCase() && (uri.value.host !== "" || uri.value.scheme === "tel"), "a URI has a host and a port that is one");
  if (cseq.ok) demand(cseq.value.sequence <= 2 ** 32 - 1, "a CSeq has 32 bits");
  if (rack.ok) demand(rack.value.rseq > 0 && rack.value.rseq <= 2 ** 32 - 1, "a RAck has 32 bits");
  if (rseq.ok) demand(rseq.value > 0, "an RSeq is not 0");
  if (expires.ok) demand(expires.value.seconds >= 0, "an interval is not negative");
  for (const token of tokens) demand(/^[!-~]+$/.test(token) && !/[,;"<>]/.test(token), "a token is a token");
  if (type !== null) demand(type.type === type.type.toLowerCase() && type.type.includes("/"), "a media type has two halves in lower case");
  const address = normalizeAddress(value);
  demand(address === normalizeAddress(value), "an address is spelled the same each time");
  demand(address.length <= 2 * value.length + 8, "an address does not grow"); // İ in lower case is two
  return [via, nameAddr, uri, cseq, rack, rseq, expires].some((one) => one.ok) || type !== null || tokens.length > 0 ? "taken" : "refused";
}

export const sipFields = harness({ name: "sip-fields", seeds: fieldSeeds, words: sipWords, run: runFields });

