/** X.509 certificates (RFC 5280), as far as a chain from a timestamp to its authority needs them. */
import { allOf, bitStringOf, booleanOf, context, countOf, fieldsOf, inside, integerOf, oidOf, readDer, tags, timeOf, type Der } from "./der.ts";
import { Malformed } from "./note.ts";
import { verifySignature } from "./public-key-signature.ts";
import { sameBytes } from "./merkle.ts";

export interface Certificate {
  readonly bytes: Uint8Array;
  /** Issuer, subject: names, as DER. */
  readonly issuer: Der;
  readonly subject: Der;
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: Der;
  readonly keyId: Uint8Array | null;
  readonly isAuthority: boolean;
  /** How many authorities may stand between it and the end; null for any. */
  readonly pathLength: number | null;
  /** Null: it may be used for everything. */
  readonly keyUsage: ReadonlySet<number> | null;
  readonly purposes: { readonly isCritical: boolean; readonly oids: readonly string[] } | null;
  /** Says something that must be understood, and is not. */
  readonly hasUnknown: boolean;
  readonly signed: { readonly bytes: Uint8Array; readonly algorithm: Der; readonly signature: Uint8Array };
}

export const timeStamping = "1.3.6.1.5.5.7.3.8";
const anyPurpose = "2.5.29.37.0";
export const usage = { digitalSignature: 0, nonRepudiation: 1, certSign: 5 } as const;
const ids = { keyId: "2.5.29.14", keyUsage: "2.5.29.15", alternativeName: "2.5.29.17", basicConstraints: "2.5.29.19", policies: "2.5.29.32", purposes: "2.5.29.37" } as const;
/** Those that may be critical and say nothing that changes what is asked here. */
const harmless: readonly string[] = [ids.alternativeName, ids.policies];

export function parseCertificate(bytes: Uint8Array): Certificate {
  const outer = fieldsOf(readDer(bytes, tags.sequence));
  const tbs = outer.take(tags.sequence);
  const algorithm = outer.take(tags.sequence);
  const signature = bitStringOf(outer.take(tags.bitString));
  outer.end();
  const fields = fieldsOf(tbs);
  const version = fields.optional(context(0));
  if (version !== null && countOf(inside(version, tags.integer)) > 2) throw new Malformed("a certificate of a later version");
  const serial = integerOf(fields.take(tags.integer));
  if (!sameBytes(fields.take(tags.sequence).whole, algorithm.whole)) throw new Malformed("a certificate that names two ways it is signed");
  const issuer = fields.take(tags.sequence);
  const validity = fieldsOf(fields.take(tags.sequence));
  const [notBeforeMs, notAfterMs] = [timeOf(validity.next()), timeOf(validity.next())];
  validity.end();
  const subject = fields.take(tags.sequence);
  const publicKey = fields.take(tags.sequence);
  fields.optional(context(1, false));
  fields.optional(context(2, false));
  const extensions = fields.optional(context(3));
  fields.end();
  return { bytes, issuer, subject, serial, notBeforeMs, notAfterMs, publicKey, ...extensionsOf(extensions), signed: { bytes: tbs.whole, algorithm, signature } };
}

/** Whether these bytes are a certificate that can be read here. */
export function isCertificate(bytes: Uint8Array): boolean {
  try {
    parseCertificate(bytes);
    return true;
  } catch (error) {
    if (error instanceof Malformed) return false;
    throw error;
  }
}

function extensionsOf(der: Der | null): Pick<Certificate, "keyId" | "isAuthority" | "pathLength" | "keyUsage" | "purposes" | "hasUnknown"> {
  const found = { keyId: null as Uint8Array | null, isAuthority: false, pathLength: null as number | null, keyUsage: null as Set<number> | null, purposes: null as Certificate["purposes"], hasUnknown: false };
  const seen = new Set<string>();
  for (const extension of der === null ? [] : allOf(inside(der, tags.sequence))) {
    const fields = fieldsOf(expectSequence(extension));
    const id = oidOf(fields.take(tags.oid));
    const critical = fields.optional(tags.boolean);
    const isCritical = critical !== null && booleanOf(critical);
    const value = fields.take(tags.octetString).content;
    fields.end();
    if (seen.has(id)) throw new Malformed("a certificate with an extension twice");
    seen.add(id);
    if (id === ids.keyId) found.keyId = readDer(value, tags.octetString).content;
    else if (id === ids.keyUsage) found.keyUsage = bitsOf(readDer(value, tags.bitString));
    else if (id === ids.purposes) found.purposes = { isCritical, oids: allOf(readDer(value, tags.sequence)).map(oidOf) };
    else if (id === ids.basicConstraints) {
      const constraints = fieldsOf(readDer(value, tags.sequence));
      const authority = constraints.optional(tags.boolean);
      const length = constraints.optional(tags.integer);
      constraints.end();
      found.isAuthority = authority !== null && booleanOf(authority);
      found.pathLength = length === null ? null : countOf(length);
    } else if (isCritical && !harmless.includes(id)) found.hasUnknown = true;
  }
  return found;
}

function expectSequence(der: Der): Der {
  if (der.tag !== tags.sequence) throw new Malformed("an extension that is none");
  return der;
}

/** Numbers of the bits that are set; bit 0 is the first one. */
function bitsOf({ content }: Der): Set<number> {
  const [unused = 8, ...bytes] = content;
  if (unused > 7 || bytes.length > 8) throw new Malformed("a key usage that cannot be read");
  return new Set(bytes.flatMap((byte, at) => [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => ((byte >> (7 - bit)) & 1 ? [8 * at + bit] : []))));
}

/** The name that people know a subject by: its common name, else its organization. */
export function nameOf({ subject }: Pick<Certificate, "subject">): string {
  const parts = allOf(subject).flatMap(allOf).map((part) => {
    const fields = fieldsOf(part);
    return [oidOf(fields.take(tags.oid)), new TextDecoder().decode(fields.next().content).replaceAll(/\p{C}/gu, "\ufffd").slice(0, 200)] as const;
  });
  return (parts.find(([id]) => id === "2.5.4.3") ?? parts.find(([id]) => id === "2.5.4.10"))?.[1] ?? "without a name";
}

/** A chain is as long as there are people to answer for it; and each try costs a verification. */
const maxChain = 6;
const maxTries = 32;

/**
 * The chain from a certificate to one of the roots, each link verified, valid at that time, and allowed to issue what it issued. Roots
 * are believed as they are given. Throws Malformed, with the nearest reason, where there is none.
 */
export async function chainTo(roots: readonly Certificate[], end: Certificate, others: readonly Certificate[], atMs: number): Promise<readonly Certificate[]> {
  let tries = 0;
  let reason = `${nameOf(end)} is not certified by an authority that is trusted here`;

  async function extend(chain: readonly Certificate[]): Promise<readonly Certificate[] | null> {
    const last = chain.at(-1)!;
    const problem = problemOf(last, chain.length - 1, atMs);
    if (problem !== null) {
      reason = problem;
      return null;
    }
    if (roots.some((root) => sameBytes(root.bytes, last.bytes))) return chain;
    if (chain.length >= maxChain) return null;
    for (const issuer of [...roots, ...others]) {
      if (!sameBytes(issuer.subject.whole, last.issuer.whole) || chain.some((one) => sameBytes(one.bytes, issuer.bytes))) continue;
      if ((tries += 1) > maxTries) throw new Malformed("a timestamp with too many certificates that look alike");
      if (!(await isSignedBy(last, issuer))) continue;
      const found = await extend([...chain, issuer]);
      if (found !== null) return found;
    }
    return null;
  }

  const chain = await extend([end]);
  if (chain === null) throw new Malformed(reason);
  return chain;
}

const isSignedBy = async ({ signed }: Certificate, issuer: Certificate): Promise<boolean> => await verifySignature({ key: issuer.publicKey, algorithm: signed.algorithm }, signed.signature, signed.bytes);

/** Why a certificate cannot stand at this place of a chain; 0 is its end. */
function problemOf(certificate: Certificate, place: number, atMs: number): string | null {
  const name = `the certificate of ${nameOf(certificate)}`;
  const { notBeforeMs, notAfterMs, hasUnknown, isAuthority, pathLength, keyUsage, purposes } = certificate;
  if (atMs < notBeforeMs) return `${name} was not valid yet at that time`;
  if (atMs > notAfterMs) return `${name} had expired at that time`;
  if (hasUnknown) return `${name} has a critical extension that is not known here`;
  if (place === 0) return null;
  if (!isAuthority || keyUsage?.has(usage.certSign) === false) return `${name} may not issue others`;
  if (pathLength !== null && place - 1 > pathLength) return `${name} may not stand so far above the end of a chain`;
  if (purposes !== null && !purposes.oids.some((oid) => oid === timeStamping || oid === anyPurpose)) return `${name} may not issue for timestamps`;
  return null;
}
