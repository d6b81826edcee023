export { chooseGroups, mostChosen, type DirectoryGroupNamed } from "./chosen-groups.ts";
export { peopleRoutes } from "./routes.ts";
export { replicateGroups, type GroupsReport } from "./replicate-groups.ts";
export { replicateUsers, type Replicating, type ReplicationReport } from "./replicate-users.ts";
export type { Act, PeopleOptions } from "./act.ts";
