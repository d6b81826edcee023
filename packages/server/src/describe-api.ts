/** The API's description, from the routes as the portal registers them. Nothing is opened, listened on or asked for it. */
import { accessRoutes, createSessions, profileRoutes } from "#access";
import { auditRoutes } from "#audit";
import { systemClock } from "#clock";
import { createDb } from "#db";
import { createLive, interactionRoutes } from "#interactions";
import { createLog } from "#log";
import { peopleRoutes } from "#people";
import { createReplication, replicationRoutes } from "#replication";
import { exportRoutes } from "#export";
import { playbackRoutes } from "#playback";
import { createPortal, formatOpenApi, sessionCookieName } from "#portal";
import { createTrunkStore, trunkRoutes } from "#trunks";
import { transparencyRoutes } from "#transparency";
import type { Vault } from "#vault";
import manifest from "../package.json" with { type: "json" };

/** The text of packages/contract/openapi.json. */
export async function describeApi(): Promise<string> {
  const log = createLog("silent");
  const clock = systemClock;
  const db = createDb({ url: "postgres://nobody@localhost/nowhere", log }); // connects when first asked, which nobody does
  const publicUrl = new URL("https://localhost");
  const live = createLive({ db, clock, log, sources: { onChange: () => () => undefined, onActivity: () => () => undefined } });
  const portal = await createPortal({
    log,
    version: manifest.version,
    publicUrl,
    trustedProxies: [],
    webRoot: null,
    authenticate: async () => null,
    isDatabaseAway: () => false,
    ready: () => ({ ready: false, reasons: [] }),
    portalReady: async () => ({ ready: false, reasons: [] }),
    metrics: {
      recorder: () => ({ calls: 0, recordings: 0, tracks: 0, packets: 0, packetsLost: 0, packetsLate: 0, packetsDropped: 0, packetsRefusedSrtp: 0, gaps: 0, journalBytes: 0, journalLagMs: 0, lastSyncMs: 0 }),
      uploads: () => ({ pieces: 0, bytes: 0, oldestMs: 0 }),
      facts: () => ({ facts: 0, oldestMs: 0, rejected: 0 }),
      logs: () => null,
      outside: () => [],
      liveStreams: () => 0,
      directoriesFailing: () => 0,
      invitations: () => ({ recorded: 0, ignored: 0, refused: 0 }),
      sip: () => null,
      backup: () => null,
      keystoreBackupFailing: () => false,
      ready: () => true,
    },
    routes: [
      accessRoutes({ db, clock, nodeId: "none", sessions: createSessions({ db, clock, nodeId: "none" }), publicUrl, sessionCookie: sessionCookieName(publicUrl), cookieSecret: new Uint8Array(32), oidc: null, sandbox: false }),
      profileRoutes({ db, clock, nodeId: "none" }),
      interactionRoutes({ db, clock, nodeId: "none", live, announce: () => undefined, recheck: async () => null }),
      auditRoutes({ db, clock, nodeId: "none" }),
      peopleRoutes({ db, clock, nodeId: "none", announce: () => undefined }),
      replicationRoutes(createReplication({ db, clock, log, nodeId: "none", vault: {} as Vault, graphUrl: "https://localhost", loginUrl: "https://localhost", announce: () => undefined, enqueue: async () => undefined }).store),
      trunkRoutes({ db, clock, nodeId: "none", trunks: createTrunkStore({ db, clock, nodeId: "none", addressesOf: () => [], announce: () => undefined }), peopleOf: () => null }),
      transparencyRoutes({ db, clock, nodeId: "none", keeper: null, stopped: () => null }),
      exportRoutes({ db, clock, nodeId: "none", vault: {} as Vault, log: null, pageHtml: null, announce: () => undefined }),
      playbackRoutes({ db, clock, nodeId: "none", vault: {} as Vault, openReader: () => Promise.reject(new Error("nothing is played here")) }),
    ],
    beforeClose: () => live.close(),
  });
  try {
    return formatOpenApi(portal.describe());
  } finally {
    await portal.close();
    await db.close();
  }
}
