import type { webcrypto } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "reflect-metadata";
import { BasicConstraintsExtension, PemConverter, X509CertificateGenerator } from "@peculiar/x509";
import type { X509Certificate } from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A certificate made for a test, with its key and those above it. */
export interface TestCertificate {
  readonly pem: string;
  readonly keyPem: string;
  readonly der: Uint8Array;
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

let serial = 0;

/** Signed by `issuer`, or by itself. */
export async function makeCertificate(name: string, issuer: TestCertificate | null = null, { authority = false, notAfter = new Date("2099-01-01") }: { readonly authority?: boolean; readonly notAfter?: Date } = {}): Promise<TestCertificate> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  serial += 1;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(4, "0"),
    subject: `CN=${name}`,
    issuer: issuer?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date("2020-01-01"),
    notAfter,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(authority)],
  });
  const keyPem = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { pem: `${certificate.toString("pem")}\n`, keyPem: `${keyPem}\n`, der: new Uint8Array(certificate.rawData), certificate, keys };
}

/** Files of a certificate that can be renewed in place. */
export interface TestCertificateFiles extends AsyncDisposable {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly authoritiesPath: string | null;
  write(certificate: string, key: string): Promise<void>;
}

export async function certificateFiles(first: TestCertificate, authorities: TestCertificate | null = null): Promise<TestCertificateFiles> {
  const directory = await mkdtemp(join(tmpdir(), "earwitness-tls-"));
  const [certificatePath, keyPath] = [join(directory, "sip.pem"), join(directory, "sip.key")];
  const authoritiesPath = authorities === null ? null : join(directory, "authorities.pem");
  const write = async (certificate: string, key: string): Promise<void> => {
    await writeFile(certificatePath, certificate);
    await writeFile(keyPath, key);
  };
  await write(first.pem, first.keyPem);
  if (authoritiesPath !== null) await writeFile(authoritiesPath, authorities!.pem);
  return { certificatePath, keyPath, authoritiesPath, write, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}
