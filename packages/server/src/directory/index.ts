export { findPerson, matchPerson, type DirectoryPerson, type KnownPeople, type MatchingRules, type PersonFound } from "./match-person.ts";
export { readAddress, type ReadAddress } from "./read-address.ts";
export { findGroups, mostGroupsInDelta, readGroups, readMembers, readUsers, type DirectoryGroup, type DirectoryUser, type GroupChange, type UserChange } from "./graph/directory-reads.ts";
export { createGraphClient, type Asking, type BatchResult, type DeltaPage, type GraphClient, type GraphSettings, type Page } from "./graph/graph-client.ts";
export { GraphError, type GraphErrorKind } from "./graph/graph-error.ts";
export type { Limits, Usage, World } from "./graph/send.ts";
