/** An installation to be checked, and spoiled: database, vault, a log with its keys, and calls that were really sealed. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { systemClock } from "#clock";
import { withTenant, type Db } from "#db";
import { append, type Sequencer } from "#evidence";
import { checkInstallation, createSecondLook, parts, type CheckedTenant, type CheckOptions, type CheckReport, type ProgressFile } from "#fsck";
import { createCompaction } from "#recorder";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "#vault";
import { createTestDatabase, type TestDatabase } from "./test-database.ts";
import { createTestLogs, type TestLogs } from "./test-logs.ts";
import { addSealingTenant } from "./test-portal.ts";

/** Makes a finished recording, as the recorder's own tests do. */
type SealCall<Options> = (stage: { readonly db: Db; readonly vault: Vault }, tenantId: string, options: Options & { readonly nodeId: string }) => Promise<{ interactionId: string; recordingId: string }>;

export interface TestInstallation<Options = object> {
  readonly db: Db;
  readonly database: TestDatabase;
  readonly superuser: Client;
  readonly vault: Vault;
  readonly logs: TestLogs;
  readonly sequencer: Sequencer;
  readonly dataDir: string;
  readonly storeDir: string;
  /** Written into its table past Earwitness, so that a log begins with what its test writes: the part `settings` is checked where it is asked for. */
  addTenant(): Promise<CheckedTenant>;
  /** So many rows of evidence, with their places. */
  act(tenant: CheckedTenant, count: number): Promise<void>;
  call(tenant: CheckedTenant, options?: Options): Promise<{ interactionId: string; recordingId: string }>;
  compact(tenant: CheckedTenant, recordingId: string): Promise<void>;
  keep(tenant: CheckedTenant): Promise<void>;
  check(tenants: readonly CheckedTenant[], options?: Partial<CheckOptions>): Promise<CheckReport>;
  /** Paths of a recording's files. */
  filesOf(recordingId: string): Promise<string[]>;
  close(): Promise<void>;
}

const nodeId = "node-1";
const by = { kind: "person", id: "0193a1b2-0000-7000-8000-000000000000", name: "Adele Vance" } as const;

export function progressInMemory(text: string | null = null): ProgressFile & { text(): string | null } {
  let held = text;
  return { read: async () => held, write: async (written) => void (held = written), remove: async () => void (held = null), text: () => held };
}

export async function createTestInstallation<Options extends object>(sealCall: SealCall<Options>): Promise<TestInstallation<Options>> {
  const database = await createTestDatabase();
  const { db } = database;
  const dir = await mkdtemp(join(tmpdir(), "earwitness-fsck-"));
  const storeDir = join(dir, "store");
  const vault = createVault({ store: createLocalStore(storeDir), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const logs = createTestLogs();
  const sequencer = logs.sequencer(db);
  const superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  let tenants = 0;

  async function place({ tenantId }: CheckedTenant): Promise<void> {
    const rows = await withTenant(db, tenantId, (tx) => tx.selectFrom("evidence").select("evidence_id").where("tree_index", "is", null).execute());
    if (rows.length > 0) await sequencer.place(tenantId, rows.map(({ evidence_id }) => evidence_id));
  }

  return {
    db,
    database,
    superuser,
    vault,
    logs,
    sequencer,
    dataDir: dir,
    storeDir,
    async addTenant() {
      const slug = `tenant-${(tenants += 1)}`;
      return { tenantId: await addSealingTenant({ db, vault }, slug), slug };
    },
    async act(tenant, count) {
      for (let left = count; left > 0; left -= 500) {
        await withTenant(db, tenant.tenantId, async (tx) => {
          for (let n = 0; n < Math.min(left, 500); n += 1) await append(tx, { actor: by, action: "Play", item: "Call", subject: `call-${n}`, occurredAt: new Date(), nodeId, detail: { name: "Adele Vance", n } });
        });
      }
      await place(tenant);
    },
    async call(tenant, options) {
      const made = await sealCall({ db, vault }, tenant.tenantId, { ...(options ?? ({} as Options)), nodeId });
      await place(tenant);
      return made;
    },
    async compact(tenant, recordingId) {
      const keys = await vault.keyring.ensure(tenant.tenantId);
      await createCompaction({ db, vault, nodeId, clock: systemClock, tenantOf: () => ({ tenantId: tenant.tenantId, ...keys }) })({ tenantId: tenant.tenantId, recordingId });
      await place(tenant);
    },
    keep: async (tenant) => void (await sequencer.keep(tenant.tenantId)),
    check: (checked, options = {}) =>
      checkInstallation({ db, vault, seeds: logs.seeds, heads: logs.heads, witnesses: [], trusted: [], nodeId, clock: systemClock, twice: createSecondLook({ pauseMs: 20, looks: 2 }), youngMs: 0, tenants: checked, parts: parts.filter((part) => part !== "settings"), progressFile: progressInMemory(), goesOn: false, found: () => undefined, howFar: () => undefined, keepMs: 0, ...options }),
    filesOf: async (recordingId) => (await readdir(storeDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && entry.parentPath.endsWith(recordingId)).map((entry) => join(entry.parentPath, entry.name)).toSorted(),
    async close() {
      await superuser.end();
      await sequencer.close();
      await vault.close();
      await database.close();
      await rm(dir, { recursive: true });
    },
  };
}

/** What differs or was not checked, as `CODE where`; what is in order and only worth knowing is left out. */
export const told = (report: CheckReport): string[] => report.findings.filter(({ verdict }) => verdict !== "note").map(({ code, where }) => `${code} ${where}`);
