import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** As if the embedded database had been started once in `dataDir`, and stopped. */
export async function copyCluster(prepared: string, dataDir: string): Promise<void> {
  const home = join(dataDir, "postgres");
  for (const dir of [dirname(home), home]) await mkdir(dir, { recursive: true, mode: 0o711 });
  await run("cp", ["-a", join(prepared, "postgres/18"), join(home, "18")]);
}
