/** A timestamp authority (RFC 3161): when a checkpoint was there already, by a clock that is not ours. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { formatTimestampRequest, isCertificate, Malformed, readPemCertificates, readTimestampResponse, stampedDigest, verifyTimestamp } from "@earwitness/verify";
import { messageOf } from "#errors";
import type { OutsideSigner, Signing } from "./outside-signer.ts";
import { post } from "./post.ts";

export interface TimestampAuthority {
  readonly url: string;
  /** Certificates (DER) that a chain may end at. */
  readonly roots: readonly Uint8Array[];
  /** The policy to ask for; null for the authority's own. */
  readonly policy: string | null;
}

/** Of a PEM file; without one, those that Node comes with, as far as they can be read here. */
export async function trustedRoots(path: string | null): Promise<readonly Uint8Array[]> {
  if (path !== null) return readPemCertificates(await readFile(path, "utf8"));
  return rootCertificates.flatMap(readPemCertificates).filter(isCertificate);
}

export function createTimestampSigner({ url, roots, policy }: TimestampAuthority): OutsideSigner {
  return {
    name: new URL(url).host,
    has: ({ timestampToken }) => timestampToken !== null,
    async sign(_tenantId, { note }): Promise<Signing> {
      const digest = stampedDigest(note);
      // Not negative and without a zero before it: one number has one form.
      const nonce = randomBytes(16);
      nonce[0] = 1 + (nonce[0]! % 0x7f);
      const asked = { ...(policy === null ? {} : { policy }), digest, nonce };
      const answer = await post(url, formatTimestampRequest(asked), { headers: { "content-type": "application/timestamp-query" } });
      if (answer.kind === "none") return { kind: "unreachable", why: answer.why };
      if (answer.status !== 200) return { kind: answer.status >= 500 || answer.status === 429 ? "unreachable" : "refused", why: `it answered ${answer.status}` };
      try {
        const timestampToken = readTimestampResponse(answer.body);
        await verifyTimestamp(timestampToken, { ...asked, roots });
        return { kind: "signed", added: { timestampToken } };
      } catch (error) {
        if (error instanceof Malformed) return { kind: "refused", why: messageOf(error) };
        throw error;
      }
    },
  };
}
