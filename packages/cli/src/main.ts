import { createProgram } from "./program.ts";
import { createControlClient, dataDirectory, Failure } from "./control-client.ts";

/** Exit codes: 0 done; 1 refused, failed or no server; 2 wrong usage. Results go to stdout, everything else to stderr. */
const dataDir = dataDirectory(process.env, process.getuid?.());
const program = createProgram(createControlClient(dataDir), dataDir, (line) => process.stdout.write(`${line}\n`), (line) => process.stderr.write(`${line}\n`));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof Failure) {
    process.stderr.write(`earwitness: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else if (error instanceof Error && "exitCode" in error && typeof error.exitCode === "number") {
    // Commander has said already what was wrong.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    throw error;
  }
}
