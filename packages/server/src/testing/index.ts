export { createTestDatabase, type TestDatabase } from "./test-database.ts";
export { addTenant, quietLog } from "./test-tenant.ts";
