/** An installation that is changed in one place after the other: a log, the recordings whose rows it holds, their files, and what is set up. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { systemClock } from "../../../packages/server/src/clock/index.ts";
import { createDb, withTenant, type Db, type TenantTransaction } from "../../../packages/server/src/db/index.ts";
import { appendMany, changeLogKey, commandLine, createLogSigner, erase } from "../../../packages/server/src/evidence/index.ts";
import type { Finding } from "../../../packages/server/src/fsck/index.ts";
import { newUuid } from "../../../packages/server/src/ids/index.ts";
import { createCompaction } from "../../../packages/server/src/recorder/index.ts";
import { sealCall, type SealedCallOptions } from "../../../packages/server/src/recorder/test-sealed-call.ts";
import { addTenant, createTestLogs, quietLog } from "../../../packages/server/src/testing/index.ts";
import { createTenant } from "../../../packages/server/src/tenants/index.ts";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault } from "../../../packages/server/src/vault/index.ts";
import { fileChanges, type FileChange } from "./file-places.ts";
import { fsckIn, fsckOn, nodeId, type Checked } from "./fsck-in-transaction.ts";
import { logChanges } from "./log-places.ts";
import { recordingChanges } from "./recording-places.ts";
import { setUp } from "./set-up.ts";
import { settingChanges } from "./setting-places.ts";
import { entriesOf, setBack, type Change, type Changes, type Done, type Stage } from "./stage.ts";
import { createRandom, type Random, type Tallies } from "./tally.ts";

export interface TamperedInstallation {
  /** Makes so many changes, each of a kind and at a place of its own; with `only`, the one of this number. */
  tamper(count: number, tallies: Tallies, only?: number): Promise<void>;
  /** Looks so many times at what nobody touched, each time in another state. */
  look(count: number, tallies: Tallies): Promise<void>;
  close(): Promise<void>;
}

class RolledBack extends Error {}

/** `rows`: of the log; more than a tile of them, so that the tree has two levels. */
export async function createTamperedInstallation({ db, superuserUrl, seed, rows = 300, calls = 3 }: { readonly db: Db; readonly superuserUrl: string; readonly seed: number; readonly rows?: number; readonly calls?: number }): Promise<TamperedInstallation> {
  const random = createRandom(seed);
  const superuser = createDb({ url: superuserUrl, log: quietLog, poolSize: 2 });
  const dir = await mkdtemp(join(tmpdir(), "earwitness-tamper-"));
  const storeDir = join(dir, "store");
  const vault = createVault({ store: createLocalStore(storeDir), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const logs = createTestLogs();
  const sequencer = logs.sequencer(db, { beatMs: 5 });
  const slug = `tampered-${seed}`;
  const { tenantId } = await createTenant({ db, clock: systemClock, nodeId, ensureKey: (id) => vault.keyring.ensure(id) }, { slug, displayName: "Contoso" }, commandLine);
  await setUp(db, tenantId, nodeId);
  const otherTenantId = await addTenant(db);

  const recordings: { recordingId: string; interactionId: string }[] = [];
  for (let n = 0; n < calls; n += 1) {
    const made = await sealCall({ db, vault }, tenantId, { nodeId, seconds: 6, ...callOf(n) });
    const keys = await vault.keyring.ensure(tenantId);
    if (n === 0) await createCompaction({ db, vault, nodeId, clock: systemClock, tenantOf: () => ({ tenantId, ...keys }) })({ tenantId, recordingId: made.recordingId });
    recordings.push(made);
  }
  const act = { actor: commandLine, occurredAt: new Date(), nodeId };
  let [size, erasedUpTo] = [0, 0];
  while (size < rows) {
    const some = 1 + random.below(8);
    await withTenant(db, tenantId, (tx) => appendMany(tx, Array.from({ length: some }, () => entryOf(random))));
    size = (await sequencer.keep(tenantId))!.size;
    if (size > rows / 2 && (await logs.seeds.read(tenantId)).length === 1 && random.below(10) === 0) await changeLogKey({ db, seeds: logs.seeds, clock: systemClock, nodeId }, tenantId, { reason: "yearly", by: commandLine, isLost: false });
    if (size < rows / 3 || erasedUpTo > 0) continue;
    await withTenant(db, tenantId, (tx) => erase(tx, { ...act, which: { actorId: "leaver" }, reason: "Article 17" }));
    erasedUpTo = size = (await sequencer.keep(tenantId))!.size;
  }
  const checkedAs = { tenant: { tenantId, slug }, vault, logs };
  // A check leaves a row that says how many checkpoints there were.
  const before = await fsckOn(db, { ...checkedAs, remembered: logs.remembered.get(tenantId)! });
  if (before.length > 0) throw new Error(`the installation does not agree before anything was changed: ${JSON.stringify(before)}`);
  size = (await sequencer.keep(tenantId))!.size;
  await sequencer.close();
  const known = await withTenant(db, tenantId, async (tx) => ({
    vkeys: (await tx.selectFrom("log_keys").select("vkey").orderBy("created_at").execute()).map(({ vkey }) => vkey),
    origin: (await tx.selectFrom("logs").select("origin").executeTakeFirstOrThrow()).origin,
    checkpoints: await tx.selectFrom("checkpoints").select(["size", "note"]).orderBy("size").execute(),
    entries: await entriesOf(tx),
  }));
  const signer = createLogSigner(known.origin, (await logs.seeds.read(tenantId)).at(-1)!);
  const stageWith = (its: Random): Stage => ({ tenantId, otherTenantId, size, recordings, storeDir, signer, random: its, ...known });
  const checked: Checked = { ...checkedAs, remembered: logs.remembered.get(tenantId)! };

  /** Above every rule of the database, and then the check with the rights that it has. */
  async function inTransaction(work: (tx: TenantTransaction) => Promise<void>): Promise<void> {
    await withTenant(superuser, tenantId, async (tx) => {
      await sql`select set_config('role', 'none', true), set_config('session_replication_role', 'replica', true)`.execute(tx);
      await work(tx);
      throw new RolledBack();
    }).catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  }

  function told(kind: string, place: number, { what, names }: Done, findings: readonly Finding[], tallies: Tallies): void {
    tallies.tried(kind, { noticed: findings.length > 0, named: names(findings), what: `place ${place}: ${what}; said: ${JSON.stringify(findings.slice(0, 4))}` });
  }

  /** False where a rule of the table refuses it. */
  async function tryRow(place: number, kind: string, change: Change, stage: Stage, tallies: Tallies): Promise<boolean> {
    let isTaken = true;
    await inTransaction(async (tx) => {
      let done: Done;
      try {
        done = await change(tx, stage);
      } catch (error) {
        if (!/^(22|23)/.test(String((error as { code?: unknown }).code))) throw error;
        isTaken = false;
        return;
      }
      told(kind, place, done, await fsckIn(tx, checked), tallies);
    });
    return isTaken;
  }

  async function tryFile(place: number, kind: string, change: FileChange, stage: Stage, tallies: Tallies): Promise<boolean> {
    const { putBack, ...done } = await change(stage);
    try {
      await inTransaction(async (tx) => told(kind, place, done, await fsckIn(tx, checked), tallies));
    } finally {
      await putBack();
    }
    return true;
  }

  return {
    async tamper(count, tallies, only) {
      for (let place = only ?? 0, last = only ?? count - 1; place <= last; place += 1) {
        // Each place has numbers of its own, so that one that failed can be tried again by itself.
        const stage = stageWith(createRandom(seed * 1_000_003 + place));
        for (let isTaken = false; !isTaken; ) {
          const { kind, ...one } = stage.random.pick(weighted);
          isTaken = "row" in one ? await tryRow(place, kind, one.row, stage, tallies) : await tryFile(place, kind, one.file, stage, tallies);
        }
      }
    },
    async look(count, tallies) {
      const stage = stageWith(random);
      for (let n = 0; n < count; n += 1) {
        await inTransaction(async (tx) => {
          // As it was when it had so many rows, and was signed then; what is another tenant's does not matter to it.
          const kept = random.pick(stage.checkpoints.filter((one) => one.size >= erasedUpTo));
          await setBack(tx, stage, kept.size, kept.note);
          if (random.below(2) === 0) await sql`delete from evidence where tenant_id = ${otherTenantId}`.execute(tx);
          tallies.honest("an installation in any state it had", await fsckIn(tx, { ...checked, remembered: kept.note }));
        });
      }
    },
    async close() {
      await superuser.close();
      await vault.close();
      await rm(dir, { recursive: true });
    },
  };
}

const weigh = <One, Named>(changes: Changes<One>, name: (one: One) => Named): (Named & { readonly kind: string })[] => changes.flatMap(([kind, weight, change]) => Array.from({ length: weight }, () => ({ kind, ...name(change) })));
const weighted: readonly ({ readonly kind: string } & ({ readonly row: Change } | { readonly file: FileChange }))[] = [...weigh(logChanges, (row) => ({ row })), ...weigh(recordingChanges, (row) => ({ row })), ...weigh(settingChanges, (row) => ({ row })), ...weigh(fileChanges, (file) => ({ file }))];

/** One that is compacted, one that keeps what came, and then those that nobody answered. */
function callOf(n: number): SealedCallOptions {
  if (n === 0) return { codecs: ["PCMU", "G722"], interaction: { personId: newUuid(), sysCallId: "first@sbc.example", chainId: "c1" } };
  return n === 1 ? { codecs: ["OPUS"] } : { codecs: [], interaction: { answeredAtMs: null, answering: null, releaseCause: "Abandoned" } };
}

const names = ["Adele Vance", "Megan Bowen", "ΑΒΓ", "Zoë 🎧", "O'Neil", ""];
const entryOf = (random: Random) =>
  ({
    actor: { kind: random.pick(["person", "api_key", "machine", "job"] as const), id: random.pick(["a", "b", "leaver"]), name: random.pick(names) },
    action: random.pick(["View", "Modify", "Play", "Piece Stored"] as const),
    item: random.pick(["Call", "User", "Trunk"] as const),
    ...(random.below(3) === 0 ? {} : { subject: random.bytes(6).toString("hex") }),
    ...(random.below(2) === 0 ? {} : { reason: `Case ${random.below(100)}` }),
    ...(random.below(2) === 0 ? {} : { remoteAddress: `192.0.2.${random.below(255)}` }),
    occurredAt: new Date(Date.now() - random.below(100_000)),
    nodeId: random.pick(["n1", "n2"]),
    detail: { name: random.pick(names), n: random.below(1_000_000) / 100, list: [random.below(5), null, "x"], deep: { is: random.below(2) === 0 } },
  }) as const;
