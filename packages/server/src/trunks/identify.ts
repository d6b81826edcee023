/** Who sends a request, before anything of it is believed: what the wire says of the sender, and whose trunk that makes it. */
import type { InvitationReason } from "@earwitness/contract";

export interface Claim {
  /** As the kernel saw it. */
  readonly remoteAddress: string;
  readonly transport: "udp" | "tcp" | "tls";
  /** User part of the Request-URI: a trunk has a recording address of its own. The sender's word. */
  readonly recordingUser: string | null;
  /** The client's certificate (DER) and the ones it sent with it, leaf first; empty where there is none. Proven by the handshake, not yet trusted. */
  readonly certificates: readonly Uint8Array[];
}

/** Digest credentials (RFC 8760): H(username:realm:password) in hex, so that the password is kept nowhere. */
export interface DigestCredentials {
  readonly username: string;
  readonly realm: string;
  readonly ha1Md5: string;
  readonly ha1Sha256: string;
}

export interface IdentifiedTrunk {
  readonly tenantId: string;
  readonly trunkId: string;
  readonly trunkName: string;
  /** `srtp`: an offer of media in the clear is refused. */
  readonly media: "any" | "srtp";
  /** Null: the client is not asked to authenticate. */
  readonly digest: DigestCredentials | null;
}

export type Identified =
  | { readonly kind: "trunk"; readonly trunk: IdentifiedTrunk }
  | {
      readonly kind: "refused";
      readonly reason: Extract<InvitationReason, "SOURCE_NOT_ALLOWED" | "TRUNK_OFF" | "TLS_REQUIRED" | "CERTIFICATE_MISSING" | "CERTIFICATE_UNKNOWN">;
      /** In words, for the person who set up the trunk. */
      readonly explanation: string;
      /** Whose page shows the refusal: the trunk whose recording address was called, or that claims the network. Null: nobody's. */
      readonly concerns: { readonly tenantId: string; readonly trunkId: string; readonly trunkName: string } | null;
    };
