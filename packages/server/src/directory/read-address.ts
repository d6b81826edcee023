import type { NumberRules } from "@earwitness/contract";
import { normalizeAddress, parseNameAddr, parseSipUri } from "@earwitness/media";
import { expand, readExpression, type Expression } from "#tenants";

export interface ReadAddress {
  /** As interactions and people have it: `+` and digits, or `sip:user@host`. */
  readonly address: string;
  /** What was done to it, one half-sentence each; empty where it stood so. */
  readonly steps: readonly string[];
}

/** Longer than any address; what comes from a call's metadata is anybody's. */
const longest = 500;
/** Fewer digits behind a national prefix are an internal number that begins like one. */
const fewestBehindPrefix = 5;
/** Without a prefix to tell them by, fewer digits are an extension or a service (112, 911). */
const fewestWithoutPrefix = 7;
const mostDigits = 15;

interface Rewrite {
  readonly expression: Expression;
  readonly match: string;
  readonly replace: string;
}

/** Made once for each snapshot of a trunk. */
const compiled = new WeakMap<NumberRules, readonly Rewrite[]>();

function rewritesOf(rules: NumberRules): readonly Rewrite[] {
  const known = compiled.get(rules);
  if (known !== undefined) return known;
  const made = rules.rewrites.flatMap(({ match, replace }) => {
    const read = readExpression(match);
    return read.ok ? [{ expression: read.expression, match, replace }] : []; // checked where it was set
  });
  compiled.set(rules, made);
  return made;
}

/**
 * The address of a participant as the trunk's rules have it. The rewrites go over the user part, each once and in order;
 * then a number that says its country by prefix, or that the trunk gives one, becomes E.164. Short numbers stay as they
 * are: they are extensions and services. Everything else is `normalizeAddress`.
 */
export function readAddress(rules: NumberRules, written: string): ReadAddress {
  const text = addressIn(written.slice(0, longest));
  const uri = parseSipUri(/^(sips?|tel):/i.test(text) || !text.includes("@") ? text : `sip:${text}`);
  const isSip = uri.ok && uri.value.scheme !== "tel";
  const user = uri.ok ? unescaped(uri.value.user) : text;
  if (user === "") return { address: normalizeAddress(text), steps: [] };
  const isPhone = !isSip || uri.value.params.get("user") === "phone" || user.startsWith("+");
  const plain = isPhone && /^\+?[0-9().\-\s]+$/.test(user) ? user.replaceAll(/[().\-\s]/g, "") : user;

  const steps: string[] = [];
  const rewritten = rewritesOf(rules).reduce((before, { expression, match, replace }) => {
    const found = expression.search(before);
    if (found === null) return before;
    const after = `${before.slice(0, found.start)}${expand(replace, found.groups)}${before.slice(found.end)}`.slice(0, longest);
    if (after !== before) steps.push(`“${match}” made “${after}” of “${before}”`);
    return after;
  }, plain);

  const number = readNumber(rules, rewritten);
  if (number !== null) return { address: number.address, steps: number.step === null ? steps : [...steps, number.step] };
  if (rewritten === plain) return { address: normalizeAddress(text), steps };
  if (rewritten.includes("@")) return { address: normalizeAddress(/^(sips?|tel):/i.test(rewritten) ? rewritten : `sip:${rewritten}`), steps };
  if (!isSip) return { address: normalizeAddress(rewritten), steps };
  const { host, params } = uri.value;
  return { address: normalizeAddress(`sip:${encodeURIComponent(rewritten)}@${host.includes(":") ? `[${host}]` : host}${params.get("user") === "phone" ? ";user=phone" : ""}`), steps };
}

function readNumber({ countryCode, internationalPrefix, nationalPrefix }: NumberRules, user: string): { address: string; step: string | null } | null {
  if (/^\+[0-9]{3,15}$/.test(user)) return { address: user, step: null };
  if (!/^[0-9]+$/.test(user)) return null;
  const within = (digits: string): boolean => digits.length <= mostDigits;
  if (internationalPrefix !== null && user.startsWith(internationalPrefix)) {
    const digits = user.slice(internationalPrefix.length);
    if (/^[1-9]/.test(digits) && digits.length >= fewestBehindPrefix && within(digits)) return { address: `+${digits}`, step: `international prefix ${internationalPrefix} became +` };
  }
  if (countryCode === null) return null;
  if (nationalPrefix === null) {
    return user.length >= fewestWithoutPrefix && within(countryCode + user) && !user.startsWith("0") ? { address: `+${countryCode}${user}`, step: `country code ${countryCode} was put before it` } : null;
  }
  const digits = user.slice(nationalPrefix.length);
  const isNational = user.startsWith(nationalPrefix) && digits.length >= fewestBehindPrefix && within(countryCode + digits);
  return isNational ? { address: `+${countryCode}${digits}`, step: `national prefix ${nationalPrefix} became +${countryCode}` } : null;
}

function addressIn(written: string): string {
  const nameAddr = written.includes("<") ? parseNameAddr(written) : null;
  return nameAddr?.ok ? nameAddr.value.uri : written.trim();
}

function unescaped(user: string): string {
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
