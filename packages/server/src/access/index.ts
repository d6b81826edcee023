export { createApiKeys, type ApiKey, type ApiKeys } from "./api-keys.ts";
export { principalOf, type PortalApp, type RouteAccess } from "./http.ts";
export { permissions, profileNames, type Permission } from "./permissions.ts";
export { actorOf, can, makePrincipal, scopeOf, type Principal, type Scope } from "./principal.ts";
export { createSessions, type Sessions } from "./sessions.ts";
