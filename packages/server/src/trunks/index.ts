export { identify, isTrunkAddress, type Claim, type DigestCredentials, type Identified, type IdentifiedTrunk, type KnownSenders, type KnownTrunk } from "./identify.ts";
export type { AnsweredInvitation, InvitationLog, TraceEntry } from "./invitation-log.ts";
export { contestedNetworks, matchTrunk, type KnownTrunks, type TrunkMatch } from "./match-trunk.ts";
