/** Who sends a request, before anything of it is believed: what the wire says of the sender, and whose trunk that makes it. */
import type { X509Certificate } from "node:crypto";
import type { InvitationReason } from "@earwitness/contract";
import { checkClientCertificate, pinnedCertificates } from "./client-certificate.ts";
import { createNetworkIndex, networkOf, plainAddress, type NetworkIndex } from "./network-index.ts";

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
  | {
      readonly kind: "trunk";
      readonly trunk: IdentifiedTrunk;
      /** Set where no trunk has the recording address that was called, and the sender's own decided: in words, for the person who set up the trunk. */
      readonly unknownAddress?: string;
    }
  | {
      readonly kind: "refused";
      readonly reason: Extract<InvitationReason, "SOURCE_NOT_ALLOWED" | "TRUNK_OFF" | "TLS_REQUIRED" | "CERTIFICATE_MISSING" | "CERTIFICATE_UNKNOWN">;
      /** In words, for the person who set up the trunk. */
      readonly explanation: string;
      /**
       * Whose page shows the refusal: the trunk whose recording address was called, or that claims the network; without one,
       * the installation's only tenant. Null: nobody's.
       */
      readonly concerns: { readonly tenantId: string; readonly trunkId: string | null; readonly trunkName: string | null } | null;
    };

/** What identification looks at; the node's snapshot has it. */
export interface KnownSenders {
  /** Trunks the oldest first: of those that name the same network, the first one gets what calls none of their addresses. */
  readonly tenants: readonly { readonly tenantId: string; readonly sandbox: boolean; readonly trunks: readonly KnownTrunk[] }[];
}

export interface KnownTrunk {
  readonly trunkId: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly sourceNetworks: readonly string[];
  readonly transport: "any" | "tls";
  readonly media: "any" | "srtp";
  /** PEM. */
  readonly certificates: readonly string[];
  readonly recordingUser: string | null;
  readonly digest: DigestCredentials | null;
}

interface Candidate {
  readonly trunk: IdentifiedTrunk;
  readonly known: KnownTrunk;
  readonly pinned: readonly X509Certificate[];
}

interface Index {
  readonly networks: NetworkIndex<Candidate>;
  readonly byRecordingUser: ReadonlyMap<string, Candidate>;
  /** The tenant that nobody's calls concern: the only one, or the only one that is not made up. */
  readonly onlyTenantId: string | null;
}

/** Made once for each snapshot. */
const indexes = new WeakMap<KnownSenders, Index>();

function indexOf(snapshot: KnownSenders): Index {
  const made = indexes.get(snapshot);
  if (made !== undefined) return made;
  const candidates = snapshot.tenants.flatMap(({ tenantId, trunks }) =>
    trunks.map((known): Candidate => ({ known, pinned: pinnedCertificates(known.certificates), trunk: { tenantId, trunkId: known.trunkId, trunkName: known.name, media: known.media, digest: known.digest } })),
  );
  const real = snapshot.tenants.filter(({ sandbox }) => !sandbox);
  const only = snapshot.tenants.length === 1 ? snapshot.tenants : real.length === 1 ? real : [];
  const index: Index = {
    networks: createNetworkIndex(candidates.flatMap((candidate) => candidate.known.sourceNetworks.map((network) => [network, candidate] as const))),
    byRecordingUser: new Map(candidates.flatMap((candidate) => (candidate.known.recordingUser === null ? [] : [[candidate.known.recordingUser, candidate] as const]))),
    onlyTenantId: only[0]?.tenantId ?? null,
  };
  indexes.set(snapshot, index);
  return index;
}

/**
 * Whose trunk a request is. The address decides, and nothing that the sender says, but for one thing: whoever calls a
 * trunk's own recording address is held against that trunk alone, so that its page can say what was wrong. The most
 * specific network over all tenants wins; one that two tenants claim alike is nobody's, because recording a call for the
 * wrong one would be worse than not recording it. Of trunks of one tenant that claim it alike the oldest wins: a new one
 * takes no calls away from those that there are.
 */
export function identify(snapshot: KnownSenders, claim: Claim, now: Date = new Date()): Identified {
  const { networks, byRecordingUser, onlyTenantId } = indexOf(snapshot);
  const matches = networks.find(claim.remoteAddress);
  const named = claim.recordingUser === null || claim.recordingUser.length > 64 ? undefined : byRecordingUser.get(claim.recordingUser.toLowerCase());
  if (named !== undefined) {
    const isAllowed = matches.some(({ claims }) => claims.includes(named));
    return isAllowed ? admit(named, claim, now) : refused("SOURCE_NOT_ALLOWED", notAllowed(named, plainAddress(claim.remoteAddress)), concerning(named));
  }
  const [best] = matches;
  if (best === undefined) {
    const concerns = onlyTenantId === null ? null : { tenantId: onlyTenantId, trunkId: null, trunkName: null };
    return refused("SOURCE_NOT_ALLOWED", `The call came from ${plainAddress(claim.remoteAddress)}, which no trunk allows. Allow it on the trunk that it belongs to, or have the client call that trunk's recording address.`, concerns);
  }
  // A trunk that is off gives way to one of the same tenant that is not, and contests nothing.
  const on = best.claims.filter(({ known }) => known.enabled);
  const claims = on.length > 0 ? on : best.claims;
  if (new Set(claims.map(({ trunk }) => trunk.tenantId)).size > 1) {
    return refused("SOURCE_NOT_ALLOWED", `The call came from ${plainAddress(claim.remoteAddress)}. More than one tenant claims ${networkOf(claim.remoteAddress, best.bits)}: nobody is recorded from there until the operator has settled whose it is.`, null);
  }
  const chosen = claims[0]!;
  const admitted = admit(chosen, claim, now);
  if (claim.recordingUser === null) return admitted;
  const wider = matches.slice(1).flatMap(({ claims }) => claims.filter(({ known, trunk }) => known.enabled && trunk.tenantId === chosen.trunk.tenantId));
  const noted = takenByAddress(chosen, claim.recordingUser, networkOf(claim.remoteAddress, best.bits), claims.slice(1), wider);
  return admitted.kind === "trunk" ? { ...admitted, unknownAddress: noted } : { ...admitted, explanation: `${admitted.explanation} ${noted}` };
}

/** Whether any trunk, of whatever tenant, names the address. */
export function isTrunkAddress(snapshot: KnownSenders, remoteAddress: string): boolean {
  return indexOf(snapshot).networks.find(remoteAddress).length > 0;
}

function admit(candidate: Candidate, claim: Claim, now: Date): Identified {
  const { known, pinned, trunk } = candidate;
  const name = `Trunk “${known.name}”`;
  const refuse = (reason: Extract<Identified, { kind: "refused" }>["reason"], explanation: string) => refused(reason, explanation, concerning(candidate));
  if (!known.enabled) return refuse("TRUNK_OFF", `${name} is switched off. Switch it on to record its calls.`);
  const over = claim.transport === "udp" ? "UDP" : "TCP without TLS";
  if (known.transport === "tls" && claim.transport !== "tls") return refuse("TLS_REQUIRED", `${name} takes calls over TLS only, and this one came over ${over}. Set the client to TLS, or allow other transports on the trunk.`);
  if (known.certificates.length > 0) {
    if (claim.transport !== "tls") return refuse("CERTIFICATE_MISSING", `${name} asks for a client certificate, which only TLS can carry, and the call came over ${over}. Set the client to TLS.`);
    if (claim.certificates.length === 0) return refuse("CERTIFICATE_MISSING", `${name} asks for a client certificate, and the client sent none. Install one in the client and have it used for this connection (mutual TLS).`);
    const verdict = checkClientCertificate(pinned, claim.certificates, now);
    if (!verdict.ok) return refuse("CERTIFICATE_UNKNOWN", verdict.message);
  }
  return { kind: "trunk", trunk };
}

type Refused = Extract<Identified, { kind: "refused" }>;

const refused = (reason: Refused["reason"], explanation: string, concerns: Refused["concerns"]): Refused => ({ kind: "refused", reason, explanation, concerns });
const concerning = ({ trunk }: Candidate) => ({ tenantId: trunk.tenantId, trunkId: trunk.trunkId, trunkName: trunk.trunkName });

/** One address reads better without saying that it is one. */
const shortNetwork = (network: string): string => network.replace(/^(.*\.\d+)\/32$|^(.*:.*)\/128$/, "$1$2");

/** The user part is the sender's word: shown as far as one of ours could be long, and without what no address may hold. */
function takenByAddress(chosen: Candidate, user: string, network: string, alike: readonly Candidate[], wider: readonly Candidate[]): string {
  const shown = user.length > 32 ? `${user.slice(0, 32)}…` : user;
  const same = otherThan(chosen, alike);
  const larger = otherThan(chosen, wider);
  const why =
    same.length > 0
      ? `, as ${named(same)} ${same.length === 1 ? "does, and is the older one" : "do, and is the oldest one"}`
      : larger.length > 0
        ? `, a smaller network than ${named(larger)} ${larger.length === 1 ? "has" : "have"}`
        : "";
  return `It called the user “${shown.replaceAll(/[^\x20-\x7e…]/g, "\ufffd")}”, which is no trunk's recording address; trunk “${chosen.known.name}” was chosen because it allows ${shortNetwork(network)}${why}. Enter the trunk's own recording address in the client.`;
}

const otherThan = (chosen: Candidate, all: readonly Candidate[]): Candidate[] => [...new Set(all)].filter((candidate) => candidate !== chosen);
const named = (others: readonly Candidate[]): string => (others.length === 1 ? `trunk “${others[0]!.known.name}”` : `${others.length} other trunks`);

const mostNamed = 5;

function notAllowed({ known }: Candidate, address: string): string {
  const networks = known.sourceNetworks.map(shortNetwork);
  const came = `The call came from ${address}, which trunk “${known.name}” does not allow`;
  if (networks.length === 0) return `${came}: it allows no address yet. Allow this one if it is your client's.`;
  const more = networks.length > mostNamed ? ` and ${networks.length - mostNamed} more` : "";
  return `${came}. It allows ${networks.slice(0, mostNamed).join(", ")}${more}. Allow the address if it is your client's, or have the client send from one that is allowed.`;
}
