export { append, type Actor, type EvidenceEntry } from "./append.ts";
