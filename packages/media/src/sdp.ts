/** SDP (RFC 8866) as recording clients send it. Tolerant: what is unknown or malformed and not needed is passed over. */
import { isToken, parseWhole } from "./header-text.ts";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

export type SdpDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

export interface SdpConnection {
  readonly family: "IP4" | "IP6";
  /** An IP address or a name, without TTL. */
  readonly address: string;
}

export interface SdpAttribute {
  readonly name: string;
  /** `""` for a flag. */
  readonly value: string;
}

export interface SdpPayload {
  readonly number: number;
  /** Upper case: `PCMU`, `G722`, `OPUS`, `TELEPHONE-EVENT`; `""` for a dynamic number without rtpmap. */
  readonly encoding: string;
  readonly clockRateHz: number;
  readonly channels: number;
  readonly fmtp: string | null;
}

export interface SdpMedia {
  /** `audio`, `video` … */
  readonly kind: string;
  /** 0 when the stream is refused or taken away. */
  readonly port: number;
  /** `RTP/AVP`, `RTP/SAVP` … upper case. */
  readonly protocol: string;
  /** As they stand on the m-line. */
  readonly formats: readonly string[];
  /** The formats that are RTP payload types, in order of preference. */
  readonly payloads: readonly SdpPayload[];
  /** The line's own, else the session's; null where there is neither (met in the field). */
  readonly connection: SdpConnection | null;
  /** The line's own, else the session's, else `sendrecv`. */
  readonly direction: SdpDirection;
  readonly label: string | null;
  readonly ptimeMs: number | null;
  /** `a=rtcp` (RFC 3605); null where RTCP goes to the next port. */
  readonly rtcp: { readonly port: number; readonly address: string | null } | null;
  readonly rtcpMux: boolean;
  /** Values of `a=crypto`, as they stand. */
  readonly crypto: readonly string[];
  readonly attributes: readonly SdpAttribute[];
}

export interface SdpSession {
  readonly origin: { readonly username: string; readonly sessionId: string; readonly version: string; readonly address: string } | null;
  readonly name: string;
  /** Value of the first `t=` line; an answer repeats it. */
  readonly timing: string;
  readonly connection: SdpConnection | null;
  readonly direction: SdpDirection | null;
  readonly attributes: readonly SdpAttribute[];
  readonly media: readonly SdpMedia[];
}

const MAX_SDP_CHARACTERS = 256 * 1024;
/** Some 40 for each media line of as many as there may be; real ones have 5 to 20. */
const MAX_LINES = 5_000;
const MAX_MEDIA_LINES = 128;
const MAX_FORMATS = 128;

/** RFC 3551 tables 4 and 5: what a payload type means when nothing maps it. G.722 says 8000 and samples at 16000. */
const STATIC_PAYLOADS: ReadonlyMap<number, readonly [encoding: string, clockRateHz: number]> = new Map([
  [0, ["PCMU", 8000]],
  [3, ["GSM", 8000]],
  [4, ["G723", 8000]],
  [8, ["PCMA", 8000]],
  [9, ["G722", 8000]],
  [13, ["CN", 8000]],
  [15, ["G728", 8000]],
  [18, ["G729", 8000]],
]);

const decoder = new TextDecoder();

interface Section {
  readonly mediaLine: string | null;
  connection: SdpConnection | null;
  readonly attributes: SdpAttribute[];
}

export function parseSdp(input: string | Uint8Array): Parsed<SdpSession> {
  if (input.length > MAX_SDP_CHARACTERS) return refused("SDP too large");
  const text = typeof input === "string" ? input : decoder.decode(input);
  const lines = text.split(/[\r\n]+/, MAX_LINES + 1).map((line) => line.trim());
  if (lines.length > MAX_LINES) return refused(`SDP of more than ${MAX_LINES} lines`);
  if (lines.find((line) => line !== "") !== "v=0") return refused("SDP does not begin with v=0");

  const session: Section = { mediaLine: null, connection: null, attributes: [] };
  const sections: Section[] = [];
  let current = session;
  let origin: SdpSession["origin"] = null;
  let name = "";
  let timing = "";
  for (const line of lines) {
    if (line[1] !== "=") continue;
    const value = line.slice(2).trim();
    switch (line[0]) {
      case "m":
        if (sections.length === MAX_MEDIA_LINES) return refused("too many media lines");
        current = { mediaLine: value, connection: null, attributes: [] };
        sections.push(current);
        break;
      case "c":
        current.connection ??= parseConnection(value);
        break;
      case "a":
        current.attributes.push(parseAttribute(value));
        break;
      case "o":
        origin ??= parseOrigin(value);
        break;
      case "s":
        name ||= value;
        break;
      case "t":
        timing ||= value;
        break;
    }
  }

  const media: SdpMedia[] = [];
  const direction = directionOf(session.attributes);
  for (const section of sections) {
    const line = readMedia(section, session.connection, direction);
    if (line === null) return refused(`media line ${media.length + 1} is malformed`);
    media.push(line);
  }
  const { connection, attributes } = session;
  return parsed({ origin, name, timing: timing || "0 0", connection, direction, attributes, media });
}

/** A malformed m-line cannot be passed over: the answer must have one line for each. */
function readMedia(section: Section, inherited: SdpConnection | null, sessionDirection: SdpDirection | null): SdpMedia | null {
  const [kind = "", portText = "", protocol = "", ...formats] = (section.mediaLine ?? "").split(/\s+/, MAX_FORMATS + 3);
  const port = parseWhole(portText.split("/", 1)[0] ?? "", 65_535);
  if (!isToken(kind) || port === null || !/^[A-Za-z0-9/._-]+$/.test(protocol)) return null;
  const { attributes } = section;
  const valueOf = (attribute: string): string | null => attributes.find((one) => one.name === attribute)?.value ?? null;
  return {
    kind: kind.toLowerCase(),
    port,
    protocol: protocol.toUpperCase(),
    formats,
    payloads: readPayloads(formats, attributes),
    connection: section.connection ?? inherited,
    direction: directionOf(attributes) ?? sessionDirection ?? "sendrecv",
    label: valueOf("label") || null,
    ptimeMs: parseWhole(valueOf("ptime") ?? "", 1000),
    rtcp: parseRtcp(valueOf("rtcp")),
    rtcpMux: valueOf("rtcp-mux") !== null,
    crypto: attributes.filter((one) => one.name === "crypto").map((one) => one.value),
    attributes,
  };
}

function readPayloads(formats: readonly string[], attributes: readonly SdpAttribute[]): SdpPayload[] {
  const mapped = new Map<string, string>();
  const formatParameters = new Map<string, string>();
  for (const { name, value } of attributes) {
    const target = name === "rtpmap" ? mapped : name === "fmtp" ? formatParameters : null;
    const space = value.search(/\s/);
    if (target === null || space < 0) continue;
    const format = value.slice(0, space);
    if (!target.has(format)) target.set(format, value.slice(space).trim());
  }
  const payloads: SdpPayload[] = [];
  for (const format of formats) {
    const number = parseWhole(format, 127);
    // Said twice it is the same; each costs as much as its rtpmap is long.
    if (number === null || payloads.some((one) => one.number === number)) continue;
    const known = STATIC_PAYLOADS.get(number);
    const [encoding = "", clock = "", channels = ""] = (mapped.get(format) ?? "").split("/", 3).map((piece) => piece.trim());
    payloads.push({
      number,
      encoding: encoding === "" ? (known?.[0] ?? "") : encoding.toUpperCase(),
      clockRateHz: parseWhole(clock, 1_000_000) ?? known?.[1] ?? 0,
      channels: parseWhole(channels, 255) ?? 1,
      fmtp: formatParameters.get(format) ?? null,
    });
  }
  return payloads;
}

function parseAttribute(value: string): SdpAttribute {
  const colon = value.indexOf(":");
  return colon < 0
    ? { name: value.toLowerCase(), value: "" }
    : { name: value.slice(0, colon).trim().toLowerCase(), value: value.slice(colon + 1).trim() };
}

function directionOf(attributes: readonly SdpAttribute[]): SdpDirection | null {
  for (const { name } of attributes) {
    if (name === "sendrecv" || name === "sendonly" || name === "recvonly" || name === "inactive") return name;
  }
  return null;
}

/** `IN IP4 192.0.2.1/127`. */
function parseConnection(value: string): SdpConnection | null {
  const [network = "", family = "", address = ""] = value.split(/\s+/, 3);
  const upper = family.toUpperCase();
  if (network.toUpperCase() !== "IN" || (upper !== "IP4" && upper !== "IP6")) return null;
  const bare = address.split("/", 1)[0] ?? "";
  return /^[A-Za-z0-9.:%_-]+$/.test(bare) ? { family: upper, address: bare } : null;
}

function parseOrigin(value: string): SdpSession["origin"] {
  const [username = "", sessionId = "", version = "", , , address = ""] = value.split(/\s+/, 6);
  return version === "" ? null : { username, sessionId, version, address };
}

/** `53020` or `53020 IN IP4 126.16.64.4`. */
function parseRtcp(value: string | null): SdpMedia["rtcp"] {
  if (value === null) return null;
  const [portText = "", ...rest] = value.split(/\s+/, 4);
  const port = parseWhole(portText, 65_535);
  return port === null ? null : { port, address: parseConnection(rest.join(" "))?.address ?? null };
}

export interface SdpMediaAddress {
  readonly address: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

/**
 * Where the other side says this stream comes from; null where it does not say so in an address that packets could be
 * compared with (no c-line, a host name, 0.0.0.0, port 0).
 */
export function mediaAddress(media: SdpMedia): SdpMediaAddress | null {
  const address = media.connection?.address ?? "";
  if (media.port === 0 || !isIpAddress(address) || isUnspecified(address)) return null;
  const nextPort = Math.min(65_535, media.port + 1);
  return { address, rtpPort: media.port, rtcpPort: media.rtcp?.port ?? (media.rtcpMux ? media.port : nextPort) };
}

/** True while the other side sends on this line: not on hold by direction, nor by the old way of an address of zeros (RFC 2543). */
export function isSending(media: SdpMedia): boolean {
  const sends = media.direction === "sendonly" || media.direction === "sendrecv";
  return media.port !== 0 && sends && !isUnspecified(media.connection?.address ?? "");
}

function isIpAddress(text: string): boolean {
  const octets = text.split(".");
  if (octets.length === 4 && octets.every((octet) => parseWhole(octet, 255) !== null)) return true;
  return text.includes(":") && /^[0-9A-Fa-f:.]{2,45}$/.test(text);
}

function isUnspecified(address: string): boolean {
  return address === "0.0.0.0" || (address.includes(":") && /^[0:]+$/.test(address));
}
