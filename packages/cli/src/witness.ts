/** `earwitness witness …`: the witness's own program, in this process. */
import { Failure as WitnessFailure, runCommand } from "@earwitness/witness";
import { Failure } from "./control-client.ts";

export async function witness(args: readonly string[], print: (line: string) => void): Promise<void> {
  try {
    const server = await runCommand(args, { print, report: (sentence) => void process.stderr.write(`${sentence}\n`), env: process.env });
    const stop = (): void => void server?.close();
    process.once("SIGTERM", stop).once("SIGINT", stop);
  } catch (error) {
    throw error instanceof WitnessFailure ? new Failure(error.message, error.exitCode) : error;
  }
}
