export { expand, readExpression, type Expression } from "./expression.ts";
export { networksOverlap, readNetwork } from "./network.ts";
export { parseProvision, ProvisionMistakes, type Provision } from "./provision-file.ts";
export { provision, type Provisioned } from "./provision.ts";
export { newRecordingUser } from "./recording-user.ts";
export { isStorable, unstorableTexts } from "./storable-text.ts";
export { createTenant, listTenants, viewTenants, type EnsureKey, type NewTenant, type Tenant, type TenantsContext } from "./tenants.ts";
export { oldestFirst, storedTrunk, trunkColumns, trunkSettings } from "./trunk-row.ts";
export { checkTrunkSettings, newTrunk, plainMatching, plainNumbers, type SettingsMistake } from "./trunk-settings.ts";
