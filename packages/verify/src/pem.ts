/** Certificates in PEM (RFC 7468), as files of authorities have them: one after the other, text between them is passed over. */
import { fromBase64 } from "./base64.ts";
import { Malformed } from "./note.ts";

export function readPemCertificates(pem: string): Uint8Array[] {
  const found = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)].map(([, body = ""]) => {
    const bytes = fromBase64(body.replaceAll(/\s/g, ""));
    if (bytes === null) throw new Malformed("a certificate in PEM that cannot be read");
    return bytes;
  });
  if (found.length === 0) throw new Malformed("there is no certificate in PEM");
  return found;
}
