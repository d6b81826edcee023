/** The door of ingest: every way a call comes in. */
export { createSiprecServer } from "./siprec/server.ts";
export type { SiprecServer, SiprecServerOptions, SiprecStats } from "./siprec/server.ts";
export type { Trunk } from "./siprec/session.ts";
export { defaultLimits } from "./siprec/transport.ts";
export type { TransportLimits, TransportStats } from "./siprec/transport.ts";
