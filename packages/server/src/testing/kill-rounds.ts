import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCheckpoint, parseNote, treeRoot } from "@earwitness/verify";
import { systemClock } from "#clock";
import { withTenant, type TenantTransaction } from "#db";
import { checkRows, createSequencer, listCheckpoints, openHead, readHashes, rowsOf, sha256, signedHead } from "#evidence";
import { createFileLogHeads, createFileLogSeeds } from "#vault";
import type { TestDatabase } from "./test-database.ts";
import { addTenant, quietLog } from "./test-tenant.ts";

export interface Killed {
  readonly rounds: number;
  /** Rows whose commit was answered before the process died. */
  readonly acknowledged: number;
  readonly rows: number;
  readonly checkpoints: number;
  /** Everything that is not as it should be, in words. */
  readonly wrong: readonly string[];
}

/**
 * Lets a process write evidence with twenty writers in a few tenants, kills it at a random moment, and starts the next on what it left; so
 * many rounds. Then looks whether nothing is missing and rows, log and tree agree.
 */
export async function killRounds(database: Pick<TestDatabase, "db" | "url">, rounds: number, told: (round: number, acknowledged: number, wrong: number) => void = () => undefined): Promise<Killed> {
  const { db } = database;
  const dir = await mkdtemp(join(tmpdir(), "earwitness-kill-"));
  const tenantIds = [await addTenant(db), await addTenant(db), await addTenant(db)];
  const acknowledged = new Map(tenantIds.map((tenantId) => [tenantId, new Set<string>()]));
  const count = (): number => [...acknowledged.values()].reduce((sum, ids) => sum + ids.size, 0);
  const wrong: string[] = [];
  let checkpoints = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      await writeUntilKilled(database.url, dir, tenantIds, (tenantId, id) => acknowledged.get(tenantId)!.add(id));
      for (const tenantId of tenantIds) wrong.push(...(await withTenant(db, tenantId, (tx) => lookAfterKill(tx, dir))).map((what) => `round ${round}, ${tenantId}: ${what}`));
      told(round + 1, count(), wrong.length);
    }

    // The next start places what the last one left behind.
    const sequencer = createSequencer({ db, clock: systemClock, log: quietLog, nodeId: "n1", seeds: createFileLogSeeds(join(dir, "keys")), heads: createFileLogHeads(join(dir, "log")), originOf: (tenantId) => `earwitness.example/log/${tenantId}`, beatMs: 5 });
    let rows = 0;
    try {
      for (const tenantId of tenantIds) {
        const waiting = await withTenant(db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").where("tree_index", "is", null).execute());
        if (waiting.length > 0) await sequencer.place(tenantId, waiting.map(({ evidence_id }) => evidence_id), 60_000);
        await sequencer.keep(tenantId);
        const found = await withTenant(db, tenantId, (tx) => lookAtAll(tx, acknowledged.get(tenantId)!));
        wrong.push(...found.wrong.map((what) => `${tenantId}: ${what}`));
        rows += found.rows;
        checkpoints += found.checkpoints;
      }
      for (const why of sequencer.state().stopped.values()) wrong.push(`a log is stopped: ${why}`);
    } finally {
      await sequencer.close();
    }
    return { rounds, acknowledged: count(), rows, checkpoints, wrong };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Kills it between the first row that it acknowledged and 800 ms later. */
async function writeUntilKilled(url: string, dir: string, tenantIds: readonly string[], acknowledge: (tenantId: string, id: string) => void): Promise<void> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "write-evidence.ts"), url, dir, ...tenantIds], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NODE_OPTIONS: "" } });
  const errors: Buffer[] = [];
  child.stderr.on("data", (part: Buffer) => errors.push(part));
  let rest = "";
  let isAimed = false;
  child.stdout.on("data", (part: Buffer) => {
    if (!isAimed) setTimeout(() => child.kill("SIGKILL"), Math.random() * 800);
    isAimed = true;
    const lines = (rest + part.toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [tenantId, id] = line.split(" ");
      acknowledge(tenantId!, id!);
    }
  });
  const { promise: closed, resolve } = Promise.withResolvers<NodeJS.Signals | null>();
  child.on("close", (_code, signal) => resolve(signal));
  if ((await closed) !== "SIGKILL") throw new Error(`the writers ended by themselves: ${Buffer.concat(errors).toString()}`);
}

/** Before anything is put in order: what is remembered is what the database had, and what was published was remembered before. */
async function lookAfterKill(tx: TenantTransaction, dir: string): Promise<string[]> {
  const wrong: string[] = [];
  const head = await signedHead(tx);
  const log = await tx.selectFrom("logs").selectAll().executeTakeFirst();
  if (log === undefined || head === null) return wrong; // killed before its first batch
  const vkeys = (await tx.selectFrom("log_keys").select("vkey").execute()).map(({ vkey }) => vkey);
  const signed = openHead(head.note, log.origin, vkeys);
  if (signed.size !== log.size || Buffer.compare(signed.root, log.root) !== 0) wrong.push("the signed head is not the log's");
  const name = (await readdir(join(dir, "log")).catch(() => [])).find((file) => file === `${tx.tenantId}.head`);
  const remembered = name === undefined ? null : openHead(await readFile(join(dir, "log", name), "utf8"), log.origin, vkeys);
  if (remembered !== null) {
    if (remembered.size > log.size) wrong.push(`${remembered.size} rows are remembered and the database has ${log.size}`);
    else if (Buffer.compare(await treeRoot(sha256, remembered.size, readHashes(tx, remembered.size)), remembered.root) !== 0) wrong.push("what is remembered is not the beginning of the log");
  }
  const [published] = await listCheckpoints(tx, { limit: 1 });
  if (published !== undefined && published.size > (remembered?.size ?? 0)) wrong.push(`${published.size} rows were published and ${remembered?.size ?? 0} are remembered`);
  const placed = await tx.selectFrom("evidence").select((eb) => [eb.fn.count<number>("tree_index").as("rows"), eb.fn.countAll<number>().as("all"), eb.fn.max("tree_index").as("last")]).executeTakeFirstOrThrow();
  if (placed.rows !== log.size || (placed.last ?? -1) !== log.size - 1) wrong.push(`${placed.rows} rows have places up to ${placed.last}, and the log has ${log.size}`);
  return wrong;
}

async function lookAtAll(tx: TenantTransaction, acknowledged: ReadonlySet<string>): Promise<{ rows: number; checkpoints: number; wrong: string[] }> {
  const wrong: string[] = [];
  const stored = await rowsOf(tx, {});
  const there = new Set(stored.map(({ row }) => row.evidenceId));
  for (const id of acknowledged) if (!there.has(id)) wrong.push(`row ${id} was acknowledged and is not there`);
  stored.forEach(({ treeIndex }, place) => treeIndex !== place && wrong.push(`a row has the place ${treeIndex} instead of ${place}`));
  const { differences } = await checkRows(tx, 0, stored.length);
  for (const difference of differences) wrong.push(JSON.stringify(difference));
  const head = (await signedHead(tx))!;
  if (head.size !== stored.length) wrong.push(`the head is of ${head.size} rows, and there are ${stored.length}`);
  if (Buffer.compare(await treeRoot(sha256, head.size, readHashes(tx)), head.root) !== 0) wrong.push("the tiles do not make up the root");
  const kept = await listCheckpoints(tx, { limit: 100_000 });
  for (const { note, size } of kept) {
    const { root } = parseCheckpoint(parseNote(note).text);
    if (Buffer.compare(await treeRoot(sha256, size, readHashes(tx, size)), root) !== 0) wrong.push(`the checkpoint of ${size} rows is not a beginning of the log`);
  }
  return { rows: stored.length, checkpoints: kept.length, wrong };
}
