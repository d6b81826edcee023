export { peopleRoutes } from "./routes.ts";
export { replicateUsers, type Replicating, type ReplicationReport } from "./replicate-users.ts";
