/** A SIP message as an engineer may see it and send it on: as it was on the wire, without what would let anybody listen in or log in. */

const decoder = new TextDecoder("utf-8", { fatal: true });
const lenient = new TextDecoder("utf-8");

/** No more of one message than this; metadata of a large conference is some 100 kB. */
const maxTextBytes = 64 * 1024;

export function traceText(bytes: Uint8Array): string {
  const bodyStart = findBody(bytes);
  const head = lenient.decode(bytes.subarray(0, Math.min(bodyStart, maxTextBytes)));
  const body = bytes.subarray(bodyStart);
  const room = maxTextBytes - Math.min(bodyStart, maxTextBytes);
  return printable(mask(head)) + (body.length === 0 ? "" : bodyText(body, room));
}

/** Whole or by its length: a cut in the middle could hide where a key begins. Masked before it is cut. */
function bodyText(body: Uint8Array, room: number): string {
  let text: string;
  try {
    text = decoder.decode(body);
  } catch {
    return `[${body.length} bytes that are not text]\r\n`;
  }
  if (unprintable.test(text)) return `[${body.length} bytes that are not text]\r\n`;
  const masked = mask(text);
  return masked.length <= room ? masked : `${masked.slice(0, room)}\r\n[${body.length} bytes in all]\r\n`;
}

const unprintable = /[^\t\n\r\x20-\x7e\u0080-\uffff]/;
const hidden = "***";

/**
 * Keys of media (RFC 4568 §9.1, RFC 4567, RFC 4566 §5.12), credentials (RFC 7616 §3.4), passwords in URIs (RFC 3261 §19.1.1). Each is
 * looked for wherever it might stand, not only where it belongs: a message that is malformed is traced as well.
 */
function mask(text: string): string {
  return text
    .replaceAll(/inline:[ \t]*[^\s|;,]+/gi, `inline:${hidden}`)
    .replaceAll(/^(a=key-mgmt:\S{1,40}[ \t]+)\S[^\n]*/gim, (line, name: string) => `${name}${hidden}${end(line)}`)
    .replaceAll(/^(k=[a-z0-9]{1,20}:)[^\n]*/gim, (line, name: string) => `${name}${hidden}${end(line)}`)
    // Lines end where our reader ends them: at LF alone.
    .replaceAll(/^((?:proxy-)?authorization(?:[ \t]|\r?\n[ \t])*:)([^\n]*(?:\n[ \t][^\n]*)*)/gim, (line, name: string, value: string) => `${name}${maskAuthorization(value.replace(/\r$/, ""))}${end(line)}`)
    .replaceAll(/(sips?:[^\s:@;<>"]{1,200}):[^\s:@<>"]{1,200}@/gi, `$1:${hidden}@`);
}

const end = (line: string): string => (line.endsWith("\r") ? "\r" : "");

function maskAuthorization(value: string): string {
  if (!/^\s*digest\s/i.test(value)) return /\S/.test(value) ? ` ${hidden}` : value;
  return value.replaceAll(/\b(response|cnonce)(\s*=\s*)("(?:[^"\\]|\\[^])*"?|[^\s,]*)/gi, `$1$2"${hidden}"`);
}

/** Terminals and databases do not take every character; line ends and tabs they do. */
export function printable(text: string): string {
  return text.replaceAll(new RegExp(unprintable, "g"), "\ufffd");
}

function findBody(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return bytes.length;
}
