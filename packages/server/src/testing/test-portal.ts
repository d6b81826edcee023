import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessRoutes, createApiKeys, createSessions, type ApiKeys, type OidcSettings, type Sessions, profileRoutes, type Role } from "#access";
import { auditRoutes } from "#audit";
import { systemClock, type Clock } from "#clock";
import { isConnectionError, pingDb, withTenant, type Change, type Database, type Db } from "#db";
import type { KnownPeople } from "#directory";
import { createSequencer, type Sequencer } from "#evidence";
import { exportRoutes } from "#export";
import { mintedAt, mintId } from "#ids";
import { createLive, interactionRoutes, type RecordingActivity } from "#interactions";
import { createLog } from "#log";
import { peopleRoutes } from "#people";
import { createReplication, replicationRoutes, type Replication } from "#replication";
import { playbackRoutes, type OpenReader } from "#playback";
import { createPortal, readCredentials, sessionCookieName, type Credentials, type Portal } from "#portal";
import { partyText } from "#recorder";
import { createTrunkStore, recordingAddresses, trunkRoutes } from "#trunks";
import { createCheckpointKeeper, transparencyRoutes } from "#transparency";
import { createFileKeyring, createFileKeystore, createFileLogHeads, createFileLogSeeds, createLocalStore, createVault, type Vault } from "#vault";
import type { Insertable } from "kysely";
import { createTestDatabase, type TestDatabase } from "./test-database.ts";

export interface TestPortal {
  readonly db: Db;
  readonly database: TestDatabase;
  readonly vault: Vault;
  /** Where the vault's objects lie, to look at and to damage. */
  readonly storeDir: string;
  readonly portal: Portal;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly sessionCookie: string;
  /** Where `keepsLogs` was asked for. */
  readonly sequencer: Sequencer | null;
  /** What the log said, one JSON line each. */
  readonly logged: readonly string[];
  /** When a change of the directory was announced. */
  readonly directoryChanges: readonly Date[];
  readonly replication: Replication;
  /** Runs of the directory that were asked for; nobody takes them but the test. */
  readonly runsAsked: readonly string[];
  announce(change: Change): void;
  hear(recordings: readonly RecordingActivity[]): void;
  close(): Promise<void>;
}

export interface TestPortalOptions {
  readonly clock?: Clock;
  readonly publicUrl?: string;
  readonly oidc?: OidcSettings;
  readonly openReader?: OpenReader;
  readonly webRoot?: string;
  readonly ready?: () => { ready: boolean; reasons: string[] };
  /** Gives evidence its place in the logs, signs and keeps them, as a node with the role worker does. */
  readonly keepsLogs?: boolean;
  /** The page that goes into evidence bundles. */
  readonly evidencePage?: string;
  /** Where Microsoft 365 directories are read; nowhere, if left out. */
  readonly graph?: { readonly graphUrl: string; readonly loginUrl: string };
  readonly routes?: Parameters<typeof createPortal>[0]["routes"];
  /** Over other connections than usual. */
  readonly openDb?: (url: string) => Db;
}

/** The whole portal over a database and a vault of its own, as app.ts builds it. */
export async function createTestPortal(options: TestPortalOptions = {}): Promise<TestPortal> {
  const database = await createTestDatabase();
  const db = options.openDb?.(database.url) ?? database.db;
  const dir = await mkdtemp(join(tmpdir(), "earwitness-portal-"));
  const storeDir = join(dir, "store");
  const vault = createVault({ store: createLocalStore(storeDir), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const logged: string[] = [];
  const directoryChanges: Date[] = [];
  const log = createLog("info", { write: (line) => void logged.push(line) });
  const clock = options.clock ?? systemClock;
  const nodeId = "node-1";
  const publicUrl = new URL(options.publicUrl ?? "http://localhost:8080");
  const sessionCookie = sessionCookieName(publicUrl);
  const apiKeys = createApiKeys({ db, clock, nodeId });
  const sessions = createSessions({ db, clock, nodeId });
  const changes = new Set<(change: Change) => void>();
  const hearers = new Set<(recordings: readonly RecordingActivity[]) => void>();
  const announce = (tenantId: string, id: string): void => changes.forEach((listener) => listener({ kind: "interactions", tenantId, ids: [id] }));
  const live = createLive({
    db,
    clock,
    log,
    sources: {
      onChange: (listener) => (changes.add(listener), () => changes.delete(listener)),
      onActivity: (listener) => (hearers.add(listener), () => hearers.delete(listener)),
    },
  });
  const sequencer =
    options.keepsLogs === true
      ? createSequencer({ db, clock, log, nodeId, seeds: createFileLogSeeds(join(dir, "keys", "log")), heads: createFileLogHeads(join(dir, "log")), originOf: (tenantId) => `${publicUrl.host}/log/${tenantId}`, beatMs: 20 })
      : null;
  const keeper = sequencer === null ? null : createCheckpointKeeper({ db, sequencer, log, everyMs: 3_600_000, afterKept: [] });
  const authenticate = async ({ apiKey, session }: Credentials, remoteAddress?: string) =>
    apiKey !== null ? await apiKeys.verify(apiKey, remoteAddress === undefined ? undefined : { remoteAddress }) : session !== null ? await sessions.verify(session, remoteAddress !== undefined) : null;
  const replication = createReplication({
    db,
    clock,
    log,
    nodeId,
    vault,
    ...(options.graph ?? { graphUrl: "http://localhost:1/v1.0", loginUrl: "http://localhost:1" }),
    announce: () => void directoryChanges.push(clock.now()),
    enqueue: async (_tx, runId) => void runsAsked.push(runId),
  });
  const runsAsked: string[] = [];
  const portal = await createPortal({
    log,
    version: "0.0.0-test",
    publicUrl,
    trustedProxies: [],
    webRoot: options.webRoot ?? null,
    authenticate,
    isDatabaseAway: isConnectionError,
    ready: options.ready ?? (() => ({ ready: true, reasons: [] })),
    portalReady: async () => ({ ready: await pingDb(db), reasons: [] }),
    metrics: {
      recorder: () => ({ calls: 2, recordings: 2, tracks: 4, packets: 1000, packetsLost: 3, packetsLate: 0, packetsDropped: 1, packetsRefusedSrtp: 0, gaps: 1, journalBytes: 4096, journalLagMs: 150, lastSyncMs: 2 }),
      uploads: () => ({ pieces: 1, bytes: 2048, oldestMs: 1500 }),
      facts: () => ({ facts: 5, oldestMs: 250, rejected: 0 }),
      logs: () => null,
      outside: () => [],
      liveStreams: () => live.count(),
      directoriesFailing: () => 0,
      invitations: () => ({ recorded: 0, ignored: 0, refused: 0 }),
      sip: () => null,
      backup: () => null,
      keystoreBackupFailing: () => false,
      ready: () => true,
    },
    routes: [
      accessRoutes({ db, clock, nodeId, sessions, publicUrl, sessionCookie, cookieSecret: randomBytes(32), oidc: options.oidc ?? null, sandbox: false }),
      profileRoutes({ db, clock, nodeId }),
      interactionRoutes({ db, clock, nodeId, live, announce, recheck: (request) => authenticate(readCredentials(request, sessionCookie)) }),
      auditRoutes({ db, clock, nodeId }),
      playbackRoutes({ db, clock, nodeId, vault, openReader: options.openReader ?? (() => Promise.reject(new Error("this test has no sound"))) }),
      peopleRoutes({ db, clock, nodeId, announce: () => void directoryChanges.push(clock.now()) }),
      replicationRoutes(replication.store),
      trunkRoutes({
        db,
        clock,
        nodeId,
        trunks: createTrunkStore({ db, clock, nodeId, addressesOf: (user) => recordingAddresses({ host: "sip.example", port: 5060, tlsPort: null }, user), announce: () => void directoryChanges.push(clock.now()) }),
        peopleOf: (tenantId) => readPeople(db, tenantId),
      }),
      exportRoutes({ db, clock, nodeId, vault, log: sequencer, pageHtml: options.evidencePage ?? null, announce }),
      transparencyRoutes({ db, clock, nodeId, keeper, stopped: (tenantId) => sequencer?.state().stopped.get(tenantId) ?? null }),
      ...(options.routes ?? []),
    ],
    beforeClose: () => live.close(),
  });
  return {
    db,
    database,
    vault,
    storeDir,
    portal,
    apiKeys,
    sessions,
    sessionCookie,
    sequencer,
    logged,
    directoryChanges,
    replication,
    runsAsked,
    announce: (change) => changes.forEach((listener) => listener(change)),
    hear: (recordings) => hearers.forEach((listener) => listener(recordings)),
    async close() {
      await portal.close();
      await keeper?.close();
      await sequencer?.close();
      await vault.close();
      if (db !== database.db) await db.close();
      await database.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** As the nodes' snapshots have them. */
async function readPeople(db: Db, tenantId: string): Promise<KnownPeople> {
  return await withTenant(db, tenantId, async (tx) => {
    const people = await tx.selectFrom("people").selectAll().where("deleted_at", "is", null).execute();
    const addresses = await tx.selectFrom("person_addresses").selectAll().execute();
    const extensions = await tx.selectFrom("person_extensions").selectAll().execute();
    return {
      people: people.map((person) => ({
        personId: person.person_id,
        upn: person.upn,
        displayName: person.display_name,
        recorded: person.recorded,
        addresses: addresses.filter(({ person_id }) => person_id === person.person_id).map(({ address }) => address),
        extensions: extensions.filter(({ person_id }) => person_id === person.person_id).map(({ extension }) => extension),
      })),
    };
  });
}

export interface TestPerson {
  readonly personId: string;
  readonly upn: string;
}

export async function addPerson(db: Db, tenantId: string, upn: string, role: Role = "User"): Promise<TestPerson> {
  const personId = randomUUID();
  await withTenant(db, tenantId, (tx) =>
    tx.insertInto("people").values({ tenant_id: tenantId, person_id: personId, upn, display_name: upn.split("@")[0] ?? upn, role, deleted_at: null }).execute(),
  );
  return { personId, upn };
}

/** A tenant with a real key pair, so that things can be sealed for it. */
export async function addSealingTenant({ db, vault }: Pick<TestPortal, "db" | "vault">, slug: string, m365TenantId: string | null = null): Promise<string> {
  const tenantId = randomUUID();
  const { publicKey, publicKeyId } = await vault.keyring.ensure(tenantId);
  await withTenant(db, tenantId, (tx) =>
    tx.insertInto("tenants").values({ tenant_id: tenantId, slug, display_name: slug, m365_tenant_id: m365TenantId, public_key: publicKey, public_key_id: publicKeyId }).execute(),
  );
  return tenantId;
}

type InteractionValues = Insertable<Database["interactions"]>;

/** A finished call of two minutes between Adele and Bill, with whatever the test wants otherwise. */
export async function addInteraction(db: Db, tenantId: string, wanted: Partial<InteractionValues> = {}): Promise<string> {
  const startedAt = wanted.started_at === undefined ? new Date("2026-11-20T10:00:00.250Z") : new Date(wanted.started_at);
  const id = wanted.interaction_id ?? mintId(startedAt);
  const adele = { name: "Adele Vance", address: "sip:adele@contoso.example", upn: "adele@contoso.example" };
  const bill = { name: "Bill", address: "+17326524689", upn: null };
  await withTenant(db, tenantId, (tx) =>
    tx
      .insertInto("interactions")
      .values({
        tenant_id: tenantId,
        minted_at: mintedAt(id),
        interaction_id: id,
        node_id: "node-1",
        trunk_id: null,
        person_id: null,
        user_name: "Adele Vance",
        user_upn: "adele@contoso.example",
        user_address: adele.address,
        media_status: "Available",
        started_at: startedAt,
        answered_at: new Date(startedAt.getTime() + 5_000),
        released_at: new Date(startedAt.getTime() + 125_000),
        direction: "Outgoing",
        call_type: "P2P_PSTN",
        release_cause: "Normal",
        calling: JSON.stringify(adele),
        called: JSON.stringify(bill),
        answering: JSON.stringify(bill),
        participants: JSON.stringify([adele, bill]),
        sip_call_id: `${id}@sbc.example`,
        sys_call_id: null,
        chain_id: null,
        decision: JSON.stringify({ record: true, reasons: ["every call of this person"], ruleVersion: "1" }),
        party_text: partyText([adele, bill]),
        ...wanted,
      })
      .execute(),
  );
  return id;
}

export interface TestTrack {
  readonly track: number;
  readonly sourceTrack?: number;
  readonly offsetMs: number;
  readonly durationMs: number;
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** A finished recording behind the interaction. */
export async function addRecording(
  db: Db,
  tenantId: string,
  interactionId: string,
  { tracks, durationMs, fromMs = 0, toMs = durationMs, manifestSha256 = null }: { tracks: readonly TestTrack[]; durationMs: number; fromMs?: number; toMs?: number | null; manifestSha256?: Buffer | null },
): Promise<string> {
  const startedAt = mintedAt(interactionId);
  const mediaId = mintId(startedAt);
  const key = { tenant_id: tenantId, minted_at: mintedAt(mediaId), media_id: mediaId };
  await withTenant(db, tenantId, async (tx) => {
    await tx
      .insertInto("media")
      .values({ ...key, node_id: "node-1", state: "available", started_at: startedAt, ended_at: new Date(startedAt.getTime() + durationMs), duration_ms: durationMs, manifest_sha256: manifestSha256, end_reason: "released" })
      .execute();
    for (const track of tracks) {
      await tx
        .insertInto("media_tracks")
        .values({
          ...key,
          track: track.track,
          label: String(track.track),
          participant_name: `Speaker ${track.track}`,
          participant_aor: `sip:speaker${track.track}@contoso.example`,
          source_track: track.sourceTrack ?? track.track,
          from_ms: track.fromMs ?? 0,
          to_ms: track.toMs ?? durationMs,
          codec: "PCMU",
          offset_ms: track.offsetMs,
          duration_ms: track.durationMs,
          speech: JSON.stringify([[track.offsetMs, track.offsetMs + track.durationMs]]),
        })
        .execute();
    }
    await tx
      .insertInto("interaction_media")
      .values({ tenant_id: tenantId, minted_at: mintedAt(interactionId), interaction_id: interactionId, media_id: mediaId, from_ms: fromMs, to_ms: toMs })
      .execute();
  });
  return mediaId;
}
