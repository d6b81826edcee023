/** Builds every room by hand, in order, and closes them in reverse. What a room needs from another is a function passed here. */
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { BackupFinding } from "@earwitness/contract/control";
import { controlSocketPath } from "@earwitness/contract/places";
import { formatVkey } from "@earwitness/verify";
import { accessRoutes, createApiKeys, createOpenEmergencies, createSessions, enrollmentUrl, enrollAdministrator, profileRoutes, type OpenEmergencies } from "#access";
import { auditRoutes } from "#audit";
import { checkServer, createBackups, forgetArchive, reportOf, type BackupRun, type Backups } from "#backup";
import { systemClock, type Clock } from "#clock";
import { createDb, createEmbeddedPostgres, createJobs, createNotifier, isConnectionError, makePartitionsAhead, migrate, pingDb, withTenant, type Db, type Notifier } from "#db";
import { matchPerson, readAddress } from "#directory";
import { messageOf, Refusal } from "#errors";
import { append, changeLogKey, createSequencer, provisionFile, type Sequencer } from "#evidence";
import { exportRoutes } from "#export";
import { createSiprecServer, type SiprecStats } from "#ingest";
import { createLive, interactionRoutes, type RecordingActivity } from "#interactions";
import { createLog, type Log } from "#log";
import { createHeartbeat, createSnapshotKeeper, listNodes, loadNodeIdentity, snapshotOf, type SnapshotKeeper, type SnapshotTenant } from "#nodes";
import { peopleRoutes } from "#people";
import { createReplication, replicationRoutes, type Replication } from "#replication";
import { playbackRoutes } from "#playback";
import { ruleVersion } from "#policy";
import { createControl, createPortal, readCredentials, sessionCookieName, type BackupAges, type Credentials, type Portal, type SipReading } from "#portal";
import { createCompaction, openRecordingReader, startRecording, type Recording, type RecordingTenant } from "#recorder";
import { createTenant, listTenants, newTrunk, parseProvision, provision, viewTenants, type Provision, type Tenant } from "#tenants";
import { createInvitationLog, createTrunkStore, identify, isTrunkAddress, recordingAddresses, trunkRoutes, type LiveInvitationLog, type SipEntrance, type TrunkStore } from "#trunks";
import { createCheckpointKeeper, createOutsideSigning, createTimestampSigner, createWitnessSigner, describeCheckpoint, readLogState, transparencyRoutes, trustedRoots, type CheckpointKeeper, type OutsideSigning } from "#transparency";
import { createFileKeyring, createFileKeystore, createFileLogHeads, createFileLogSeeds, createKeystoreBackup, createLocalStore, createVault, readKeyFiles, readOrMakeSecret, type KeystoreBackup, type Vault } from "#vault";
import manifest from "../package.json" with { type: "json" };
import type { Config } from "./config.ts";
import { createActWriter, leaveAct } from "./installation-acts.ts";
import { takeRunLock } from "./run-lock.ts";

export interface App {
  readonly httpPort: number;
  readonly sipPort: number;
  /** Why the database could not be reached at the start; null when it could. */
  readonly databaseAway: string | null;
  /** Takes no new calls from now on. */
  drain(): void;
  close(): Promise<void>;
}

/** Every kind of job there is. */
export const queues = {
  compact_recording: { expireInSeconds: 3_600, prompt: false },
  // One that was left is found and given again by the watch; the queue's own tries would only come later.
  replicate_directory: { expireInSeconds: 3_600, prompt: true, retryLimit: 0 },
} as const;

const { version } = manifest;
const webRoot = resolve(import.meta.dirname, "../../web/dist");
const evidencePage = resolve(import.meta.dirname, "../../evidence-page/dist/index.html");

export async function startApp(config: Config): Promise<App> {
  const log = createLog(config.logLevel);
  const clock = systemClock;
  const closers: [name: string, close: () => Promise<void>][] = [];
  const open = <T extends { close(): Promise<void> }>(name: string, live: T): T => {
    closers.push([name, () => live.close()]);
    return live;
  };
  const closeAll = async (): Promise<void> => {
    for (const [name, closeOne] of closers.splice(0).toReversed()) {
      await closeOne().catch((error: unknown) => log.error({ room: name, err: messageOf(error) }, "did not close in order"));
    }
  };
  // Asked twice (a terminal's Ctrl-C reaches us and whoever started us, who asks as well), it is the same closing.
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= closeAll());
  try {
    return { ...(await build(config, log, clock, open, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Open = <T extends { close(): Promise<void> }>(name: string, live: T) => T;

async function build(config: Config, log: Log, clock: Clock, open: Open, closers: [string, () => Promise<void>][]): Promise<Omit<App, "close">> {
  const wanted = config.provisionFile === null ? null : await readProvision(config.provisionFile);
  const { baseDir, dataDir } = config;
  for (const dir of new Set([baseDir, dataDir])) await makeDataDir(dir);
  const lock = await takeRunLock(baseDir);
  closers.push(["run lock", () => lock.release()]);

  // What must be there before anything else: who we are, keys, and what was known last.
  const node = await loadNodeIdentity(join(dataDir, "node"), config.nodeId);
  const keyDir = join(dataDir, "keys");
  await mkdir(keyDir, { recursive: true, mode: 0o700 });
  const keyring = createFileKeyring(keyDir);
  const keystoreDir = join(dataDir, "keystore");
  const keystoreBackup = config.keystoreBackup === null ? null : open("keystore backup", await createKeystoreBackup({ ...config.keystoreBackup, keystoreDir, clock, log }));
  const vault = open("vault", createVault({ store: createLocalStore(join(dataDir, "store")), keystore: keystoreBackup?.keystore ?? createFileKeystore(keystoreDir), keyring }));

  const { url, backups } = config.database.url === null ? await openEmbedded(config, log, clock, open) : { url: config.database.url, backups: null };
  const db = open("database", createDb({ url, ...(config.database.poolUrl === null ? {} : { poolUrl: config.database.poolUrl }), log }));
  const notifier = open("change notices", createNotifier(db));
  const firstKnown = async () => (wanted === null ? null : await snapshotOf(wanted, ruleVersion, (tenantId) => keyring.ensure(tenantId)));
  const snapshots = open("snapshot", await createSnapshotKeeper({ db, node, dir: join(dataDir, "node"), clock, log, ruleVersion, notifier, firstKnown }));

  const tenantsContext = { db, clock, nodeId: node.nodeId, ensureKey: (tenantId: string) => keyring.ensure(tenantId) };
  const prepare = async (): Promise<void> => {
    await migrate({ url, log, version, beforeUpgrade: async (pending, schema) => await backups?.beforeUpgrade(pending, schema) });
    await makePartitionsAhead(db, clock.now());
    if (!config.sandbox) await refuseSandbox(db);
    if (wanted !== null && (await provision(tenantsContext, wanted)).changes > 0) notifier.announceDirectory();
    await snapshots.refresh();
  };
  // With the database there, everything is ready when we say so. Without it we record from what was known last, and go on trying.
  const preparation = open("database set-up", await prepareWhenThere(prepare, log));
  open("acts of the installation", createActWriter({ dataDir, db, nodeId: node.nodeId, log, ready: preparation.done }));
  const heartbeat = open("heartbeat", createHeartbeat({ db, clock, nodeId: node.nodeId, roles: config.roles, version }));
  const partitions = setInterval(() => void makePartitionsAhead(db, clock.now()).catch((error: unknown) => log.warn({ err: messageOf(error) }, "partitions were not made ahead; trying again")), 6 * 3_600_000);
  closers.push(["partitions", async () => clearInterval(partitions)]);

  // The logs: rows of evidence get their place, and what is signed of them is kept.
  const seeds = createFileLogSeeds(join(keyDir, "log"));
  const sequencer = config.roles.includes("worker")
    ? open(
        "sequencer",
        createSequencer({
          db,
          clock,
          log,
          nodeId: node.nodeId,
          seeds,
          heads: createFileLogHeads(join(dataDir, "log")),
          originOf: (tenantId) => `${new URL(config.http.publicUrl).host}/log/${tenantId}`,
          ready: preparation.done,
        }),
      )
    : null;
  const outside = sequencer === null ? null : open("outside signing", createOutsideSigning({ db, clock, log, signers: await outsideSigners(config, db), tenants: async () => (await listTenants(db)).map(({ tenantId }) => tenantId), ready: preparation.done }));
  const keeper = sequencer === null || outside === null ? null : open("checkpoints", createCheckpointKeeper({ db, sequencer, log, everyMs: config.checkpointMs, afterKept: [outside.afterKept], ready: preparation.done }));
  const logWarnings = (): string[] => [...(sequencer?.warnings() ?? []), ...(outside?.warnings() ?? [])];
  const stopped = (tenantId: string): string | null => sequencer?.state().stopped.get(tenantId) ?? null;

  const emergencies = open("open enrollments", createOpenEmergencies({ db, clock, log, ready: preparation.done }));
  const jobs = open("jobs", createJobs({ url, log, queues }));

  const replication = open(
    "directory",
    createReplication({ db, clock, log, nodeId: node.nodeId, vault, ...config.graph, announce: () => notifier.announceDirectory(), enqueue: (tx, runId) => jobs.enqueue(tx, "replicate_directory", [{ runId }]) }),
  );
  if (config.roles.includes("worker")) {
    jobs.work("replicate_directory", ({ tenantId, runId }, signal) => replication.perform(tenantId, runId!, signal), 2);
    replication.watch(Promise.all([preparation.done, jobs.ready()]).then(() => provisionDirectories(replication, wanted, log)));
  }

  // The recording path.
  const wrappingTenant = (tenantId: string) => tenantOf(snapshots, tenantId)?.wrapping ?? null;
  const activityListeners = new Set<(recordings: readonly RecordingActivity[]) => void>();
  const recording = open(
    "recording",
    await startRecording({
      db,
      vault,
      nodeId: node.nodeId,
      clock,
      log,
      spoolDir: join(dataDir, "spool"),
      keyPath: join(keyDir, "facts.key"),
      workers: config.rtp.workers ?? Math.max(1, availableParallelism() - 1),
      bindAddress: config.rtp.host,
      rtpPorts: [config.rtp.fromPort, config.rtp.toPort],
      udp: config.rtp.udp,
      limits: config.limits,
      tenantOf: wrappingTenant,
      sandboxTrunks: new Set(wanted?.tenants.flatMap(({ trunks }) => trunks.flatMap(({ trunkId, sandbox }) => (sandbox ? [trunkId] : [])))),
      trunkOf: (tenantId, trunkId) => recordingTenant(snapshots, tenantId, trunkId),
      notReady: () => {
        const state = snapshots.state();
        return [
          ...(config.roles.includes("recorder") ? [] : ["this node does not record: EARWITNESS_ROLES names no recorder"]),
          ...(state.kind === "missing" ? [state.reason] : []),
        ];
      },
      activity: (recordings) => activityListeners.forEach((listener) => listener(recordings)),
      changed: (tenantId, ids) => ids.forEach((id) => notifier.announce(tenantId, id)),
      databaseReady: Promise.all([preparation.done, heartbeat.registered(), jobs.ready()]),
      finalizing: (tx, recordingIds) => jobs.enqueue(tx, "compact_recording", recordingIds.map((recordingId) => ({ recordingId }))),
    }),
  );
  if (config.roles.includes("worker")) {
    const compactRecording = createCompaction({ db, vault, nodeId: node.nodeId, clock, tenantOf: wrappingTenant });
    jobs.work("compact_recording", ({ tenantId, recordingId }) => compactRecording({ tenantId, recordingId: recordingId! }));
  }
  // What became of invitations, for the trunks' pages; SIP writes, whichever node answers the page reads.
  const invitations = open("invitation log", createInvitationLog({ db, clock, nodeId: node.nodeId, log }));
  if (config.roles.includes("recorder") && config.sip.tls === null) log.info("SIP over TLS is off: there is no certificate (EARWITNESS_SIP_TLS_CERT, EARWITNESS_SIP_TLS_KEY)");
  const siprec = config.roles.includes("recorder")
    ? open(
        "siprec",
        await createSiprecServer({
          host: config.sip.host,
          port: config.sip.port,
          ...(config.sip.advertisedAddress === null ? {} : { advertisedAddress: config.sip.advertisedAddress }),
          recorder: recording.recorder,
          tls: config.sip.tls,
          identify(claim) {
            const known = snapshots.current();
            return known === null ? { kind: "refused", reason: "SOURCE_NOT_ALLOWED", explanation: "No trunk is known on this recorder yet.", concerns: null } : identify(known, claim, clock.now());
          },
          isTrunkAddress(address) {
            const known = snapshots.current();
            return known !== null && isTrunkAddress(known, address);
          },
          invitations,
          log,
        }),
      )
    : null;

  const trunks = createTrunkStore({ db, clock, nodeId: node.nodeId, addressesOf: (user) => recordingAddresses(sipEntrance(config), user), announce: () => notifier.announceDirectory() });
  const portal = config.roles.includes("portal") ? await openPortal(config, { backups, keystoreFailing: () => keystoreWarnings(keystoreBackup).length > 0, sip: () => (siprec === null ? null : sipReading(siprec.stats())), invitations, db, clock, log, nodeId: node.nodeId, keyDir, vault, notifier, snapshots, trunks, recording, replication, sequencer, outside, logWarnings, emergencies, keeper, stopped, activityListeners, open }) : null;
  open(
    "control socket",
    await createControl({
      socketPath: controlSocketPath(baseDir),
      log,
      isDatabaseAway: isConnectionError,
      apiKeys: createApiKeys({ db, clock, nodeId: node.nodeId }),
      listTenants: async () => (await listTenants(db)).map(tenantInfo),
      viewTenants: async (by) => (await viewTenants(tenantsContext, by)).map(tenantInfo),
      createTenant: async (wanted, by) => {
        const made = await createTenant(tenantsContext, { slug: wanted.slug, displayName: wanted.name, m365TenantId: wanted.m365TenantId ?? null }, by);
        await snapshots.refresh();
        notifier.announceDirectory();
        return tenantInfo(made);
      },
      enrollAdministrator: async (tenantId, wanted, by) => {
        const { text, expiresAt } = await enrollAdministrator({ db, clock, nodeId: node.nodeId }, tenantId, wanted, by);
        log.warn({ tenantId, expiresAt }, "an administrator was enrolled on the command line");
        await emergencies.look();
        return { url: enrollmentUrl(new URL(config.http.publicUrl), text), expiresAt: expiresAt.toISOString() };
      },
      trunks: {
        list: (tenantId, by) => trunks.list({ tenantId, by }),
        create: (tenantId, { name, networks }, by) => trunks.create({ tenantId, by }, newTrunk(name, networks)),
        allow: (tenantId, trunkId, network, by) => trunks.allow({ tenantId, by }, trunkId, network),
      },
      backups: {
        report: () => reportOf(configured(config, backups)),
        start: async () => await configured(config, backups).start("asked for on the command line"),
        check: async () => await checkBackups(config, url, backups),
      },
      logs: {
        state: (tenantId) => withTenant(db, tenantId, (tx) => readLogState(tx, stopped(tenantId))),
        keep: async (tenantId, by) => describeCheckpoint(await keeperHere(keeper).keepFor(tenantId, { actor: by, occurredAt: clock.now(), nodeId: node.nodeId })),
        resume: async (tenantId, reason, by) => await keeperHere(sequencer).resume(tenantId, reason, by),
        async changeKey(tenantId, { reason, oldKeyIsLost }, by) {
          const why = stopped(tenantId);
          if (why !== null) throw new Refusal("LOG_STOPPED", 409, `${why} A log that is stopped is not given a new key: resume it first.`);
          keeperHere(sequencer);
          const change = await changeLogKey({ db, seeds, clock, nodeId: node.nodeId }, tenantId, { reason, by, isLost: oldKeyIsLost });
          if (oldKeyIsLost) log.error({ tenantId, vkey: change.vkey, fromSize: change.fromSize }, "ALARM: the tenant's log goes on under a new key, without a hand-over from the old one");
          return change;
        },
      },
      exportKeys: async (by) => {
        const files = await readKeyFiles(keyDir);
        for (const { tenantId } of await listTenants(db)) await withTenant(db, tenantId, (tx) => append(tx, { actor: by, action: "Export", item: "Tenant", subject: tenantId, occurredAt: clock.now(), nodeId: node.nodeId, detail: { name: "keys" } }));
        return { nodeId: node.nodeId, exportedAt: clock.now().toISOString(), directory: config.sandbox ? "sandbox/keys" : "keys", files };
      },
      places: () => ({ nodeId: node.nodeId, dataDir, databaseUrl: url, poolUrl: config.database.poolUrl, witnesses: config.witnesses.map((witness) => ({ url: witness.url, vkey: formatVkey(witness.key) })) }),
      status: async () => ({ version, nodeId: node.nodeId, ...recording.recorder.ready(), warnings: [...(backups?.reading().warnings ?? []), ...keystoreWarnings(keystoreBackup), ...logWarnings(), ...emergencies.warnings(), ...replication.warnings(), ...preparation.warnings()], runningCalls: recording.recorder.count(), nodes: await listNodes(db).catch(() => []) }),
    }),
  );
  const httpPort = portal === null ? config.http.port : (await portal.listen(config.http)).port;
  return { httpPort, sipPort: siprec?.address.port ?? config.sip.port, databaseAway: preparation.away, drain: () => recording.recorder.drain() };
}

/** The database of our own, and its backups. What it writes at its end is still archived. */
async function openEmbedded(config: Config, log: Log, clock: Clock, open: Open): Promise<{ url: string; backups: Backups | null }> {
  const { url, superuserUrl, close } = await createEmbeddedPostgres({ dataDir: config.dataDir, log });
  let backups: Backups | null = null;
  open("database server", {
    close: async () => {
      await Promise.all([close(), backups?.closeArchive()]);
    },
  });
  if (config.backup === null) await forgetArchive(superuserUrl);
  else backups = open("backups", await createBackups({ superuserUrl, databaseUrl: url, backupDir: config.backup.dir, everyHours: config.backup.everyHours, keepDays: config.backup.keepDays, version, clock, log, ended: (run) => leaveAct(config.dataDir, actOf(run), clock.now()) }));
  return { url, backups };
}

/** Connections that the file names; a mistake in one keeps nobody from recording. */
async function provisionDirectories(replication: Replication, wanted: Provision | null, log: Log): Promise<void> {
  for (const { tenantId, directory } of wanted?.tenants ?? []) {
    if (directory === null) continue;
    await replication.provision(tenantId, provisionFile, directory).catch((error: unknown) => log.error({ tenantId, err: messageOf(error) }, "the directory that the provision file names was not connected"));
  }
}

/** What failed in detail is the operator's; tenants read that it did. */
function actOf({ reason, startedAt, outcome }: BackupRun): Parameters<typeof leaveAct>[1] {
  const run = { reason, startedAt: startedAt.toISOString() };
  if (outcome.kind !== "done") return { action: "Backup Failed", item: "Storage", by: "backups", detail: { ...run, name: "backup" } };
  return { action: "Backup Made", item: "Storage", by: "backups", detail: { ...run, name: `backup ${outcome.base.name}`, bytes: outcome.base.archive.bytes } };
}

function configured({ database }: Config, backups: Backups | null): Backups {
  if (backups !== null) return backups;
  throw new Refusal("NO_BACKUPS", 409, database.url === null ? "No backups are set up: set EARWITNESS_BACKUP_DIR to a directory on another disk." : "The database is a server of your own (DATABASE_URL), which is backed up with its own means: docs/operate/backup.md. earwitness backup check says what can be seen of that.");
}

function keystoreWarnings(backup: KeystoreBackup | null): string[] {
  const failure = backup?.failure() ?? null;
  return failure === null ? [] : [`The keystore has not been backed up since ${failure.since.toISOString()}: ${failure.message}`];
}

async function checkBackups(config: Config, url: string, backups: Backups | null): Promise<BackupFinding[]> {
  if (config.database.url !== null) return await checkServer(url);
  const { archive, newestBaseAt, warnings } = configured(config, backups).reading();
  if (warnings.length > 0) return warnings.map((text) => ({ verdict: "wrong", text }));
  return [
    { verdict: "right", text: `The archive holds everything until ${archive.completeAt?.toISOString() ?? "the start"}.` },
    newestBaseAt === null ? { verdict: "unknown", text: "The first base backup is still to come." } : { verdict: "right", text: `The newest base backup is of ${newestBaseAt.toISOString()}.` },
  ];
}

/** Who signs what is kept: witnesses, and a timestamp authority. */
async function outsideSigners({ witnesses, timestamps }: Config, db: Db) {
  const authority = timestamps === null ? [] : [createTimestampSigner({ ...timestamps, roots: await trustedRoots(timestamps.authoritiesPath) })];
  return [...witnesses.map((witness) => createWitnessSigner(db, witness)), ...authority];
}

function keeperHere<T>(keeper: T | null): T {
  if (keeper === null) throw new Refusal("LOG_NOT_HERE", 503, "This node keeps no logs: ask one with the role worker.");
  return keeper;
}

/** Built by npm start; a server that was started otherwise exports no bundles, and says so. */
async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

interface PortalParts {
  readonly sequencer: Sequencer | null;
  readonly outside: OutsideSigning | null;
  readonly logWarnings: () => string[];
  readonly emergencies: OpenEmergencies;
  readonly keeper: CheckpointKeeper | null;
  readonly stopped: (tenantId: string) => string | null;
  readonly backups: Backups | null;
  readonly keystoreFailing: () => boolean;
  readonly sip: () => SipReading | null;
  readonly invitations: LiveInvitationLog;
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeId: string;
  readonly keyDir: string;
  readonly vault: Vault;
  readonly notifier: Notifier;
  readonly snapshots: SnapshotKeeper;
  readonly trunks: TrunkStore;
  readonly recording: Recording;
  readonly replication: Replication;
  readonly activityListeners: Set<(recordings: readonly RecordingActivity[]) => void>;
  readonly open: Open;
}

async function openPortal(config: Config, parts: PortalParts): Promise<Portal> {
  const { db, clock, log, nodeId, recording, open } = parts;
  const apiKeys = createApiKeys({ db, clock, nodeId });
  const sessions = createSessions({ db, clock, nodeId });
  const publicUrl = new URL(config.http.publicUrl);
  const sessionCookie = sessionCookieName(publicUrl);
  const authenticate = async ({ apiKey, session }: Credentials, remoteAddress?: string) => (apiKey !== null ? await apiKeys.verify(apiKey, remoteAddress === undefined ? undefined : { remoteAddress }) : session !== null ? await sessions.verify(session, remoteAddress !== undefined) : null);
  const live = open(
    "live rows",
    createLive({
      db,
      clock,
      log,
      sources: {
        onChange: (listener) => parts.notifier.onChange(listener),
        onActivity: (listener) => {
          parts.activityListeners.add(listener);
          return () => parts.activityListeners.delete(listener);
        },
      },
    }),
  );
  return open(
    "portal",
    await createPortal({
      log,
      version,
      publicUrl,
      trustedProxies: config.http.trustedProxies,
      webRoot,
      authenticate,
      isDatabaseAway: isConnectionError,
      ready: () => recording.recorder.ready(),
      portalReady: async () => ((await pingDb(db)) ? { ready: true, reasons: [] } : { ready: false, reasons: ["The database cannot be reached."] }),
      // Everybody reads health: whose it is, the command line says.
      warnings: () => [...parts.logWarnings(), ...parts.replication.warnings(), ...(parts.emergencies.warnings().length > 0 ? ["An administrator was enrolled on the command line and the link still works: see earwitness status."] : []), ...(parts.backups?.reading().alarms ?? []), ...(parts.keystoreFailing() ? ["The keystore is not backed up just now: see earwitness status."] : [])],
      metrics: {
        recorder: () => ({ calls: recording.recorder.count(), ...recording.media() }),
        uploads: () => {
          const lags = [...recording.uploads().values()];
          const sum = (of: (lag: (typeof lags)[number]) => number) => lags.reduce((total, lag) => total + of(lag), 0);
          return { pieces: sum((lag) => lag.pieces), bytes: sum((lag) => lag.bytes), oldestMs: Math.max(0, ...lags.map((lag) => lag.oldestMs)) };
        },
        facts: () => {
          const { facts, oldestMs, rejected } = recording.facts();
          return { facts, oldestMs: oldestMs === null ? 0 : clock.now().getTime() - oldestMs, rejected };
        },
        logs: () => {
          if (parts.sequencer === null) return null;
          const state = parts.sequencer.state();
          return { ...state, stopped: state.stopped.size };
        },
        outside: () => parts.outside?.state() ?? [],
        liveStreams: () => live.count(),
        directoriesFailing: () => parts.replication.failing(),
        invitations: () => parts.invitations.outcomes(),
        sip: parts.sip,
        keystoreBackupFailing: parts.keystoreFailing,
        backup: () => (parts.backups === null ? null : backupAges(parts.backups, clock.now())),
        ready: () => recording.recorder.ready().ready,
      },
      routes: [
        accessRoutes({ db, clock, nodeId, sessions, publicUrl, sessionCookie, cookieSecret: await readOrMakeSecret(join(parts.keyDir, "cookies.key"), "Put it back from a copy. Without one, remove it: a new one is made, everybody signs in again, and people with a password of their own need new links."), oidc: config.oidc, sandbox: config.sandbox }),
        profileRoutes({ db, clock, nodeId }),
        interactionRoutes({ db, clock, nodeId, live, announce: (tenantId, id) => parts.notifier.announce(tenantId, id), recheck: (request) => authenticate(readCredentials(request, sessionCookie)) }),
        auditRoutes({ db, clock, nodeId }),
        peopleRoutes({ db, clock, nodeId, announce: () => parts.notifier.announceDirectory() }),
        replicationRoutes(parts.replication.store),
        trunkRoutes({
          db,
          clock,
          nodeId,
          trunks: parts.trunks,
          peopleOf: (tenantId) => parts.snapshots.current()?.tenants.find((tenant) => tenant.tenantId === tenantId) ?? null,
        }),
        playbackRoutes({ db, clock, nodeId, vault: parts.vault, openReader: openRecordingReader }),
        exportRoutes({ db, clock, nodeId, vault: parts.vault, log: parts.sequencer, pageHtml: await readIfThere(evidencePage), announce: (tenantId, id) => parts.notifier.announce(tenantId, id) }),
        transparencyRoutes({ db, clock, nodeId, keeper: parts.keeper, stopped: parts.stopped }),
      ],
      beforeClose: () => live.close(),
    }),
  );
}

function backupAges(backups: Backups, now: Date): BackupAges {
  const { archive, openedAt, newestBaseAt, failures } = backups.reading();
  return { archiveAgeMs: now.getTime() - (archive.completeAt ?? openedAt).getTime(), baseAgeMs: newestBaseAt === null ? null : now.getTime() - newestBaseAt.getTime(), failing: archive.failure !== null, failures };
}

function sipReading({ dialogs, malformed, transport, tls }: SiprecStats): SipReading {
  const { connections, dropped, connectionsRefused } = transport;
  return { dialogs, malformed, connections, dropped, connectionsRefused, certificateExpiresAtMs: tls?.certificateExpiresAt.getTime() ?? null };
}

/** What people are told to send calls to: the address that answers advertise, the portal's own host, or where SIP listens. */
function sipEntrance({ sip, http }: Config): SipEntrance {
  const { hostname } = new URL(http.publicUrl);
  const isEverywhere = sip.host === "0.0.0.0" || sip.host === "::";
  const host = sip.advertisedAddress ?? (isEverywhere ? hostname.replace(/^\[|\]$/g, "") : sip.host);
  return { host, port: sip.port, tlsPort: sip.tls?.port ?? null };
}

/** A tenant as the node's snapshot has it, with its key as bytes; made once for each snapshot. */
function tenantOf(snapshots: SnapshotKeeper, tenantId: string): (SnapshotTenant & { readonly wrapping: { tenantId: string; publicKey: Uint8Array; publicKeyId: string } }) | null {
  const tenant = snapshots.current()?.tenants.find((candidate) => candidate.tenantId === tenantId);
  return tenant === undefined ? null : { ...tenant, wrapping: { tenantId, publicKey: Buffer.from(tenant.publicKey, "base64url"), publicKeyId: tenant.publicKeyId } };
}

function recordingTenant(snapshots: SnapshotKeeper, tenantId: string, trunkId: string): RecordingTenant | null {
  const tenant = tenantOf(snapshots, tenantId);
  const trunk = tenant?.trunks.find((candidate) => candidate.trunkId === trunkId);
  if (tenant === null || trunk === undefined) return null;
  const people = snapshots.current()!.tenants.find((candidate) => candidate.tenantId === tenantId)!;
  // A call says the same few addresses again with every update of its metadata.
  const addresses = new Map<string, string>();
  const addressOf = (written: string): string => {
    const address = addresses.get(written) ?? readAddress(trunk.numbers, written).address;
    if (addresses.size < 1_000) addresses.set(written, address);
    return address;
  };
  return { ...tenant.wrapping, trunk, addressOf, identify: (address) => matchPerson(people, trunk, address) };
}

async function readProvision(path: string): Promise<Provision> {
  try {
    return parseProvision(await readFile(path, "utf8"), dirname(path));
  } catch (error) {
    throw new Error(`EARWITNESS_PROVISION_FILE (${path}) cannot be applied. ${messageOf(error)}`, { cause: error });
  }
}

const tenantInfo = ({ tenantId, slug, displayName, m365TenantId, sandbox }: Tenant) => ({ tenantId, slug, name: displayName, m365TenantId, sandbox });

interface Preparation {
  /** Why the database could not be reached at the start; null when it could. */
  readonly away: string | null;
  readonly done: Promise<void>;
  warnings(): string[];
  close(): Promise<void>;
}

/**
 * Prepares the database, or, when it cannot be reached, leaves that to later: a recorder that knows its tenants records
 * without it. Anything but an unreachable database stops the start.
 */
async function prepareWhenThere(prepare: () => Promise<void>, log: Log): Promise<Preparation> {
  let away: string;
  try {
    await prepare();
    return { away: null, done: Promise.resolve(), warnings: () => [], close: async () => undefined };
  } catch (error) {
    if (!isConnectionError(error)) throw error;
    away = messageOf(error);
    log.error({ err: away }, "the database cannot be reached; recording from what was known last, and trying again");
  }
  const closing = new AbortController();
  const { promise: done, resolve: isDone } = Promise.withResolvers<void>();
  let refusal: string | null = null;
  const again = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await new Promise((later) => setTimeout(later, 1_000).unref());
      if (closing.signal.aborted) return;
      try {
        await prepare();
        log.info("the database is back");
        refusal = null;
        isDone();
        return;
      } catch (error) {
        // It is there and will not do, such as one that a newer version brought forward: said once, and shown until it does.
        if (!isConnectionError(error) && refusal !== messageOf(error)) log.error({ err: (refusal = messageOf(error)) }, "the database could not be prepared; calls are recorded, and wait for it; trying again");
      }
    }
  };
  const running = again();
  return {
    away,
    done,
    warnings: () => (refusal === null ? [] : [`Calls are recorded, and do not come into the database: ${refusal}`]),
    async close() {
      closing.abort();
      await Promise.race([running, new Promise((later) => setTimeout(later, 1_500))]);
    },
  };
}

/** A start without the sandbox never serves what the sandbox left in a database that both were pointed at. */
async function refuseSandbox(db: Db): Promise<void> {
  const made = (await listTenants(db)).find((tenant) => tenant.sandbox);
  if (made !== undefined) throw new Error(`The database holds the sandbox's tenant “${made.displayName}”. Use another database, or start with the sandbox.`);
}

/** The data directory itself may be entered by PostgreSQL's own account; what lies in it says for itself who may read it. */
async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await chmod(dataDir, 0o711);
    const probe = join(dataDir, ".writable");
    await writeFile(probe, "", { flush: true });
    await rm(probe);
  } catch (error) {
    throw new Error(`The data directory ${dataDir} cannot be used: ${messageOf(error)}. Set EARWITNESS_DATA_DIR to a directory that this user may write to.`, { cause: error });
  }
}
