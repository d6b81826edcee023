/**
 * Takes calls from the ingest adapters: decides, opens key and media, and keeps the running sessions of this node. Works
 * from the node-local snapshot; the database is never on this path (core decision 9).
 */
import { statfs } from "node:fs/promises";
import type { Clock } from "#clock";
import { messageOf } from "#errors";
import { mintId } from "#ids";
import type { Log } from "#log";
import type { PolicyTrunk } from "#policy";
import type { MintedKey, Vault } from "#vault";
import type { CallFacts, CallOffer, OpenResult, Recorder } from "./call.ts";
import { continuableIds, type Continuations } from "./continuations.ts";
import type { FactLog } from "./fact-log.ts";
import type { Fact } from "./facts.ts";
import { decideCall, unknownParties, type KnownPerson } from "./legs.ts";
import type { MediaEvent, MediaPool, RecordingSummary } from "./media.ts";
import { createSession, type Session } from "./session.ts";

/** What the recorder needs to know of a tenant; comes from the signed snapshot. */
export interface RecordingTenant {
  readonly tenantId: string;
  readonly publicKey: Uint8Array;
  readonly publicKeyId: string;
  readonly trunk: PolicyTrunk & { readonly trunkId: string };
  /** What the trunk's rules make of an address as its sender wrote it; absent: nothing. */
  addressOf?(written: string): string;
  identify(address: string): KnownPerson | null;
}

export interface RecorderOptions {
  readonly pool: MediaPool;
  readonly vault: Vault;
  readonly facts: FactLog;
  readonly continuations: Continuations;
  readonly spoolDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: { readonly calls: number; readonly spoolFreeBytes: number };
  /** Null while no snapshot is loaded or the tenant or trunk is not in it. */
  tenantOf(tenantId: string, trunkId: string): RecordingTenant | null;
  /** Why nothing could be recorded now, beyond what the recorder itself knows. */
  notReady(): string[];
  /** Why this tenant's calls cannot be taken now, while others' can. */
  tenantFault(tenantId: string): string | null;
  /** `key`: that of the recording, whose objects are still to be sealed; its bytes are to be wiped then. */
  finished(recordingId: string, summary: RecordingSummary, key: MintedKey, owed: readonly Fact[]): void;
  /** The media workers could not close the recording now. */
  abandoned(recordingId: string, owed: readonly Fact[]): void;
  /** Who speaks now, by the numbers of the speakers' tracks. */
  activity(recordings: readonly { tenantId: string; recordingId: string; tracks: readonly { track: number; level: number; speaking: boolean }[] }[]): void;
}

export interface LiveRecorder extends Recorder {
  /** Ends the running calls of one tenant, whose store takes nothing any more. */
  failTenant(tenantId: string, message: string): void;
  counters(): { opened: number; ignored: number; refused: number };
}

const spoolCheckMs = 2_000;
/** A sync takes some milliseconds; one that takes this long means a disk that hangs, and whoever asks now had better go elsewhere. */
const slowDiskMs = 2_000;

export function createRecorder(options: RecorderOptions): LiveRecorder {
  const { pool, vault, facts, clock, log } = options;
  const sessions = new Map<string, Session>();
  const counters = { opened: 0, ignored: 0, refused: 0 };
  let opening = 0;
  let draining = false;
  let spoolFault: string | null = null;

  async function checkSpool(): Promise<void> {
    try {
      const disk = await statfs(options.spoolDir);
      const freeBytes = disk.bavail * disk.bsize;
      spoolFault = freeBytes < options.limits.spoolFreeBytes ? `The spool has ${Math.floor(freeBytes / 1e6)} MB free, less than the ${Math.floor(options.limits.spoolFreeBytes / 1e6)} MB that are kept for running calls.` : null;
    } catch (error) {
      spoolFault = `The spool cannot be read: ${messageOf(error)}`;
    }
    if (facts.fault() !== null) await facts.append().catch(() => undefined); // asks whether there is room again; fault() says
  }
  void checkSpool();
  const beat = setInterval(() => void checkSpool(), spoolCheckMs);
  beat.unref();

  pool.onEvent((event: MediaEvent) => {
    switch (event.kind) {
      case "first-frame":
        sessions.get(event.recordingId)?.firstFrame();
        break;
      case "activity":
        options.activity(
          event.recordings.flatMap(({ recordingId, tracks }) => {
            const session = sessions.get(recordingId);
            if (session === undefined) return [];
            const spoken = tracks.flatMap((heard) => {
              const track = session.speakerOn(heard.track);
              return track === null ? [] : [{ ...heard, track }];
            });
            return [{ tenantId: session.tenantId, recordingId, tracks: spoken }];
          }),
        );
        break;
      case "fault":
        for (const recordingId of event.recordingIds) void sessions.get(recordingId)?.fault(event.message);
        break;
      case "piece":
      case "silent":
        break;
    }
  });

  function ready(): { ready: boolean; reasons: string[] } {
    const reasons = [...options.notReady()];
    if (draining) reasons.push("This node is being drained.");
    if (spoolFault !== null) reasons.push(spoolFault);
    if (pool.workers() === 0) reasons.push("No media worker is running.");
    const factFault = facts.fault();
    if (factFault !== null) reasons.push(`The call journal cannot be written: ${factFault}`);
    const lagMs = Math.max(facts.waitingMs(), pool.stats().journalLagMs);
    if (lagMs > slowDiskMs) reasons.push(`The spool's disk is slow or this node has too much to do: what came ${(lagMs / 1000).toFixed(1)} s ago is not yet synced.`);
    if (sessions.size + opening >= options.limits.calls) reasons.push(`All ${options.limits.calls} calls that this node may record at once are in use.`);
    return { ready: reasons.length === 0, reasons };
  }

  async function notRecorded(offer: CallOffer, why: "ignored" | "unavailable", reasons: readonly string[], trunkName: string): Promise<void> {
    const parties = offer.facts.conversations.flatMap((conversation) => conversation.parties.map((party) => party.address));
    const { tenantId, sipCallId, trunkId, remoteAddress } = offer;
    try {
      await facts.append({ kind: "call.not-recorded", tenantId, atMs: offer.receivedAt.getTime(), why, sipCallId, trunkId, trunkName, remoteAddress, parties, reasons });
    } catch (error) {
      log.error({ sipCallId, err: messageOf(error) }, "call journal refused a fact");
    }
  }

  async function unavailable(offer: CallOffer, reason: string): Promise<OpenResult> {
    counters.refused += 1;
    log.error({ sipCallId: offer.sipCallId, reason }, "call refused: cannot record");
    void notRecorded(offer, "unavailable", [reason], offer.trunkName); // a disk that hangs must not keep the client from its next recorder
    return { kind: "unavailable", reason, retryAfterSeconds: 5 };
  }

  /** A call counts from the first step on; once it has its session, that counts. */
  async function counted<T>(work: Promise<T>): Promise<T> {
    opening += 1;
    try {
      return await work;
    } finally {
      opening -= 1;
    }
  }

  async function openCall(offer: CallOffer): Promise<OpenResult> {
    const state = ready();
    if (!state.ready) return unavailable(offer, state.reasons.join(" "));
    const tenant = options.tenantOf(offer.tenantId, offer.trunkId);
    if (tenant === null) return unavailable(offer, "The trunk of this call is not in the node's snapshot.");
    const tenantFault = options.tenantFault(offer.tenantId);
    if (tenantFault !== null) return unavailable(offer, tenantFault);

    const decision = decideCall(tenant.trunk, offer.facts, tenant);
    if (!decision.record) {
      counters.ignored += 1;
      await notRecorded(offer, "ignored", decision.reasons, tenant.trunk.name);
      return { kind: "ignored", reasons: decision.reasons, unknownParties: unknownParties(offer.facts, tenant) };
    }

    const startedAt = clock.now();
    const recordingId = mintId(startedAt);
    const of = { tenantId: offer.tenantId, recordingId, atMs: startedAt.getTime() };
    const conversationIds = continuableIds(offer.facts);
    const continues = options.continuations.cutOff(offer.tenantId, offer.trunkId, conversationIds, startedAt.getTime());
    if (continues !== null) log.info({ sipCallId: offer.sipCallId, recordingId, continues }, "recording continues one that was cut off");
    let session: Session | null = null;
    try {
      const key = await counted(vault.createDataKey(tenant));
      const call = { ...offer, facts: withSomeParty(offer.facts, offer.remoteAddress) };
      session = createSession(
        call,
        { ...of, recordingStartMs: startedAt.getTime(), trunk: tenant.trunk, sipCallId: offer.sipCallId, identify: tenant.identify, ...(tenant.addressOf === undefined ? {} : { addressOf: tenant.addressOf }), mintId },
        {
          pool,
          facts,
          clock,
          log,
          finished: (id, summary, owed) => {
            sessions.delete(id);
            options.finished(id, summary, key, owed);
          },
          abandoned: (id, owed) => {
            sessions.delete(id);
            key.bytes.fill(0);
            options.abandoned(id, owed);
          },
        },
      );
      sessions.set(recordingId, session);
      await facts.append({
        kind: "recording.opened",
        ...of,
        sipCallId: offer.sipCallId,
        trunkId: offer.trunkId,
        trunkName: tenant.trunk.name,
        remoteAddress: offer.remoteAddress,
        keyId: key.keyId,
        decision: { record: true, reasons: decision.reasons, ruleVersion: decision.ruleVersion },
        ...(conversationIds.length === 0 ? {} : { conversationIds }),
        ...(continues === null ? {} : { continuesRecordingId: continues }),
      });
      await pool.open({ recordingId, tenantId: offer.tenantId, startedAtMs: startedAt.getTime(), key });
      const ports = await session.begin(offer.streams, startedAt, offer.raw);
      counters.opened += 1;
      return { kind: "recording", call: session, ports };
    } catch (error) {
      await session?.fault(messageOf(error));
      return unavailable(offer, messageOf(error));
    }
  }

  return {
    open: openCall,
    failTenant(tenantId, message) {
      for (const session of sessions.values()) if (session.tenantId === tenantId) void session.fault(message, "quota");
    },
    count: () => sessions.size,
    ready,
    drain() {
      draining = true;
    },
    counters: () => ({ ...counters }),
    async close() {
      draining = true;
      clearInterval(beat);
      await Promise.allSettled([...sessions.values()].map((session) => session.end("shutdown", clock.now())));
    },
  };
}

/** A recorded call always has somebody it belongs to, even when its metadata names nobody. */
function withSomeParty(facts: CallFacts, remoteAddress: string): CallFacts {
  if (facts.conversations.some((conversation) => conversation.parties.length > 0)) return facts;
  const party = { id: "unknown", name: "Unknown party", address: `sip:unknown@${remoteAddress}`, joinedAt: null, leftAt: null, sends: [], onHold: false };
  const [first] = facts.conversations;
  const conversation = first ?? { id: "unknown", chainId: null, originalCallId: null, sipCallId: null, startedAt: null, endedAt: null, parties: [] };
  return { conversations: [{ ...conversation, parties: [party] }, ...facts.conversations.slice(1)] };
}
