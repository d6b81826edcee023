export { matchPerson, type DirectoryPerson, type KnownPeople } from "./match-person.ts";
