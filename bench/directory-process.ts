/** The process of bench/directory.ts that reads the directory, so that it can be killed: one run, as a node with the role worker makes it. */
import { join } from "node:path";
import { systemClock } from "../packages/server/src/clock/index.ts";
import { createDb } from "../packages/server/src/db/index.ts";
import { createReplication } from "../packages/server/src/replication/index.ts";
import { quietLog } from "../packages/server/src/testing/index.ts";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault } from "../packages/server/src/vault/index.ts";

const [url = "", dir = "", graphUrl = "", loginUrl = "", tenantId = "", runId = ""] = process.argv.slice(2);
const db = createDb({ url, log: quietLog, poolSize: 4 });
const vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
const replication = createReplication({ db, clock: systemClock, log: quietLog, nodeId: "node-1", vault, graphUrl, loginUrl, announce: () => undefined, enqueue: async () => undefined });
const idleMb = process.memoryUsage().rss / 2 ** 20;
const before = process.cpuUsage();
const from = performance.now();
console.log("begun");
await replication.perform(tenantId, runId, new AbortController().signal);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ seconds: (performance.now() - from) / 1_000, cpuMs: (user + system) / 1_000, idleMb, mostMb: process.resourceUsage().maxRSS / 1_024 }));
await Promise.all([replication.close(), db.close(), vault.close()]);
