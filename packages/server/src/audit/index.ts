export { auditRoutes, type AuditRoutesOptions } from "./routes.ts";
