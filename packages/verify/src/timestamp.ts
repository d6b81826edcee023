/**
 * Timestamps (RFC 3161, 5816): an authority's signed statement that a digest existed at a time. A token is a CMS SignedData (RFC 5652)
 * with one signer. Everything in it may come from an attacker; only the roots are believed.
 */
import { chainTo, nameOf, parseCertificate, timeStamping, usage, type Certificate } from "./certificate.ts";
import { allOf, booleanOf, context, countOf, fieldsOf, inside, integerOf, oidOf, readDer, tags, timeOf, type Der } from "./der.ts";
import { sameBytes } from "./merkle.ts";
import { Malformed, parseNote } from "./note.ts";
import { hashNameOf, verifySignature, type HashName } from "./public-key-signature.ts";
import { sha256 } from "./sha256.ts";

export interface Timestamp {
  readonly atMs: number;
  /** How far from it the time may be, as the authority says; null where it does not. */
  readonly accuracyMs: number | null;
  /** What the authority promises; its own object identifier. */
  readonly policy: string;
  /** The number of the token, in hex. */
  readonly serial: string;
  /** Who signed, as the certificate says. */
  readonly authority: string;
}

export interface TimestampExpectation {
  /** SHA-256 of what was to be timestamped. */
  readonly digest: Uint8Array;
  /** Certificates of authorities (DER) that are trusted. */
  readonly roots: readonly Uint8Array[];
  /** What was asked with; only whoever asked knows. */
  readonly nonce?: Uint8Array;
  readonly policy?: string;
}

/** A token with its chain is some 6 kB; each certificate some 2. */
const maxTokenBytes = 64 * 1024;
const maxCertificates = 16;

const ids = {
  signedData: "1.2.840.113549.1.7.2",
  tstInfo: "1.2.840.113549.1.9.16.1.4",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingCertificate: "1.2.840.113549.1.9.16.2.12",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
} as const;

/** What is stamped of a checkpoint: SHA-256 of its text, which nobody's signature is part of. */
export const stampedDigest = (note: string): Uint8Array => sha256(new TextEncoder().encode(parseNote(note).text));

/** Checks timestamps of checkpoints against these authorities (DER), as `verifyBundle` asks for them. */
export function checkpointTimestamp(roots: readonly Uint8Array[]): (token: Uint8Array, note: string) => Promise<{ readonly at: string; readonly by: string }> {
  return async (token, note) => {
    const { atMs, authority } = await verifyTimestamp(token, { digest: stampedDigest(note), roots });
    return { at: `${new Date(atMs).toISOString().slice(0, 19)}Z`, by: authority };
  };
}

/** Throws Malformed where the token is none, does not say what is expected, or no trusted authority stands behind it. */
export async function verifyTimestamp(token: Uint8Array, expected: TimestampExpectation): Promise<Timestamp> {
  const { content, certificates, signer } = parseToken(token);
  const info = parseInfo(content);
  if (info.hash !== "SHA-256" || !sameBytes(info.digest, expected.digest)) throw new Malformed("the timestamp is of something else");
  if (expected.nonce !== undefined && (info.nonce === null || !sameBytes(info.nonce, expected.nonce))) throw new Malformed("the timestamp answers another request: its nonce is not the one that was sent");
  if (expected.policy !== undefined && info.policy !== expected.policy) throw new Malformed(`the timestamp was given under the policy ${info.policy}, not ${expected.policy}`);

  const roots = expected.roots.map(parseCertificate);
  const candidates = [...certificates, ...roots].filter((certificate) => signer.isBy(certificate));
  if (candidates.length === 0) throw new Malformed("the timestamp comes without the certificate of whoever signed it");
  const certificate = await signerAmong(candidates, signer);
  if (certificate === null) throw new Malformed("the timestamp does not say which certificate signed it, or says another one");
  checkPurpose(certificate);
  await checkSignature(signer, certificate, content);
  await chainTo(roots, certificate, certificates, info.atMs);
  return { atMs: info.atMs, accuracyMs: info.accuracyMs, policy: info.policy, serial: info.serial, authority: nameOf(certificate) };
}

/** What a token says, with nobody asked whether it is true. */
export function readTimestampUnsafe(token: Uint8Array): Pick<Timestamp, "atMs" | "policy" | "serial"> & { readonly digest: Uint8Array } {
  return parseInfo(parseToken(token).content);
}

interface Info {
  readonly policy: string;
  readonly hash: HashName;
  readonly digest: Uint8Array;
  readonly serial: string;
  readonly atMs: number;
  readonly accuracyMs: number | null;
  readonly nonce: Uint8Array | null;
}

/** RFC 3161 §2.4.2. */
function parseInfo(content: Uint8Array): Info {
  const fields = fieldsOf(readDer(content, tags.sequence));
  if (countOf(fields.take(tags.integer)) !== 1) throw new Malformed("a timestamp of a later version");
  const policy = oidOf(fields.take(tags.oid));
  const imprint = fieldsOf(fields.take(tags.sequence));
  const hash = hashNameOf(imprint.take(tags.sequence));
  const digest = imprint.take(tags.octetString).content;
  imprint.end();
  const serial = integerOf(fields.take(tags.integer));
  const atMs = timeOf(fields.take(tags.generalizedTime));
  const accuracy = fields.optional(tags.sequence);
  const ordering = fields.optional(tags.boolean);
  if (ordering !== null) booleanOf(ordering);
  const nonce = fields.optional(tags.integer);
  fields.optional(context(0)); // the authority's name, which the certificate says better
  const extensions = fields.optional(context(1));
  fields.end();
  for (const extension of extensions === null ? [] : allOf(extensions)) {
    const parts = fieldsOf(extension);
    parts.take(tags.oid);
    const critical = parts.optional(tags.boolean);
    if (critical !== null && booleanOf(critical)) throw new Malformed("a timestamp with a critical extension that is not known here");
  }
  return { policy, hash, digest, serial: Array.from(serial, (byte) => byte.toString(16).padStart(2, "0")).join(""), atMs, accuracyMs: accuracy === null ? null : accuracyOf(accuracy), nonce: nonce === null ? null : integerOf(nonce) };
}

function accuracyOf(der: Der): number {
  const fields = fieldsOf(der);
  const seconds = fields.optional(tags.integer);
  const millis = fields.optional(context(0, false));
  const micros = fields.optional(context(1, false));
  fields.end();
  const count = (part: Der | null): number => (part === null ? 0 : countOf(part));
  return count(seconds) * 1000 + count(millis) + count(micros) / 1000;
}

interface Signer {
  readonly digest: HashName;
  readonly algorithm: Der;
  readonly signature: Uint8Array;
  /** What is signed: the attributes, as a set. */
  readonly signedBytes: Uint8Array;
  readonly messageDigest: Uint8Array;
  /** Digests that the signer says its own certificate has. */
  readonly certificateDigests: readonly { readonly hash: HashName | "SHA-1"; readonly digest: Uint8Array }[];
  isBy(certificate: Certificate): boolean;
}

/** RFC 5652 §5. */
function parseToken(token: Uint8Array): { readonly content: Uint8Array; readonly certificates: readonly Certificate[]; readonly signer: Signer } {
  if (token.length > maxTokenBytes) throw new Malformed("a timestamp that is too long");
  const outer = fieldsOf(readDer(token, tags.sequence));
  if (oidOf(outer.take(tags.oid)) !== ids.signedData) throw new Malformed("this is no timestamp: it is not signed data");
  const fields = fieldsOf(inside(outer.take(context(0)), tags.sequence));
  outer.end();
  countOf(fields.take(tags.integer));
  fields.take(tags.set);
  const encapsulated = fieldsOf(fields.take(tags.sequence));
  if (oidOf(encapsulated.take(tags.oid)) !== ids.tstInfo) throw new Malformed("this is no timestamp: something else is signed");
  const content = inside(encapsulated.take(context(0)), tags.octetString).content;
  encapsulated.end();
  const pool = fields.optional(context(0));
  fields.optional(context(1)); // lists of revoked certificates, which are not asked: docs/trust-model.md
  const signers = allOf(fields.take(tags.set));
  fields.end();
  if (signers.length !== 1) throw new Malformed("a timestamp has one signer");
  const ders = pool === null ? [] : allOf(pool).filter(({ tag }) => tag === tags.sequence);
  if (ders.length > maxCertificates) throw new Malformed("a timestamp with too many certificates");
  return { content, certificates: ders.map(({ whole }) => parseCertificate(whole)), signer: parseSigner(signers[0]!) };
}

function parseSigner(der: Der): Signer {
  if (der.tag !== tags.sequence) throw new Malformed("a timestamp without a signer");
  const fields = fieldsOf(der);
  countOf(fields.take(tags.integer));
  const isBy = identifierOf(fields.next());
  const digest = hashNameOf(fields.take(tags.sequence));
  const attributes = fields.take(context(0));
  const algorithm = fields.take(tags.sequence);
  const signature = fields.take(tags.octetString).content;
  fields.optional(context(1));
  fields.end();

  const signedBytes = new Uint8Array(attributes.whole); // a copy, also of a Buffer, whose slice() is none
  signedBytes[0] = tags.set; // the tag under which the set is signed (§5.4)
  const values = new Map<string, Der>();
  for (const attribute of allOf(attributes)) {
    const parts = fieldsOf(attribute);
    const id = oidOf(parts.take(tags.oid));
    const [value, ...more] = allOf(parts.take(tags.set));
    parts.end();
    if (values.has(id) || value === undefined || more.length > 0) throw new Malformed("a timestamp that says something about itself twice, or not at all");
    values.set(id, value);
  }
  const [type, message] = [values.get(ids.contentType), values.get(ids.messageDigest)];
  if (type?.tag !== tags.oid || oidOf(type) !== ids.tstInfo || message?.tag !== tags.octetString) throw new Malformed("a timestamp whose signature does not cover what it says");
  const [v1, v2] = [values.get(ids.signingCertificate), values.get(ids.signingCertificateV2)];
  const certificateDigests = [...(v1 === undefined ? [] : [certificateDigest(v1, "SHA-1")]), ...(v2 === undefined ? [] : [certificateDigest(v2, "SHA-256")])];
  return { digest, algorithm, signature, signedBytes, messageDigest: message.content, certificateDigests, isBy };
}

/** By issuer and number, or by the key's own id. */
function identifierOf(der: Der): (certificate: Certificate) => boolean {
  if (der.tag === context(0, false)) return ({ keyId }) => keyId !== null && sameBytes(keyId, der.content);
  if (der.tag !== tags.sequence) throw new Malformed("a timestamp that does not say who signed it");
  const fields = fieldsOf(der);
  const issuer = fields.take(tags.sequence);
  const serial = integerOf(fields.take(tags.integer));
  fields.end();
  return (certificate) => sameBytes(certificate.issuer.whole, issuer.whole) && sameBytes(certificate.serial, serial);
}

/** The first of ESSCertID's (RFC 2634, SHA-1) or ESSCertIDv2's (RFC 5035): the signer's own. */
function certificateDigest(der: Der, byDefault: "SHA-1" | "SHA-256"): Signer["certificateDigests"][number] {
  const [certificates] = allOf(der);
  const [first] = certificates === undefined ? [] : allOf(certificates);
  if (first === undefined) throw new Malformed("a timestamp that names no certificate");
  const fields = fieldsOf(first);
  const hash = byDefault === "SHA-256" ? fields.optional(tags.sequence) : null;
  return { hash: hash === null ? byDefault : hashNameOf(hash), digest: fields.take(tags.octetString).content };
}

async function digestOf(hash: HashName | "SHA-1", bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(hash, bytes.slice()));
}

/** The certificate that the signed attributes name: without them, another one of the same key could be put in its place. */
async function signerAmong(candidates: readonly Certificate[], { certificateDigests }: Signer): Promise<Certificate | null> {
  for (const certificate of candidates) {
    const fits = await Promise.all(certificateDigests.map(async ({ hash, digest }) => sameBytes(await digestOf(hash, certificate.bytes), digest)));
    if (fits.length > 0 && fits.every(Boolean)) return certificate;
  }
  return null;
}

/** RFC 3161 §2.3: its certificate is for timestamps, and for nothing else. */
function checkPurpose(certificate: Certificate): void {
  const { purposes, keyUsage } = certificate;
  const isForTimestamps = purposes !== null && purposes.isCritical && purposes.oids.length === 1 && purposes.oids[0] === timeStamping;
  const maySign = keyUsage === null || keyUsage.has(usage.digitalSignature) || keyUsage.has(usage.nonRepudiation);
  if (!isForTimestamps || !maySign) throw new Malformed(`the certificate of ${nameOf(certificate)} is not one for timestamps alone`);
}

async function checkSignature(signer: Signer, certificate: Certificate, content: Uint8Array): Promise<void> {
  if (!sameBytes(await digestOf(signer.digest, content), signer.messageDigest)) throw new Malformed("the timestamp was changed after it was signed");
  if (!(await verifySignature({ key: certificate.publicKey, algorithm: signer.algorithm, digest: signer.digest }, signer.signature, signer.signedBytes))) throw new Malformed("the signature of the timestamp does not fit");
}
