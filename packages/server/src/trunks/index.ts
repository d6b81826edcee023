export type { Claim, DigestCredentials, Identified, IdentifiedTrunk } from "./identify.ts";
export type { AnsweredInvitation, InvitationLog, TraceEntry } from "./invitation-log.ts";
export { contestedNetworks, matchTrunk, type KnownTrunks, type TrunkMatch } from "./match-trunk.ts";
