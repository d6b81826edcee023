export { append, appendAll, type Actor, type EvidenceEntry } from "./append.ts";
