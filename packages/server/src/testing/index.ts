export { databaseUrl } from "./test-server.ts";
export { createTestDatabase, type TestDatabase } from "./test-database.ts";
export { schemaText } from "./schema-text.ts";
export { addProfile, addTenant, quietLog } from "./test-tenant.ts";
export { killRounds, type Killed } from "./kill-rounds.ts";
export { createTestLogs, type TestLogs } from "./test-logs.ts";
export { createClusterCopies } from "./prepared-cluster.ts";
