export { contestedNetworks } from "./contested-networks.ts";
export { identify, isTrunkAddress, type Claim, type DigestCredentials, type Identified, type IdentifiedTrunk, type KnownSenders, type KnownTrunk } from "./identify.ts";
export { createInvitationLog, type AnsweredInvitation, type InvitationLog, type InvitationLogOptions, type LiveInvitationLog, type TraceEntry } from "./invitation-log.ts";
export { recordingAddresses, type SipEntrance } from "./recording-addresses.ts";
export { trunkRoutes, type TrunkRoutesOptions } from "./routes.ts";
export { createTrunkStore, type TrunkStore } from "./trunk-store.ts";
