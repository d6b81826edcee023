/** Certificates made for tests: authorities and clients, as PEM and as what the handshake hands over. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface TestCertificate {
  readonly pem: string;
  readonly der: Uint8Array;
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface Wanted {
  readonly name: string;
  readonly by?: TestCertificate;
  readonly isAuthority?: boolean;
  readonly from?: Date;
  readonly to?: Date;
  readonly uses?: string[];
}

export async function makeCertificate({ name, by, isAuthority = false, from = new Date("2026-01-01"), to = new Date("2027-01-01"), uses = [] }: Wanted): Promise<TestCertificate> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: by?.certificate.subject ?? `CN=${name}`,
    notBefore: from,
    notAfter: to,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: (by?.keys ?? keys).privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, true),
      ...(isAuthority ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)] : []),
      ...(uses.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(uses)]),
    ],
  });
  return { pem: certificate.toString("pem"), der: new Uint8Array(certificate.rawData), certificate, keys };
}
