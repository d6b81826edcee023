export { addressOf, contacts, contosoApp, contosoCare, contosoDomain, contosoPeople, contosoTenant, findContact, outsideCallers } from "./contoso.ts";
export type { Contact, ContosoPerson, ContosoQueue, OutsideCaller } from "./contoso.ts";
export { provision, sbcAddress } from "./provision.ts";
export type { Provision } from "./provision.ts";

export { createIdentity } from "./identity/provider.ts";
export type { Identity, IdentityOptions } from "./identity/provider.ts";

export { renderTone } from "./phone/audio.ts";
export type { Audio, TonePlan } from "./phone/audio.ts";
export { createPacer } from "./phone/pacer.ts";
export type { Pacer } from "./phone/pacer.ts";
export { CallRefused, placeCall } from "./phone/place-call.ts";
export type { CallPlan, EndedBy, PartyPlan, PlacedCall } from "./phone/place-call.ts";
export type { PacketFate } from "./phone/rtp-sender.ts";
export { createSipLine, SipTimeout } from "./phone/sip-line.ts";
export type { SipLine } from "./phone/sip-line.ts";

export { speak } from "./speech/speak.ts";
export { voiceNames } from "./speech/voices.ts";
export type { VoiceName } from "./speech/voices.ts";

export { createOffice } from "./office.ts";
export type { Office } from "./office.ts";

export { contosoGroups, createContosoDirectory } from "./graph/contoso-directory.ts";
export { createGraphDirectory } from "./graph/directory.ts";
export type { GraphDirectory, GraphGroup, GraphUser } from "./graph/directory.ts";
export { createGraph } from "./graph/server.ts";
export type { Fault, SandboxGraph, SandboxGraphOptions } from "./graph/server.ts";
