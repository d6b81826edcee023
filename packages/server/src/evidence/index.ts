export { append, appendMany, type Actor, type EvidenceEntry } from "./append.ts";
