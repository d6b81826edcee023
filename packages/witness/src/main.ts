#!/usr/bin/env node
/** The witness as a program of its own. */
import { Failure, runCommand } from "./command.ts";

try {
  const server = await runCommand(process.argv.slice(2), {
    print: (line) => void process.stdout.write(`${line}\n`),
    report: (sentence) => void process.stderr.write(`${sentence}\n`),
    env: process.env,
  });
  const stop = (): void => void server?.close();
  process.once("SIGTERM", stop).once("SIGINT", stop);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`earwitness witness: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
