/** Standard base64 (RFC 4648 §4), strict: padded, and no second spelling of the same bytes. */

/** As many arguments as a call takes everywhere. */
const atOnce = 0x2000;

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += atOnce) binary += String.fromCharCode(...bytes.subarray(at, at + atOnce));
  return btoa(binary);
}

export const base64Length = (bytes: number): number => 4 * Math.ceil(bytes / 3);

const letters = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const padding = 61;

/** The same as ASCII, written to its place: for megabytes. */
export function writeBase64(bytes: Uint8Array, target: Uint8Array, at: number): void {
  const whole = bytes.length - (bytes.length % 3);
  let to = at;
  for (let from = 0; from < whole; from += 3, to += 4) {
    const three = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
    target[to] = letters[three >> 18]!;
    target[to + 1] = letters[(three >> 12) & 63]!;
    target[to + 2] = letters[(three >> 6) & 63]!;
    target[to + 3] = letters[three & 63]!;
  }
  if (whole === bytes.length) return;
  const two = (bytes[whole]! << 8) | (bytes[whole + 1] ?? 0);
  target[to] = letters[two >> 10]!;
  target[to + 1] = letters[(two >> 4) & 63]!;
  target[to + 2] = whole + 1 === bytes.length ? padding : letters[(two << 2) & 63]!;
  target[to + 3] = padding;
}

/** Null for anything but the one canonical spelling. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return toBase64(bytes) === text ? bytes : null;
}

export const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
