export { createControl, type Control, type ControlOptions } from "./control.ts";
export { formatOpenApi } from "./openapi.ts";
export { createPortal, sessionCookieName, type Portal, type PortalOptions } from "./server.ts";
export type { BackupAges, MetricSources, SipReading } from "./metrics.ts";
export { readCredentials, type Credentials } from "./guard.ts";
