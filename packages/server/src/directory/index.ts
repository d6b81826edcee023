export { findPerson, matchPerson, type DirectoryPerson, type KnownPeople, type MatchingRules, type PersonFound } from "./match-person.ts";
export { readAddress, type ReadAddress } from "./read-address.ts";
