export { newestErased } from "./read-telling.ts";
export { stepOf, kinds as tellingKinds, type Step } from "./record-kinds.ts";
export { auditRoutes, type AuditRoutesOptions } from "./routes.ts";
