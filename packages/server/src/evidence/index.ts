export { append, appendMany, type Actor, type EvidenceEntry } from "./append.ts";
export { appendOnce } from "./append-once.ts";
export { commandLine, isOperator, provisionFile } from "./operator.ts";
