/*
 * Twenty writers of evidence, a sequencer and a checkpoint keeper, as a server has them, until somebody kills it: for tests that kill
 * one. Every id is printed once its transaction has committed, which is when a server would answer.
 *
 * node write-evidence.ts <database URL> <directory of keys and heads> <tenant id> …
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "#clock";
import { createDb, isConnectionError, withTenant } from "#db";
import { append, createSequencer } from "#evidence";
import { createLog } from "#log";
import { createCheckpointKeeper } from "#transparency";
import { createFileLogHeads, createFileLogSeeds } from "#vault";

const [url, dir, ...tenantIds] = process.argv.slice(2);
if (url === undefined || dir === undefined || tenantIds.length === 0) throw new Error("which database, directory and tenants?");
const log = createLog("silent");
const db = createDb({ url, log, poolSize: 24 });
const sequencer = createSequencer({ db, clock: systemClock, log, nodeId: "n1", seeds: createFileLogSeeds(join(dir, "keys")), heads: createFileLogHeads(join(dir, "log")), originOf: (tenantId) => `earwitness.example/log/${tenantId}`, beatMs: 10, batchRows: 50 });
createCheckpointKeeper({ db, sequencer, log, everyMs: 50, afterKept: [{ name: "cosign", run: async () => ({ lines: [] }) }] });

for (let writer = 0; writer < 20; writer += 1) void write(writer, tenantIds[writer % tenantIds.length]!);

async function write(writer: number, tenantId: string): Promise<void> {
  for (let n = 0; ; n += 1) {
    const id = await tryWrite(writer, n, tenantId);
    if (id !== null) writeSync(1, `${tenantId} ${id}\n`); // in the pipe before anything else happens: a kill loses nothing that was said
  }
}

/** Null where the database could not be reached, as on a machine with too much to do: the row may be there or not, and nobody is told that it is. */
async function tryWrite(writer: number, n: number, tenantId: string): Promise<string | null> {
  try {
    return await withTenant(db, tenantId, (tx) =>
      append(tx, { actor: { kind: "machine", id: `writer-${writer}`, name: "Writer" }, action: "Play", item: "Call", subject: `${writer}-${n}`, occurredAt: new Date(), nodeId: "n1", detail: { n } }),
    );
  } catch (error) {
    if (!isConnectionError(error)) throw error;
    return null;
  }
}
