/** One-time codes of an authenticator app (RFC 6238): six digits, SHA-1, a new one every 30 s, as every app makes them. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const stepSeconds = 30;
/** A code of the step before or after is taken too: a telephone's clock, and the time that typing takes. */
const stepsBeside = 1;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** 160 bits in base 32, as apps take it in. */
export function newCodeSecret(): string {
  const bits = [...randomBytes(20)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join("");
}

function bytesOf(secret: string): Buffer {
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)));
}

export function codeOf(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", bytesOf(secret)).update(counter).digest();
  const at = mac[mac.length - 1]! & 15;
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}

export const stepAt = (now: Date): number => Math.floor(now.getTime() / 1_000 / stepSeconds);

/** The step that the code is of; null for none near now, and none after `lastStep`: a code that was seen once opens nothing. */
export function stepOfCode(secret: string, code: string, now: Date, lastStep: number): number | null {
  const given = Buffer.from(code.padEnd(6).slice(0, 6));
  let found: number | null = null;
  for (let step = Math.max(0, stepAt(now) - stepsBeside); step <= stepAt(now) + stepsBeside; step++) {
    if (timingSafeEqual(given, Buffer.from(codeOf(secret, step))) && step > lastStep) found = step;
  }
  return code.length === 6 ? found : null;
}

/** What an app reads from a QR code or a link. */
export function codeUri(secret: string, { issuer, account }: { readonly issuer: string; readonly account: string }): string {
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(account)}?${new URLSearchParams({ secret, issuer })}`;
}
