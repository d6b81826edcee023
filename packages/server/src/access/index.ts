export { createApiKeys, type ApiKey, type ApiKeys } from "./api-keys.ts";
export { entityTag, refuseStale } from "./entity-tag.ts";
export { originOf, principalKey, principalOf, type Origin, type PortalApp, type RouteAccess } from "./http.ts";
export { permissions, profileNames, type Permission } from "./permissions.ts";
export { actorOf, can, makePrincipal, scopeOf, type Principal, type Scope } from "./principal.ts";
export type { OidcSettings } from "./oidc.ts";
export { createQuota, type Quota } from "./quota.ts";
export { accessRoutes, type AccessRoutesOptions } from "./routes.ts";
export { createSessions, type Sessions } from "./sessions.ts";
