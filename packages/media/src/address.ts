import { parseNameAddr } from "./sip-fields.ts";
import { parseSipUri } from "./sip-uri.ts";

/** Shorter is no number anybody could be found by, longer is none by E.164. */
const MIN_DIGITS = 3;
const MAX_DIGITS = 15;

/**
 * One spelling for everything that names the same party, so that the party can be looked up:
 *
 * - A telephone number becomes `+` and its digits: `tel:`, a user part with `user=phone` or a leading `+`, and bare
 *   numbers of 3 to 15 digits. Visual separators go, a leading `00` is the `+`. A national number keeps its digits (the
 *   country cannot be known here), so `030…` becomes `+030…`, which no international number can be.
 * - Anything at a host becomes `sip:user@host` in lower case, without port, password and parameters; `sips:` too.
 * - What is neither stays as it is, in lower case.
 */
export function normalizeAddress(aor: string): string {
  const nameAddr = aor.includes("<") ? parseNameAddr(aor) : null;
  const text = nameAddr?.ok ? nameAddr.value.uri : aor.trim();
  const uri = parseSipUri(/^(sips?|tel):/i.test(text) || !text.includes("@") ? text : `sip:${text}`);
  if (!uri.ok) return telephoneNumber(text) ?? text.toLowerCase();

  const user = unescapeUser(uri.value.user);
  const isPhone = uri.value.scheme === "tel" || uri.value.params.get("user") === "phone" || user.startsWith("+");
  const number = isPhone ? telephoneNumber(user) : null;
  if (number !== null) return number;
  if (uri.value.scheme === "tel") return `tel:${user.toLowerCase()}`;
  return `sip:${user === "" ? "" : `${user.toLowerCase()}@`}${uri.value.host}`;
}

function telephoneNumber(text: string): string | null {
  if (text.length > 64 || !/^\+?[0-9().\-\s]+$/.test(text)) return null;
  const digits = text.replaceAll(/[^0-9]/g, "").replace(/^00/, "");
  return digits.length >= MIN_DIGITS && digits.length <= MAX_DIGITS ? `+${digits}` : null;
}

function unescapeUser(user: string): string {
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
