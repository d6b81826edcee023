export { parseProvision, ProvisionMistakes, type Provision } from "./provision-file.ts";
export { provision, type Provisioned } from "./provision.ts";
export { createTenant, listTenants, type EnsureKey, type NewTenant, type Tenant, type TenantsContext } from "./tenants.ts";
