/** What the command line does on this machine in its own process: it reads backups, restores while nothing runs, and checks the installation whether it runs or not. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { InstallationPlaces } from "@earwitness/contract/control";
import { formatVkey, parseVkey, type NoteKey } from "@earwitness/verify";
import { openCluster, restoreDatabase, verifyBackups, type ClusterBackups, type Restored, type Verification } from "#backup";
import { systemClock } from "#clock";
import { createDb, createEmbeddedPostgres, withTenant } from "#db";
import { commandLine } from "#evidence";
import { checkInstallation, createProgressFile, createSecondLook, Interrupted, meanings, parts, verdictOf, type CheckedInteraction, type CheckedTenant, type CheckReport, type Finding, type HowFar, type Part, type Verdict } from "#fsck";
import { keepVerification, type Finding as InteractionFinding } from "#interactions";
import { createLog } from "#log";
import { loadNodeIdentity } from "#nodes";
import { listTenants } from "#tenants";
import { createFileKeyring, createFileKeystore, createFileLogHeads, createFileLogSeeds, createLocalStore, createVault, restoreKeystore, type RestoredKeys } from "#vault";
import { parseConfig } from "./config.ts";
import { leaveAct } from "./installation-acts.ts";
import { takeRunLock } from "./run-lock.ts";

export { Interrupted, meanings, parts, verdictOf, type CheckReport, type Finding, type HowFar, type Part };
export { openCluster, verifyBackups, type ClusterBackups, type Restored, type Verification };

export interface RestoreRequest {
  readonly baseDir: string;
  readonly sandbox: boolean;
  readonly backupDir: string;
  readonly systemIdentifier: string | null;
  readonly to: string;
  readonly timeline: number | null;
  readonly progress: (text: string) => void;
}

export interface KeystoreRestoreRequest {
  readonly baseDir: string;
  readonly sandbox: boolean;
  readonly backupDir: string;
}

/** Puts back the keys that are missing. */
export async function restoreKeys({ baseDir, sandbox, backupDir }: KeystoreRestoreRequest): Promise<RestoredKeys> {
  const lock = await takeRunLock(baseDir, 0);
  try {
    const dataDir = dataDirOf(baseDir, sandbox);
    const done = await restoreKeystore(backupDir, join(dataDir, "keystore"));
    await leaveAct(dataDir, { action: "Restored", item: "Storage", by: "command line", detail: { name: "keystore", keys: done.restored } }, systemClock.now());
    return done;
  } finally {
    await lock.release();
  }
}

const dataDirOf = (baseDir: string, sandbox: boolean): string => (sandbox ? join(baseDir, "sandbox") : baseDir);

/** Holds the lock of the server meanwhile: neither runs while the other does. */
export async function restore({ baseDir, sandbox, ...request }: RestoreRequest): Promise<Restored> {
  const lock = await takeRunLock(baseDir, 0);
  try {
    const dataDir = dataDirOf(baseDir, sandbox);
    const done = await restoreDatabase({ ...request, dataDir, clock: systemClock, log: createLog("silent") });
    await leaveAct(dataDir, { action: "Restored", item: "Storage", by: "command line", detail: { name: "database", restoredTo: done.restoredTo.toISOString(), wanted: request.to, base: done.base, missing: done.missing } }, systemClock.now());
    return done;
  } finally {
    await lock.release();
  }
}

export interface FsckRequest {
  /** As the running server says; null where none runs. */
  readonly places: InstallationPlaces | null;
  /** What the server would be started with; for a server that does not run. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number | null;
  /** Short name; null for all. */
  readonly tenant: string | null;
  readonly parts: readonly Part[];
  readonly goesOn: boolean;
  readonly progressFile: string;
  readonly trusted: readonly NoteKey[];
  readonly found: (finding: Finding) => void;
  readonly howFar: (how: HowFar) => void;
  readonly signal: AbortSignal;
}

/** Evidence gets its place in a quarter of a second, and an alarm after five: what still differs behind that is no hurry. */
const patience = { pauseMs: 2_500, looks: 2 };
const youngMs = 10 * 60_000;
/** One for what is checked, one for what is looked up meanwhile, one to spare: the recorder has ten. */
const connections = 3;

/** Reads everything through connections of its own, a few at a time, and writes one row of evidence for each tenant. */
export async function fsck(request: FsckRequest): Promise<CheckReport> {
  const { places, close } = await findPlaces(request);
  const log = createLog("silent");
  const db = createDb({ url: places.databaseUrl, ...(places.poolUrl === null ? {} : { poolUrl: places.poolUrl }), log, poolSize: connections });
  const { dataDir, nodeId } = places;
  const vault = createVault({ store: createLocalStore(join(dataDir, "store")), keystore: createFileKeystore(join(dataDir, "keystore")), keyring: createFileKeyring(join(dataDir, "keys")) });
  try {
    const heads = createFileLogHeads(join(dataDir, "log"));
    const listed = await listTenants(db);
    const all: CheckedTenant[] = [...listed];
    // One whose row somebody deleted has a log that this node signed: it is checked by its id.
    for (const tenantId of await heads.list()) if (!all.some((tenant) => tenant.tenantId === tenantId)) all.push({ tenantId, slug: tenantId });
    const tenants = all.filter(({ slug }) => request.tenant === null || slug === request.tenant);
    if (tenants.length === 0 && request.tenant !== null) throw new Error(`there is no tenant “${request.tenant}”; ${all.length === 0 ? "there is none yet" : `there are ${all.map(({ slug }) => slug).join(", ")}`}`);
    return await checkInstallation({
      db,
      vault,
      nodeId,
      tenants,
      seeds: createFileLogSeeds(join(dataDir, "keys", "log")),
      heads,
      witnesses: places.witnesses.map(({ url, vkey }) => ({ url, key: parseVkey(vkey) })),
      trusted: request.trusted,
      clock: systemClock,
      twice: createSecondLook(patience),
      youngMs,
      parts: request.parts,
      goesOn: request.goesOn,
      progressFile: createProgressFile(request.progressFile),
      found: request.found,
      howFar: request.howFar,
      onChecked: async (interactionId, checked) => {
        if (listed.some(({ tenantId }) => tenantId === checked.tenantId)) await withTenant(db, checked.tenantId, (tx) => keepVerification(tx, { actor: commandLine, occurredAt: checked.at }, findingOf(interactionId, checked)));
      },
      signal: request.signal,
    });
  } finally {
    await vault.close();
    await db.close();
    await close();
  }
}

const results = { agrees: "holds", differs: "differs", "not checked": "incomplete", note: "holds" } as const;

function findingOf(interactionId: string, { result, findings, checkpoint }: CheckedInteraction): InteractionFinding {
  const told = (verdict: Verdict): string[] => findings.filter((finding) => verdictOf(finding) === verdict).map(({ where, says }) => `${where}: ${says}`);
  // Where something differs or could not be read, nobody can say of a part that it holds.
  const checked = result === "agrees" || result === "note" ? ["Every second of every track, in the store, against the recording's manifest.", "The manifest against its row in the signed log, and the interaction against the manifest."] : [];
  return { interactionId, means: "fsck", result: results[result], checked, differing: told("differs"), checkpoint };
}

/** Without a running server the embedded database is started for as long as the check takes, and the server is kept out meanwhile. */
async function findPlaces({ places, env, uid }: FsckRequest): Promise<{ places: InstallationPlaces; close: () => Promise<void> }> {
  if (places !== null) return { places, close: async () => undefined };
  const { baseDir, dataDir, database, witnesses, nodeId: configuredId } = parseConfig(env, uid);
  const { nodeId } = existsSync(join(dataDir, "node")) ? await loadNodeIdentity(join(dataDir, "node"), configuredId) : { nodeId: configuredId ?? "" };
  const found = { nodeId, dataDir, poolUrl: database.poolUrl, witnesses: witnesses.map(({ url, key }) => ({ url, vkey: formatVkey(key) })) };
  if (database.url !== null) return { places: { ...found, databaseUrl: database.url }, close: async () => undefined };
  if (!existsSync(join(dataDir, "postgres"))) throw new Error(`there is no installation in ${dataDir}: no server runs there, and no database is there`);
  const lock = await takeRunLock(baseDir, 0);
  try {
    const server = await createEmbeddedPostgres({ dataDir, log: createLog("silent") });
    return {
      places: { ...found, databaseUrl: server.url },
      close: async () => {
        await server.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
