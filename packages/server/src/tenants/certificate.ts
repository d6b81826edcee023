import { X509Certificate } from "node:crypto";

export type ReadCertificates = { readonly ok: true; readonly certificates: readonly string[] } | { readonly ok: false; readonly message: string };

const block = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]*-----END \1-----/g;
const mostInOne = 10;

/** The certificates in a text that somebody pasted, each in PEM as this program writes it. The text is never repeated: it may hold a key. */
export function readCertificates(text: string): ReadCertificates {
  const blocks = [...text.matchAll(block)].map(([pem, label]) => ({ pem, label: label! }));
  if (/PRIVATE KEY/.test(text)) return { ok: false, message: "holds a private key. It belongs to the client alone and was not kept; paste the certificate only" };
  if (blocks.length === 0) return { ok: false, message: "is no certificate in PEM form (-----BEGIN CERTIFICATE----- …)" };
  if (blocks.length > mostInOne) return { ok: false, message: `holds ${blocks.length} certificates; name the client's or its authority's, at most ${mostInOne}` };
  const certificates: string[] = [];
  for (const { pem, label } of blocks) {
    if (label !== "CERTIFICATE" && label !== "X509 CERTIFICATE" && label !== "TRUSTED CERTIFICATE") return { ok: false, message: `holds a ${label}, not a certificate` };
    try {
      certificates.push(new X509Certificate(pem).toString().trim());
    } catch {
      return { ok: false, message: "cannot be read: it is damaged, or was cut while copying" };
    }
  }
  return { ok: true, certificates: [...new Set(certificates)] };
}
