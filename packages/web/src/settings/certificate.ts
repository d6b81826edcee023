/** What a person wants to see of a certificate: whom it names, who issued it, until when it holds (RFC 5280 §4.1). Whether it is trusted is the server's question. */

export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly validTo: Date;
}

export const pemBlocks = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** PEM of any kind of private key, also one that is cut: then everything up to the next block. */
const privateKeys = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|(?=-----BEGIN )|$)/g;

/** What was pasted, without private keys: nobody but the client needs them, so nothing here keeps one for a moment. */
export function withoutPrivateKeys(pasted: string): { readonly rest: string; readonly had: boolean } {
  const rest = pasted.replaceAll(privateKeys, "");
  return { rest, had: rest !== pasted };
}

interface Element {
  readonly tag: number;
  readonly from: number;
  readonly to: number;
}

/** Null where it is no certificate: it is pasted by hand. */
export function readCertificate(pem: string): CertificateFacts | null {
  try {
    const bytes = Uint8Array.from(atob(pem.replaceAll(/-----[A-Z ]+-----|\s/g, "")), (char) => char.charCodeAt(0));
    const [whole] = elements(bytes, { tag: 0, from: 0, to: bytes.length });
    const [toBeSigned] = whole ? elements(bytes, whole) : [];
    if (!toBeSigned) return null;
    const fields = elements(bytes, toBeSigned);
    // [0] version is left out by certificates of version 1.
    const [, , issuer, validity, subject] = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
    const notAfter = validity && elements(bytes, validity)[1];
    const validTo = notAfter && timeOf(bytes, notAfter);
    if (!issuer || !subject || !validTo) return null;
    return { subject: nameOf(bytes, subject), issuer: nameOf(bytes, issuer), validTo };
  } catch {
    return null; // not base64: what was pasted was cut
  }
}

/** DER elements one after the other inside of another. */
function elements(bytes: Uint8Array, { from, to }: Element): Element[] {
  const found: Element[] = [];
  for (let at = from; at + 2 <= to; ) {
    const tag = bytes[at]!;
    const first = bytes[at + 1]!;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    // Nothing of a certificate needs more than 4 bytes of length.
    if (lengthBytes > 4) return found;
    const length = lengthBytes === 0 ? first : bytes.subarray(at + 2, at + 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
    const start = at + 2 + lengthBytes;
    if (start + length > to) return found;
    found.push({ tag, from: start, to: start + length });
    at = start + length;
  }
  return found;
}

const commonName = "550403"; // 2.5.4.3
const organization = "55040a"; // 2.5.4.10

/** The common name; without one the organization. */
function nameOf(bytes: Uint8Array, name: Element): string {
  const parts = new Map<string, string>();
  for (const set of elements(bytes, name)) {
    for (const attribute of elements(bytes, set)) {
      const [type, value] = elements(bytes, attribute);
      if (type && value) parts.set(hexOf(bytes.subarray(type.from, type.to)), textOf(bytes, value));
    }
  }
  return parts.get(commonName) ?? parts.get(organization) ?? [...parts.values()].at(-1) ?? "";
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function textOf(bytes: Uint8Array, { tag, from, to }: Element): string {
  // BMPString is UTF-16; everything else in use is ASCII, Latin-1 or UTF-8.
  return new TextDecoder(tag === 0x1e ? "utf-16be" : tag === 0x14 ? "latin1" : "utf-8").decode(bytes.subarray(from, to));
}

/** UTCTime of two-digit years up to 2049, GeneralizedTime from 2050 on. */
function timeOf(bytes: Uint8Array, { tag, from, to }: Element): Date | null {
  const text = new TextDecoder().decode(bytes.subarray(from, to));
  const full = tag === 0x17 ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  return parts === null ? null : new Date(`${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}Z`);
}
