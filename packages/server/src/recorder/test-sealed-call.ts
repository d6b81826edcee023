/** A finished recording in vault and database, sealed and projected by the recorder's own code, for tests of those who read it. */
import { createHash } from "node:crypto";
import { Encoder } from "@evan/opus";
import { encodeG711 } from "@earwitness/media";
import { createMerkleTree } from "@earwitness/verify";
import { withSystem, type Db } from "#db";
import { mintId, newUuid } from "#ids";
import { createLog } from "#log";
import type { Vault } from "#vault";
import type { BodyReceived, Fact, InteractionState } from "./facts.ts";
import { finalize } from "./finalize.ts";
import { createLedger } from "./ledger.ts";
import type { TrackSummary } from "./media.ts";
import { lost, type LogEntry } from "./packet-log.ts";
import { chunkLeaf, createPieceSealer, pieceObjectName, sha256, type SealedChunk } from "./piece.ts";
import { createProjector } from "./project.ts";

export interface SealedCallOptions {
  readonly seconds?: number;
  readonly codecs?: readonly ("PCMU" | "G722" | "OPUS")[];
  /** The interaction's part of the recording; everything by default. */
  readonly part?: { readonly fromMs: number; readonly toMs: number };
  readonly callType?: InteractionState["callType"];
  /** What else is known of the person's part. */
  readonly interaction?: Partial<InteractionState>;
  /** What became known later on, in a row of its own. */
  readonly later?: Partial<InteractionState>;
  /** The node that recorded it; one of its own by default. */
  readonly nodeId?: string;
}

const rates = { PCMU: 8_000, G722: 16_000, OPUS: 48_000 } as const;
const adele = { name: "Adele Vance", address: "sip:adele@contoso.example", upn: "adele@contoso.example" };
const bill = { name: "Bill", address: "+17326524689", upn: null };
const startedAtMs = Date.parse("2026-11-20T09:15:00.000Z");
const pieceSeconds = 5;
let seq = Date.now() * 1_000;

export async function sealCall({ db, vault }: { readonly db: Db; readonly vault: Vault }, tenantId: string, { seconds = 8, codecs = ["PCMU", "G722"], part, callType = "P2P_PSTN", interaction: more = {}, later, nodeId = `node-${newUuid().slice(0, 8)}` }: SealedCallOptions = {}): Promise<{ interactionId: string; recordingId: string }> {
  const recordingId = mintId(new Date(startedAtMs));
  const interactionId = mintId(new Date(startedAtMs));
  const trunkId = newUuid();
  const tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
  const key = await vault.createDataKey(tenant);
  const sealer = createPieceSealer(key, { tenantId, recordingId });
  const span = part ?? { fromMs: 0, toMs: seconds * 1000 };
  const trees = codecs.map(() => createMerkleTree(sha256));
  const talkers = codecs.map(createTalker);
  const of = { tenantId, recordingId, atMs: startedAtMs };
  const facts: Fact[] = [];
  const decision = { record: true, reasons: ["every call of this person"], ruleVersion: "1" };
  const interaction: InteractionState = { interactionId, personId: null, trunkId, user: adele, mediaStatus: "Pending", startedAtMs, answeredAtMs: startedAtMs, releasedAtMs: startedAtMs + seconds * 1000, direction: "Outgoing", callType, releaseCause: "Normal", calling: adele, called: bill, answering: bill, transferredBy: null, transferredTo: null, participants: [adele, bill], sipCallId: "x@sbc.example", sysCallId: null, chainId: null, hasGaps: true, decision, ...span, ...more };
  const body = (atMs: number, text: string): BodyReceived => ({ kind: "body.received", ...of, atMs, contentType: "application/sdp", bodyBase64: Buffer.from(text).toString("base64"), sha256: createHash("sha256").update(text).digest("hex") });
  facts.push({ kind: "recording.opened", ...of, sipCallId: "x@sbc.example", trunkId, trunkName: "SBC", remoteAddress: "192.0.2.1", keyId: key.keyId, decision }, body(startedAtMs, "v=0\r\ns=offer\r\n"), body(startedAtMs + 4_000, "v=0\r\ns=later\r\n"));
  codecs.forEach((_codec, at) => facts.push({ kind: "speaker.assigned", ...of, track: at + 1, sourceTrack: at + 1, label: String(at + 1), ...(at === 0 ? adele : { ...bill, address: at === 1 ? bill.address : `sip:p${at}@x.example` }), fromMs: 0 }));
  facts.push({ kind: "interaction.changed", ...of, change: "opened", interaction });
  if (later !== undefined) facts.push({ kind: "interaction.changed", ...of, change: "changed", interaction: { ...interaction, ...later } });

  for (let from = 0; from < seconds; from += pieceSeconds) {
    const to = Math.min(seconds, from + pieceSeconds);
    const chunks: SealedChunk[] = [];
    for (let second = from; second < to; second += 1) {
      codecs.forEach((codec, at) => {
        const entries = talkers[at]!(second);
        const chunk = sealer.sealSecond(at + 1, second, entries, rates[codec]);
        trees[at]!.append(chunkLeaf(chunk));
        chunks.push(chunk);
      });
    }
    const bytes = Buffer.concat(sealer.sealPiece({ seq: from / pieceSeconds, fromSecond: from, toSecond: to, final: to === seconds, chunks, state: { revision: from, startedAtMs, tracks: [], ended: null } }));
    const objectName = pieceObjectName({ tenantId, recordingId }, from / pieceSeconds, key.keyId);
    await vault.store.put(objectName, bytes);
    facts.push({ kind: "piece.stored", ...of, object: { objectName, kind: "piece", seq: from / pieceSeconds, keyId: key.keyId, sizeBytes: bytes.length, sha256: sha256(bytes).toString("hex"), fromMs: from * 1000, toMs: to * 1000 } });
  }

  const ledger = createLedger();
  for (const fact of facts) ledger.note(fact);
  const tracks = codecs.map((codec, at): TrackSummary => ({ track: at + 1, codec, sampleRate: rates[codec], offsetMs: 0, durationMs: seconds * 1000, packets: 50 * seconds, packetsLost: 1, packetsUndecodable: 0, speech: [[200, seconds * 1000 - 200]], gaps: [{ fromMs: 1000, toMs: 1020, reason: "loss" }], merkleRoot: Buffer.from(trees[at]!.root()).toString("hex"), chunks: trees[at]!.size, peaks: new Uint8Array(seconds * 10), keyPresses: [] }));
  const { fact, objects } = finalize(ledger.get(recordingId)!, { recordingId, tenantId, startedAtMs, durationMs: seconds * 1000, tracks, pieces: [], recovered: false }, { nodeId: "node-1", key: await vault.createDataKey(tenant), now: new Date(startedAtMs + seconds * 1000 + 500) });
  for (const { name, bytes } of objects) await vault.store.put(name, bytes);
  facts.push(fact);
  await project(db, nodeId, facts);
  return { interactionId, recordingId };
}

async function project(db: Db, nodeId: string, facts: readonly Fact[]): Promise<void> {
  await withSystem(db, (tx) => tx.insertInto("nodes").values({ node_id: nodeId, roles: ["recorder"], version: "0", started_at: new Date(), seen_at: new Date() }).onConflict((conflict) => conflict.doNothing()).execute());
  const projector = createProjector({ db, nodeId, log: createLog("error", { write: () => undefined }), sandboxTrunks: new Set(), databaseReady: Promise.resolve(), finalizing: async () => undefined, applied: () => undefined });
  projector.push(facts.map((fact) => ({ seq: ++seq, fact })));
  for (const until = Date.now() + 10_000; projector.waiting().facts > 0 && Date.now() < until; ) await new Promise((done) => setTimeout(done, 20));
  const { facts: left, rejected } = projector.waiting();
  await projector.close();
  if (left > 0 || rejected > 0) throw new Error(`${left} facts were not written, ${rejected} were refused`);
}

/** Packets of a tone, 50 a second; the second second begins with one that never came. */
function createTalker(codec: "PCMU" | "G722" | "OPUS", at: number): (second: number) => LogEntry[] {
  const rate = rates[codec];
  const packet = rate / 50;
  const encoder = codec === "OPUS" ? new Encoder({ channels: 1, sample_rate: 48_000, application: "voip" }) : null;
  const payload = (from: number): Uint8Array => {
    if (codec === "G722") return Uint8Array.from({ length: packet / 2 }, (_, i) => ((from + i) * 31 + at) & 0xff);
    const pcm = Int16Array.from({ length: packet }, (_, i) => Math.round(6_000 * Math.sin((2 * Math.PI * (300 + 100 * at) * (from + i)) / rate)));
    return encoder === null ? encodeG711("PCMU", pcm) : encoder.encode(pcm).slice();
  };
  return (second) =>
    Array.from({ length: 50 }, (_, number) => {
      const atSample = second * rate + number * packet;
      return second === 1 && number === 0 ? lost(atSample, packet) : { atSample, codec: { PCMU: 1, G722: 3, OPUS: 4 }[codec], payload: payload(atSample) };
    });
}
