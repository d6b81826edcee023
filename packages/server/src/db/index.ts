export { isConnectionError, pingDb } from "./availability.ts";
export { migrate } from "./migrate.ts";
export { ensurePartitions, makePartitionsAhead } from "./partitions.ts";
export { connectDirect, createDb, type Db, type DbOptions } from "./pool.ts";
export type { Database } from "./schema.ts";
export { countInteractions, searchColumns, searchInteractionIds, type FoundInteraction, type InteractionSearch } from "./search.ts";
export { withSystem, withTenant, type SystemTransaction, type TenantTransaction } from "./tenant.ts";
export { createEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from "./embedded.ts";
