import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEmbeddedPostgres } from "#db";
import { createLog } from "#log";
import { copyCluster } from "./copy-cluster.ts";

interface PreparedCluster {
  /** The data directory that the cluster was made in. */
  readonly dataDir: string;
  remove(): Promise<void>;
}

/**
 * A cluster that nothing was done in yet, made once and copied for whoever needs a new one: making one takes seconds, and is
 * tested by itself (embedded.test.ts).
 */
export async function prepareCluster(): Promise<PreparedCluster> {
  const dataDir = await mkdtemp(join(tmpdir(), "earwitness-cluster-"));
  await chmod(dataDir, 0o711); // as root, PostgreSQL's own account must be able to pass
  const database = await createEmbeddedPostgres({ dataDir, log: createLog("warn"), settings: { fsync: "off" } });
  await database.close();
  return { dataDir, remove: () => rm(dataDir, { recursive: true, force: true }) };
}

/** For a file of tests: one cluster, made when the first asks for it, and a copy of it in each data directory. */
export function createClusterCopies(): { into(dataDir: string): Promise<void>; remove(): Promise<void> } {
  let prepared: Promise<PreparedCluster> | null = null;
  return {
    into: async (dataDir) => await copyCluster((await (prepared ??= prepareCluster())).dataDir, dataDir),
    remove: async () => await (await prepared)?.remove(),
  };
}
