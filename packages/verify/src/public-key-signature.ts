/** Signatures of certificates and timestamps (RFC 4055, 5480, 5758): RSA, PKCS #1 v1.5 and PSS, and ECDSA on P-256 and P-384, by the platform's WebCrypto. */
import { bitStringOf, context, countOf, fieldsOf, inside, integerOf, oidOf, readDer, tags, type Der, type Fields } from "./der.ts";
import { Malformed } from "./note.ts";

export type HashName = "SHA-256" | "SHA-384" | "SHA-512";

const hashes: Readonly<Record<string, HashName>> = { "2.16.840.1.101.3.4.2.1": "SHA-256", "2.16.840.1.101.3.4.2.2": "SHA-384", "2.16.840.1.101.3.4.2.3": "SHA-512" };
const rsaWithHash: Readonly<Record<string, HashName>> = { "1.2.840.113549.1.1.11": "SHA-256", "1.2.840.113549.1.1.12": "SHA-384", "1.2.840.113549.1.1.13": "SHA-512" };
const ecdsaWithHash: Readonly<Record<string, HashName>> = { "1.2.840.10045.4.3.2": "SHA-256", "1.2.840.10045.4.3.3": "SHA-384", "1.2.840.10045.4.3.4": "SHA-512" };
const rsaEncryption = "1.2.840.113549.1.1.1";
const rsaPss = "1.2.840.113549.1.1.10";
const mgf1 = "1.2.840.113549.1.1.8";
const ecPublicKey = "1.2.840.10045.2.1";
const curves: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = { "1.2.840.10045.3.1.7": { name: "P-256", bytes: 32 }, "1.3.132.0.34": { name: "P-384", bytes: 48 } };

type Algorithm = { readonly kind: "rsa"; readonly hash: HashName } | { readonly kind: "pss"; readonly hash: HashName; readonly saltLength: number } | { readonly kind: "ecdsa"; readonly hash: HashName };

/** SHA-1 and older are refused, here as everywhere. */
export function hashNameOf(algorithm: Der): HashName {
  const fields = fieldsOf(algorithm);
  const name = hashes[oidOf(fields.take(tags.oid))];
  endOfParameters(fields);
  if (name === undefined) throw new Malformed("a hash function that is not accepted: SHA-256, SHA-384 or SHA-512 are");
  return name;
}

/** No parameters, or NULL: both are written for the same. */
function endOfParameters(fields: Fields): void {
  fields.optional(tags.null);
  fields.end();
}

/** `digest` is the hash of a CMS signer, whose algorithm may be “RSA” without saying with which. */
function algorithmOf(der: Der, digest: HashName | null): Algorithm {
  const fields = fieldsOf(der);
  const oid = oidOf(fields.take(tags.oid));
  if (oid === rsaPss) return pssOf(fields);
  endOfParameters(fields);
  const rsa = oid === rsaEncryption ? digest : rsaWithHash[oid];
  if (rsa !== null && rsa !== undefined) return { kind: "rsa", hash: rsa };
  const ecdsa = ecdsaWithHash[oid];
  if (ecdsa !== undefined) return { kind: "ecdsa", hash: ecdsa };
  throw new Malformed(`a signature of a kind that is not accepted (${oid})`);
}

/** RFC 4055 §3.1. What is left away there means SHA-1, which is refused. */
function pssOf(fields: Fields): Algorithm {
  const parameters = fieldsOf(fields.take(tags.sequence));
  fields.end();
  const hash = parameters.optional(context(0));
  const mask = parameters.optional(context(1));
  const salt = parameters.optional(context(2));
  const trailer = parameters.optional(context(3));
  parameters.end();
  if (hash === null || mask === null) throw new Malformed("an RSA-PSS signature with SHA-1");
  const name = hashNameOf(inside(hash, tags.sequence));
  const generator = fieldsOf(inside(mask, tags.sequence));
  if (oidOf(generator.take(tags.oid)) !== mgf1 || hashNameOf(generator.take(tags.sequence)) !== name) throw new Malformed("an RSA-PSS signature whose mask is of another hash function");
  generator.end();
  if (trailer !== null && countOf(inside(trailer, tags.integer)) !== 1) throw new Malformed("an RSA-PSS signature with another trailer");
  const saltLength = salt === null ? 20 : countOf(inside(salt, tags.integer));
  if (saltLength > 64) throw new Malformed("an RSA-PSS signature with a salt that is too long");
  return { kind: "pss", hash: name, saltLength };
}

/** Whether this key (a SubjectPublicKeyInfo) signed the message. Every argument may come from an attacker. */
export async function verifySignature(by: { readonly key: Der; readonly algorithm: Der; readonly digest?: HashName }, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  const algorithm = algorithmOf(by.algorithm, by.digest ?? null);
  const outer = fieldsOf(by.key);
  const kind = fieldsOf(outer.take(tags.sequence));
  const material = bitStringOf(outer.take(tags.bitString));
  outer.end();
  const oid = oidOf(kind.take(tags.oid));
  if (oid === rsaEncryption && algorithm.kind !== "ecdsa") {
    endOfParameters(kind);
    checkRsaKey(material);
    const name = algorithm.kind === "rsa" ? "RSASSA-PKCS1-v1_5" : "RSA-PSS";
    const key = await importKey(by.key, { name, hash: algorithm.hash });
    return await crypto.subtle.verify(algorithm.kind === "rsa" ? { name } : { name, saltLength: algorithm.saltLength }, key, signature.slice(), message.slice());
  }
  if (oid === ecPublicKey && algorithm.kind === "ecdsa") {
    const curve = curves[oidOf(kind.take(tags.oid))];
    kind.end();
    if (curve === undefined || material.length !== 1 + 2 * curve.bytes || material[0] !== 0x04) throw new Malformed("a key on a curve that is not accepted: P-256 and P-384 are");
    const raw = rawSignature(signature, curve.bytes);
    if (raw === null) return false;
    const key = await importKey(by.key, { name: "ECDSA", namedCurve: curve.name });
    return await crypto.subtle.verify({ name: "ECDSA", hash: algorithm.hash }, key, raw, message.slice());
  }
  throw new Malformed("a key that does not go with the signature, or of a kind that is not accepted");
}

async function importKey({ whole }: Der, algorithm: { readonly name: string; readonly hash?: string; readonly namedCurve?: string }): Promise<Awaited<ReturnType<typeof crypto.subtle.importKey>>> {
  try {
    return await crypto.subtle.importKey("spki", whole.slice(), algorithm, false, ["verify"]);
  } catch {
    throw new Malformed("a public key that is none");
  }
}

/** A short key can be broken, and a huge one costs whoever checks it. */
function checkRsaKey(material: Uint8Array): void {
  const fields = fieldsOf(readDer(material, tags.sequence));
  const modulus = integerOf(fields.take(tags.integer));
  const exponent = integerOf(fields.take(tags.integer));
  fields.end();
  const bytes = modulus[0] === 0 ? modulus.length - 1 : modulus.length;
  if (modulus[0]! >= 0x80 || bytes < 256 || bytes > 1024 || exponent.length > 5 || exponent[0]! >= 0x80) throw new Malformed("an RSA key that is not accepted: 2048 to 8192 bits are");
}

/** ECDSA's two numbers, which are DER here and side by side in WebCrypto; null where they are no such numbers. */
function rawSignature(signature: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> | null {
  const fields = fieldsOf(readDer(signature, tags.sequence));
  const raw = new Uint8Array(2 * bytes);
  for (const end of [bytes, 2 * bytes]) {
    const written = integerOf(fields.take(tags.integer));
    if (written[0]! >= 0x80) return null;
    const number = written[0] === 0 ? written.subarray(1) : written;
    if (number.length > bytes) return null;
    raw.set(number, end - number.length);
  }
  fields.end();
  return raw;
}
