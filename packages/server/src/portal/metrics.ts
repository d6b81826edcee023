import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { PortalApp } from "#access";

/** What the other rooms know of themselves, read at the moment of a scrape. Counters count from the start of the process. */
export interface MetricSources {
  readonly recorder: () => {
    readonly calls: number;
    readonly recordings: number;
    readonly tracks: number;
    readonly packets: number;
    readonly packetsLost: number;
    readonly packetsLate: number;
    readonly packetsDropped: number;
    readonly packetsRefusedSrtp: number;
    readonly gaps: number;
    readonly journalBytes: number;
    readonly journalLagMs: number;
    readonly lastSyncMs: number;
  };
  readonly uploads: () => { readonly pieces: number; readonly bytes: number; readonly oldestMs: number };
  readonly facts: () => { readonly facts: number; readonly oldestMs: number; readonly rejected: number };
  /** The logs of evidence; null where this node keeps none. */
  readonly logs: () => LogReading | null;
  /** Witnesses and timestamp authorities that sign checkpoints. */
  readonly outside: () => readonly OutsideReading[];
  readonly liveStreams: () => number;
  /** Tenants whose Microsoft 365 directory could not be read at the last run. */
  readonly directoriesFailing: () => number;
  /** What became of invitations on this node, since it started. */
  readonly invitations: () => { readonly recorded: number; readonly ignored: number; readonly refused: number };
  /** Null where this node does not record. */
  readonly sip: () => SipReading | null;
  /** Null where the embedded database is not backed up. */
  readonly backup: () => BackupAges | null;
  readonly keystoreBackupFailing: () => boolean;
  /** Whether a call that came now would be recorded. */
  readonly ready: () => boolean;
}

export interface BackupAges {
  /** How old what the archive holds is; how old the newest base backup that leads to now is, null when there is none. */
  readonly archiveAgeMs: number;
  readonly baseAgeMs: number | null;
  readonly failing: boolean;
  readonly failures: number;
}

export interface LogReading {
  readonly placed: number;
  readonly oldestMs: number;
  readonly late: number;
  readonly stopped: number;
  readonly unplaceable: number;
  readonly setBack: number;
}

export interface OutsideReading {
  readonly signed: number;
  readonly isReachable: boolean;
  readonly refused: number;
  readonly contradicted: number;
  readonly owed: number;
}

export interface SipReading {
  readonly dialogs: number;
  readonly malformed: number;
  readonly connections: number;
  readonly dropped: number;
  readonly connectionsRefused: number;
  /** Epoch milliseconds; null without TLS. */
  readonly certificateExpiresAtMs: number | null;
}

type Reading = readonly [name: string, help: string, value: number];

function readings(sources: MetricSources): Reading[] {
  const recorder = sources.recorder();
  const uploads = sources.uploads();
  const facts = sources.facts();
  const sip = sources.sip();
  const invitations = sources.invitations();
  const backup = sources.backup();
  const logs = sources.logs();
  const outside = sources.outside();
  const ofOutside = (of: (one: OutsideReading) => number): number => outside.reduce((sum, one) => sum + of(one), 0);
  return [
    ["earwitness_ready", "1 while a call that came now would be recorded; GET /api/v1/health says why not.", sources.ready() ? 1 : 0],
    ["earwitness_calls", "Running calls of this node.", recorder.calls],
    ["earwitness_recordings", "Recordings that media workers write now.", recorder.recordings],
    ["earwitness_tracks", "Streams that media workers receive now.", recorder.tracks],
    ["earwitness_packets_total", "Media packets taken.", recorder.packets],
    ["earwitness_packets_lost_total", "Media packets that were sent and never came.", recorder.packetsLost],
    ["earwitness_packets_late_total", "Packets that came, or were read, after their second was sealed.", recorder.packetsLate],
    ["earwitness_packets_dropped_total", "Packets refused: wrong source, malformed, unknown payload type, timestamp that fits nothing.", recorder.packetsDropped],
    ["earwitness_packets_refused_srtp_total", "Packets of protected streams that did not authenticate, or came again.", recorder.packetsRefusedSrtp],
    ["earwitness_gaps_total", "Gaps written down in recordings.", recorder.gaps],
    ["earwitness_spool_bytes", "Journal not yet freed, in bytes.", recorder.journalBytes],
    ["earwitness_spool_lag_seconds", "Age of the oldest frame that is not yet synced to disk.", recorder.journalLagMs / 1000],
    ["earwitness_spool_sync_seconds", "How long the last sync of the journal took.", recorder.lastSyncMs / 1000],
    ["earwitness_upload_pieces", "Sealed pieces that wait for the store.", uploads.pieces],
    ["earwitness_upload_bytes", "Bytes that wait for the store.", uploads.bytes],
    ["earwitness_upload_lag_seconds", "Age of the oldest piece that waits for the store.", uploads.oldestMs / 1000],
    ["earwitness_facts_waiting", "Facts of calls that are on disk and not yet in the database.", facts.facts],
    ["earwitness_facts_lag_seconds", "Age of the oldest fact that is not yet in the database.", facts.oldestMs / 1000],
    ["earwitness_facts_rejected_total", "Facts that the database refused for their own sake.", facts.rejected],
    ["earwitness_log_placed_total", "Rows of evidence that got their place in a log.", logs?.placed ?? 0],
    ["earwitness_log_lag_seconds", "Age of the oldest row of evidence that has no place in its log.", (logs?.oldestMs ?? 0) / 1000],
    ["earwitness_log_late_tenants", "Tenants with rows of evidence that have waited more than 5 s for their place.", logs?.late ?? 0],
    ["earwitness_log_stopped", "Logs that are not signed, because the database is not the one that was signed last.", logs?.stopped ?? 0],
    ["earwitness_log_unplaceable_rows", "Rows of evidence that were not written by Earwitness.", logs?.unplaceable ?? 0],
    ["earwitness_log_clock_set_back_total", "Times that rows of evidence were recorded earlier than those before them.", logs?.setBack ?? 0],
    ["earwitness_outside_signed_total", "Signatures of witnesses and timestamp authorities under checkpoints.", ofOutside(({ signed }) => signed)],
    ["earwitness_outside_owed", "Newest checkpoints that a witness or timestamp authority has not signed yet.", ofOutside(({ owed }) => owed)],
    ["earwitness_outside_unreachable", "Witnesses and timestamp authorities that cannot be used now.", outside.filter(({ isReachable }) => !isReachable).length],
    ["earwitness_outside_refused", "Logs for which a witness or timestamp authority does not sign.", ofOutside(({ refused }) => refused)],
    ["earwitness_outside_contradicted", "Logs of which a witness saw another history: an alarm.", ofOutside(({ contradicted }) => contradicted)],
    ["earwitness_directories_failing", "Tenants whose Microsoft 365 directory could not be read at the last run.", sources.directoriesFailing()],
    ["earwitness_invitations_recorded_total", "INVITEs that became a recording.", invitations.recorded],
    ["earwitness_invitations_ignored_total", "INVITEs of calls in which nobody was to be recorded.", invitations.ignored],
    ["earwitness_invitations_refused_total", "INVITEs that were refused; the trunks' pages say why.", invitations.refused],
    ["earwitness_sip_dialogs", "Recording sessions that are open.", sip?.dialogs ?? 0],
    ["earwitness_sip_connections", "SIP connections over TCP and TLS.", sip?.connections ?? 0],
    ["earwitness_sip_malformed_total", "SIP messages that could not be read.", sip?.malformed ?? 0],
    ["earwitness_sip_dropped_total", "SIP messages over their source's share, dropped unread.", sip?.dropped ?? 0],
    ["earwitness_sip_connections_refused_total", "SIP connections over the limits.", sip?.connectionsRefused ?? 0],
    ["earwitness_sip_certificate_expires_seconds", "When the SIP certificate expires, in seconds since 1970; 0 without TLS.", (sip?.certificateExpiresAtMs ?? 0) / 1000],
    ["earwitness_backup_enabled", "1 where the embedded database is backed up.", backup === null ? 0 : 1],
    ["earwitness_backup_archive_age_seconds", "How old the newest moment is that the archived log leads to: what would be lost now.", (backup?.archiveAgeMs ?? 0) / 1000],
    ["earwitness_backup_base_age_seconds", "Age of the newest base backup that leads to now; -1 without one.", backup === null ? 0 : backup.baseAgeMs === null ? -1 : backup.baseAgeMs / 1000],
    ["earwitness_backup_archive_failing", "1 while the database's log is not being archived.", backup?.failing === true ? 1 : 0],
    ["earwitness_backup_failures_total", "Attempts to archive or to take a base backup that failed.", backup?.failures ?? 0],
    ["earwitness_keystore_backup_failing", "1 while new keys are not being copied to the keystore's backup.", sources.keystoreBackupFailing() ? 1 : 0],
    ["earwitness_live_streams", "Open streams of live events.", sources.liveStreams()],
  ];
}

/** Serves the metrics in Prometheus' text format, behind the permission metrics.read: they tell of every tenant's traffic. */
export function addMetrics(app: PortalApp, sources: MetricSources): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const meters = new Map(readings(zero).map(([name, help]) => [name, createMeter(name, help, registry)]));
  const durations = new Histogram({
    name: "earwitness_http_request_duration_seconds",
    help: "From the request to the end of the answer, by route.",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });

  app.addHook("onResponse", async (request, reply) => {
    // By the route's pattern: by the address, every id would be a time series of its own.
    durations.observe({ method: request.method, route: request.routeOptions.url ?? "none", status: String(reply.statusCode) }, reply.elapsedTime / 1000);
  });

  app.get(
    "/api/v1/metrics",
    {
      config: { access: { permission: "metrics.read" }, produces: ["text/plain"] },
      schema: { summary: "Metrics of this node", description: "In Prometheus' text format, for an API key with `metrics.read`.", tags: ["operation"] },
    },
    async (_request, reply) => {
      for (const [name, , value] of readings(sources)) meters.get(name)?.(value);
      return reply.type(registry.contentType).send(await registry.metrics());
    },
  );
}

/** What ends in _total only ever grows: a counter, set to what its owner has counted. */
function createMeter(name: string, help: string, registry: Registry): (value: number) => void {
  if (!name.endsWith("_total")) {
    const gauge = new Gauge({ name, help, registers: [registry] });
    return (value) => gauge.set(value);
  }
  const counter = new Counter({ name, help, registers: [registry] });
  return (value) => {
    counter.reset();
    counter.inc(value);
  };
}

const zero: MetricSources = {
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
  ready: () => false,
};
