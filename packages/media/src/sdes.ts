/** SDES (RFC 4568): SRTP keys in `a=crypto` of an SDP. A reason never quotes a key, nor anything that stands where one should. */
import { parseWhole } from "./header-text.ts";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";
import { srtpSuites } from "./srtp-keys.ts";
import type { SrtpMasterKey, SrtpSuite } from "./srtp-keys.ts";
import { srtpSuiteFacts } from "./srtp-suite.ts";

export interface SdesCrypto {
  readonly tag: number;
  /** Null for one that we do not know; its keys are then not looked at. */
  readonly suite: SrtpSuite | null;
  /** As the line names it, cut to what may stand in an answer or alarm. */
  readonly suiteName: string;
  readonly keys: readonly SrtpMasterKey[];
  readonly parameters: readonly string[];
}

export interface SdesChoice {
  readonly tag: number;
  readonly suite: SrtpSuite;
  readonly keys: readonly SrtpMasterKey[];
  readonly clearRtcp: boolean;
}

/** Sixteen keys with MKIs of 128 bytes fit; nobody sends more. */
const MAX_VALUE_CHARACTERS = 8192;
const MAX_KEYS = 16;
const MAX_OFFERED = 32;
/** RFC 4568 §6.1. */
const MAX_MKI_BYTES = 128;
/** RFC 3711 §9.2: no key protects more packets. */
const MAX_LIFETIME_POWER = 48;

/** The value of one `a=crypto`: `1 AES_CM_128_HMAC_SHA1_80 inline:…|2^31|1:4 UNENCRYPTED_SRTCP`. */
export function parseSdesCrypto(value: string): Parsed<SdesCrypto> {
  if (value.length > MAX_VALUE_CHARACTERS) return refused("crypto attribute too long");
  const [tagText = "", suiteText = "", keyText = "", ...parameters] = value.trim().split(/[ \t]+/);
  const tag = parseWhole(tagText, 999_999_999);
  if (tag === null) return refused("crypto attribute without a tag");
  const suiteName = /^[A-Za-z0-9_-]{1,40}$/.test(suiteText) ? suiteText.toUpperCase() : "";
  if (suiteName === "") return refused(`crypto ${tag} names no suite`);
  const suite = srtpSuites.find((known) => known === suiteName) ?? null;
  if (suite === null) return parsed({ tag, suite, suiteName, keys: [], parameters });

  const keyParams = keyText.split(";").filter((one) => one !== "");
  if (keyParams.length === 0) return refused(`crypto ${tag} has no key`);
  if (keyParams.length > MAX_KEYS) return refused(`crypto ${tag} has more than ${MAX_KEYS} keys`);
  const keys: SrtpMasterKey[] = [];
  for (const text of keyParams) {
    const key = parseKey(text, suite);
    if (!key.ok) return refused(`crypto ${tag}: ${key.reason}`);
    keys.push(key.value);
  }
  const wrong = mkiFault(keys);
  return wrong === null ? parsed({ tag, suite, suiteName, keys, parameters }) : refused(`crypto ${tag}: ${wrong}`);
}

function parseKey(text: string, suite: SrtpSuite): Parsed<SrtpMasterKey> {
  const colon = text.indexOf(":");
  if (colon < 0 || text.slice(0, colon).toLowerCase() !== "inline") return refused("key method is not inline");
  const [keySalt = "", ...fields] = text.slice(colon + 1).split("|");
  const { keyBytes, saltBytes } = srtpSuiteFacts[suite];
  const bytes = decodeBase64(keySalt);
  if (bytes === null) return refused("key is not base64");
  if (bytes.length !== keyBytes + saltBytes) return refused(`key and salt have ${bytes.length} bytes, ${suite} needs ${keyBytes + saltBytes}`);

  let mki: Uint8Array | null = null;
  if (fields.length > 2) return refused("key has more than a lifetime and an MKI");
  // Both are optional; only the colon tells them apart (§9.2). Clients are met that leave the lifetime empty.
  for (const [index, field] of fields.entries()) {
    if (field.includes(":")) {
      if (index !== fields.length - 1) return refused("MKI before the lifetime");
      const read = parseMki(field);
      if (!read.ok) return read;
      mki = read.value;
    } else if (index > 0 || (field !== "" && !isLifetime(field))) return refused(index > 0 ? "MKI without a length" : "lifetime is no number of packets up to 2^48");
  }
  return parsed({ key: bytes.slice(0, keyBytes), salt: bytes.slice(keyBytes), mki });
}

/** Padding may be missing; anything else that is not base64 is refused, where Node would pass over it. */
function decodeBase64(text: string): Uint8Array | null {
  const digits = text.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/]+$/.test(digits) || digits.length % 4 === 1) return null;
  return new Uint8Array(Buffer.from(digits, "base64"));
}

/** Whoever sends must stop there; the receiver has nothing to do with it but to know that it was meant. */
function isLifetime(text: string): boolean {
  const power = /^2\^([0-9]{1,2})$/.exec(text)?.[1];
  if (power !== undefined) return Number(power) <= MAX_LIFETIME_POWER;
  const packets = parseWhole(text, 2 ** MAX_LIFETIME_POWER);
  return packets !== null && packets > 0;
}

function parseMki(text: string): Parsed<Uint8Array> {
  const [, digits, lengthText] = /^([0-9]{1,309}):([0-9]{1,3})$/.exec(text) ?? [];
  const length = parseWhole(lengthText ?? "", MAX_MKI_BYTES);
  if (digits === undefined || length === null || length === 0) return refused("MKI is not number:length with a length of 1 to 128");
  const hex = BigInt(digits).toString(16);
  if (hex.length > 2 * length) return refused(`MKI does not fit into ${length} bytes`);
  return parsed(new Uint8Array(Buffer.from(hex.padStart(2 * length, "0"), "hex")));
}

/** §6.1: every packet carries the MKI or none does, always as long, and it tells the keys apart. */
function mkiFault(keys: readonly SrtpMasterKey[]): string | null {
  if (new Set(keys.map(({ mki }) => mki?.length ?? 0)).size > 1) return "MKIs of different length";
  if (keys.length < 2) return null;
  if (keys.some(({ mki }) => mki === null)) return "several keys without MKIs";
  return new Set(keys.map(({ mki }) => Buffer.from(mki ?? []).toString("hex"))).size < keys.length ? "two keys with one MKI" : null;
}

/**
 * Which of the offered `a=crypto` values to take: the strongest that we can serve, in the client's order among equals; one that
 * leaves RTCP in the clear only where its strength has no other.
 */
export function chooseSdes(values: readonly string[]): Parsed<SdesChoice> {
  if (values.length === 0) return refused("no crypto attribute was offered");
  if (values.length > MAX_OFFERED) return refused(`more than ${MAX_OFFERED} crypto attributes were offered`);
  let best: SdesChoice | null = null;
  const reasons: string[] = [];
  const tags = new Set<number>();
  for (const value of values) {
    const crypto = parseSdesCrypto(value);
    const choice = crypto.ok ? acceptable(crypto.value) : crypto;
    if (crypto.ok) {
      if (tags.has(crypto.value.tag)) return refused(`two crypto attributes have the tag ${crypto.value.tag}`); // an answer could not say which
      tags.add(crypto.value.tag);
    }
    if (!choice.ok) reasons.push(choice.reason);
    else if (best === null || isBetter(choice.value, best)) best = choice.value;
  }
  return best === null ? refused(boundedList(reasons)) : parsed(best);
}

function isBetter(one: SdesChoice, other: SdesChoice): boolean {
  const stronger = srtpSuiteFacts[one.suite].strength - srtpSuiteFacts[other.suite].strength;
  return stronger > 0 || (stronger === 0 && other.clearRtcp && !one.clearRtcp);
}

function boundedList(reasons: readonly string[]): string {
  return reasons.length <= 4 ? reasons.join("; ") : `${reasons.slice(0, 4).join("; ")}; and ${reasons.length - 4} more`;
}

function acceptable({ tag, suite, suiteName, keys, parameters }: SdesCrypto): Parsed<SdesChoice> {
  if (suite === null) return refused(`crypto ${tag}: suite ${suiteName} is not supported`);
  let clearRtcp = false;
  for (const parameter of parameters) {
    const fault = parameterFault(parameter.toUpperCase());
    if (fault !== null) return refused(`crypto ${tag}: ${fault}`);
    clearRtcp ||= parameter.toUpperCase() === "UNENCRYPTED_SRTCP";
  }
  return parsed({ tag, suite, keys, clearRtcp });
}

/** §6.3. A parameter that is not understood refuses the line unless a hyphen says that it may be passed over. */
function parameterFault(parameter: string): string | null {
  if (parameter === "UNENCRYPTED_SRTCP" || parameter.startsWith("-")) return null;
  if (/^WSH=[0-9]{1,6}$/.test(parameter)) return null; // a hint for the replay window, of which ours takes no notice
  if (parameter === "UNENCRYPTED_SRTP") return "UNENCRYPTED_SRTP would leave the audio in the clear";
  if (parameter === "UNAUTHENTICATED_SRTP") return "UNAUTHENTICATED_SRTP would let anybody forge the audio";
  if (parameter.startsWith("KDR=")) return parameter === "KDR=0" ? null : "KDR: repeated key derivation is not supported";
  if (/^FEC_(ORDER|KEY)=/.test(parameter)) return "FEC is not supported";
  return /^[A-Z0-9_]{1,40}(=|$)/.test(parameter) ? `session parameter ${parameter.replace(/=.*/, "")} is not known` : "session parameter is malformed";
}

/** The value of the answer's `a=crypto`. What was negotiated has to stand in it again (§7.1.2). */
export function sdesAnswer(tag: number, suite: SrtpSuite, ours: SrtpMasterKey, clearRtcp = false): string {
  const keySalt = Buffer.concat([ours.key, ours.salt]).toString("base64");
  const mki = ours.mki === null ? "" : `|2^31|${BigInt(`0x${Buffer.from(ours.mki).toString("hex")}`)}:${ours.mki.length}`;
  return `${tag} ${suite} inline:${keySalt}${mki}${clearRtcp ? " UNENCRYPTED_SRTCP" : ""}`;
}

export const MASKED_KEY = "…masked…";

/**
 * The text with every key taken out: SDES inline keys wherever they stand, and the older ways of putting a key into SDP
 * (`k=`, RFC 8866 §5.12; `a=key-mgmt`, RFC 4567). Malformed keys are taken out as well: half of one is too much.
 */
export function maskSdesKeys(text: string): string {
  return text
    .replaceAll(/(inline[ \t]*:)[ \t]*[^\s|;"'\\<>]+/gi, `$1${MASKED_KEY}`)
    .replaceAll(/^(k=(?:clear|base64|uri):|a=key-mgmt:[^\s]+ )[^\r\n]+/gim, `$1${MASKED_KEY}`);
}
