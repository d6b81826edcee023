/**
 * Whether a client's certificate is one that its trunk names, or was issued by one of them. The handshake has proven that
 * the client holds the key; everything else here comes from the client, malformed or not, so the work is bounded: as many
 * certificates, as long keys and as many signatures as any real chain has.
 */
import { X509Certificate } from "node:crypto";

export type CertificateVerdict = { readonly ok: true } | { readonly ok: false; readonly message: string };

const mostSent = 6;
const largestBytes = 16_384;
const mostSignatures = 24;
const mostRsaBits = 8_192;

/** Certificates of a trunk, parsed; those that cannot be read are left out. */
export function pinnedCertificates(pems: readonly string[]): X509Certificate[] {
  return pems.flatMap((pem) => parse(pem) ?? []);
}

export function checkClientCertificate(pinned: readonly X509Certificate[], sent: readonly Uint8Array[], now: Date): CertificateVerdict {
  const [leaf, ...others] = sent.slice(0, mostSent).map((der) => (der.length > largestBytes ? null : parse(der)));
  if (leaf === undefined || leaf === null) return { ok: false, message: "The client's certificate cannot be read." };
  const name = nameOf(leaf.subject);
  const time = outOfTime(leaf, now);
  if (time !== null) return { ok: false, message: `The client's certificate “${name}” ${time}. Install a current one in the client.` };
  const use = wrongUse(leaf);
  if (use !== null) return { ok: false, message: `The client's certificate “${name}” ${use}.` };
  if (pinned.some((one) => one.raw.equals(leaf.raw))) return { ok: true };

  let signatures = 0;
  const issued = (by: X509Certificate, certificate: X509Certificate): boolean => {
    if (!by.ca || !isIssuer(certificate, by) || !hasPlainKey(by) || ++signatures > mostSignatures) return false;
    return verifies(certificate, by);
  };
  const between = others.filter((certificate) => certificate !== null);
  let current = leaf;
  let expired: X509Certificate | null = null;
  for (let depth = 0; depth <= mostSent; depth++) {
    const authority = pinned.find((candidate) => issued(candidate, current));
    if (authority !== undefined) {
      if (outOfTime(authority, now) === null) return { ok: true };
      expired = authority;
      break;
    }
    const next = between.find((candidate) => outOfTime(candidate, now) === null && issued(candidate, current));
    if (next === undefined) break;
    between.splice(between.indexOf(next), 1);
    current = next;
  }
  if (expired !== null) return { ok: false, message: `The authority “${nameOf(expired.subject)}” that issued the client's certificate “${name}” ${outOfTime(expired, now)}. Put its new certificate on the trunk.` };
  return {
    ok: false,
    message: `The client's certificate “${name}”, issued by “${nameOf(leaf.issuer)}” and good until ${dateOf(leaf.validTo)}, is none that the trunk names and was issued by none of them. Put it, or its authority's, on the trunk.`,
  };
}

/** For the trunk's page: what is wrong with a certificate that it names, or soon will be. */
export function certificateProblems(pems: readonly string[], now: Date): string[] {
  const soonMs = 30 * 24 * 3_600_000;
  return pems.flatMap((pem) => {
    const certificate = parse(pem);
    if (certificate === null) return ["A certificate cannot be read."];
    const name = nameOf(certificate.subject);
    const time = outOfTime(certificate, now);
    if (time !== null) return [`The certificate “${name}” ${time}.`];
    const use = certificate.ca ? null : wrongUse(certificate);
    if (use !== null) return [`The certificate “${name}” ${use}.`];
    return Date.parse(certificate.validTo) - now.getTime() < soonMs ? [`The certificate “${name}” expires on ${dateOf(certificate.validTo)}.`] : [];
  });
}

function parse(certificate: Uint8Array | string): X509Certificate | null {
  try {
    return new X509Certificate(certificate);
  } catch {
    return null; // not a certificate: what that means is the caller's to say
  }
}

function isIssuer(certificate: X509Certificate, by: X509Certificate): boolean {
  try {
    return certificate.checkIssued(by);
  } catch {
    return false; // a name or extension that OpenSSL cannot read
  }
}

function verifies(certificate: X509Certificate, by: X509Certificate): boolean {
  try {
    return certificate.verify(by.publicKey);
  } catch {
    return false; // a signature algorithm that does not fit the key
  }
}

/** Keys whose checking takes what is expected of it: RSA up to 8192 bits, named curves, Ed25519 and Ed448. */
function hasPlainKey({ publicKey }: X509Certificate): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
    if (asymmetricKeyType === "rsa" || asymmetricKeyType === "rsa-pss") return (asymmetricKeyDetails?.modulusLength ?? Infinity) <= mostRsaBits;
    if (asymmetricKeyType === "ec") return asymmetricKeyDetails?.namedCurve !== undefined;
    return asymmetricKeyType === "ed25519" || asymmetricKeyType === "ed448";
  } catch {
    return false; // no key that OpenSSL knows
  }
}

function outOfTime({ validFrom, validTo }: X509Certificate, now: Date): string | null {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  if (!(from <= now.getTime())) return `is not valid before ${dateOf(validFrom)}`;
  return to >= now.getTime() ? null : `expired on ${dateOf(validTo)}`;
}

/** TLS client, TLS server (what border controllers are mostly given), SIP domain (RFC 5924), any. */
const goodUses = new Set(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.20", "2.5.29.37.0"]);

function wrongUse({ keyUsage }: X509Certificate): string | null {
  // Node calls the extended key usage so; undefined where the certificate does not restrict it.
  if (keyUsage === undefined || keyUsage.length === 0 || keyUsage.some((use) => goodUses.has(use))) return null;
  return "is not meant for TLS (extended key usage)";
}

/** The common name where there is one, else the whole subject; from the client, so cut. */
function nameOf(subject: string | undefined): string {
  const lines = (subject ?? "").split("\n");
  const common = lines.find((line) => line.startsWith("CN="))?.slice(3);
  return [...(common ?? lines.join(", "))].slice(0, 100).join("").replaceAll(/\p{Cc}/gu, " ") || "without a name";
}

function dateOf(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "an unreadable date" : date.toISOString().slice(0, 10);
}
