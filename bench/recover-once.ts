/** Recovers what lies in a directory as made-spool.ts leaves it, with the code of a checkout, and says what it took. Arguments: checkout, directory. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type * as Logs from "../packages/server/src/log/index.ts";
import type * as Recovery from "../packages/server/src/recorder/recover.ts";
import type * as Vaults from "../packages/server/src/vault/index.ts";

export interface Recovered {
  readonly recordings: number;
  readonly packets: number;
  readonly cpuMs: number;
  readonly tookMs: number;
  readonly lookedMs: number;
}

const [checkout = "", dir = ""] = process.argv.slice(2);
const source = join(checkout, "packages/server/src");
const { findLeftBehind } = (await import(join(source, "recorder/recover.ts"))) as typeof Recovery;
const { createVault, createLocalStore, createFileKeystore, createFileKeyring } = (await import(join(source, "vault/index.ts"))) as typeof Vaults;
const { createLog } = (await import(join(source, "log/index.ts"))) as typeof Logs;

const tenantId = readFileSync(join(dir, "tenant"), "utf8");
const vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
const tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
const before = process.cpuUsage();
const began = performance.now();
const left = await findLeftBehind({ spoolDir: join(dir, "spool"), vault, tenantOf: () => tenant, now: () => new Date(), log: createLog("warn") });
const lookedMs = performance.now() - began;
let [recordings, packets] = [0, 0];
await left.recover(({ summary }) => {
  recordings += 1;
  packets += summary.tracks.reduce((sum, track) => sum + track.packets, 0);
});
const tookMs = performance.now() - began;
const { user, system } = process.cpuUsage(before);
await vault.close();
console.log(JSON.stringify({ recordings, packets, cpuMs: Math.round((user + system) / 1000), tookMs: Math.round(tookMs), lookedMs: Math.round(lookedMs) } satisfies Recovered));
