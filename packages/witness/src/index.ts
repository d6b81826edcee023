export { Failure, runCommand, type CommandIo } from "./command.ts";
export type { WitnessServer } from "./server.ts";
