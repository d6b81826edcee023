/** What is sent to a timestamp authority and what comes back (RFC 3161 §2.4). */
import { allOf, countOf, fieldsOf, readDer, tags } from "./der.ts";
import { Malformed } from "./note.ts";

export interface TimestampRequest {
  /** SHA-256. */
  readonly digest: Uint8Array;
  /** Positive, and in its shortest form: what comes back is compared byte by byte. */
  readonly nonce: Uint8Array;
  readonly policy?: string;
}

const sha256Identifier = Uint8Array.of(0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00);

/** Asks for the authority's certificates too. */
export function formatTimestampRequest({ digest, nonce, policy }: TimestampRequest): Uint8Array {
  return write(
    tags.sequence,
    write(tags.integer, Uint8Array.of(1)),
    write(tags.sequence, sha256Identifier, write(tags.octetString, digest)),
    ...(policy === undefined ? [] : [write(tags.oid, oidBytes(policy))]),
    write(tags.integer, nonce),
    write(tags.boolean, Uint8Array.of(0xff)),
  );
}

function write(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export const isOid = (text: string): boolean => /^(?:[01]\.[1-3]?[0-9]|2\.(?:0|[1-9][0-9]{0,8}))(?:\.(?:0|[1-9][0-9]{0,38}))*$/.test(text) && text.length <= 128;

function oidBytes(dotted: string): Uint8Array {
  if (!isOid(dotted)) throw new RangeError(`“${dotted}” is no object identifier`);
  const [first = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
  return Uint8Array.from([first * 40n + second, ...rest].flatMap(base128));
}

function base128(arc: bigint): number[] {
  const bytes = [Number(arc % 128n)];
  for (let left = arc / 128n; left > 0n; left /= 128n) bytes.unshift(Number(left % 128n) + 0x80);
  return bytes;
}

/** The token in an authority's answer. Throws Malformed where it gives none, with what it says. */
export function readTimestampResponse(response: Uint8Array): Uint8Array {
  const fields = fieldsOf(readDer(response, tags.sequence));
  const status = fieldsOf(fields.take(tags.sequence));
  const code = countOf(status.take(tags.integer));
  const said = status.optional(tags.sequence);
  const text = said === null ? "" : allOf(said).map(({ content }) => new TextDecoder().decode(content)).join(" ").replaceAll(/\p{C}/gu, "\ufffd").slice(0, 200);
  if (code > 1) throw new Malformed(`the authority gives no timestamp (status ${code}${text === "" ? "" : `: ${text}`})`); // 0 granted, 1 granted with changes
  const token = fields.take(tags.sequence);
  fields.end();
  return token.whole;
}
