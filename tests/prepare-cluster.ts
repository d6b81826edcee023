import { prepareCluster } from "../packages/server/src/testing/prepared-cluster.ts";

/** One new database cluster for the whole run, which every server that a test starts gets a copy of (platform.ts). */
export default async function setup(): Promise<() => Promise<void>> {
  const prepared = await prepareCluster();
  process.env["EARWITNESS_TEST_CLUSTER"] = prepared.dataDir;
  return () => prepared.remove();
}
