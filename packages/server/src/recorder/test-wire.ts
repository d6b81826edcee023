/** For tests: a recording whose clock and packets the test moves, from the datagram to the sealed piece and what is heard of it. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRtp } from "@earwitness/media";
import { mintId } from "#ids";
import { createLog } from "#log";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, type Vault } from "#vault";
import type { StreamOffer } from "./call.ts";
import { createJournal } from "./journal.ts";
import { createLiveRecording } from "./live-recording.ts";
import type { RecordingSummary } from "./media.ts";
import { openRecordingReader, type RecordingReader } from "./reader.ts";
import { openReceiver } from "./receiver.ts";
import { recoverSpool } from "./recover.ts";
import type { UdpListener } from "./udp.ts";

export interface WirePacket {
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
  readonly payloadType?: number;
  readonly ssrc?: number;
  readonly marker?: boolean;
}

export interface WireCall {
  /** Each track has its pair of ports: RTP's is given, RTCP's is the next one, also in order. */
  readonly ports: { readonly port: number; readonly sent: Buffer[]; readonly listener: UdpListener }[];
  readonly vault: Vault;
  readonly tenant: { readonly tenantId: string; readonly publicKey: Uint8Array; readonly publicKeyId: string };
  readonly recordingId: string;
  addTrack(track: number, stream: StreamOffer): Promise<{ rtpPort: number; rtcpPort: number }>;
  changeTrack(track: number, stream: StreamOffer): Promise<{ rtpPort: number; rtcpPort: number }>;
  /** The recorder's clock goes on to this media time, with every beat on the way. */
  pass(toMs: number): void;
  /** A packet that comes at this media time, from the sender's address, at the port (as of `ports`). `waitedMs`: it lay in the socket for so long. */
  send(atMs: number, packet: WirePacket, to?: { port?: number; fromPort?: number; waitedMs?: number }): void;
  sendBytes(atMs: number, bytes: Uint8Array, to?: { port?: number; fromPort?: number; waitedMs?: number }): void;
  stats(): { packets: number; packetsLost: number; packetsLate: number; packetsDropped: number };
  finish(atMs: number): Promise<RecordingSummary>;
  /** The process dies with what it has synced, pieces that were due and the journal; the next one recovers the recording. */
  crash(): Promise<RecordingSummary>;
  read(summary: RecordingSummary): Promise<RecordingReader>;
  close(): Promise<void>;
}

export const wireAddress = "192.0.2.10";
const beatMs = 200;

export async function createWireCall(options: { readonly pieceMs?: number } = {}): Promise<WireCall> {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-wire-"));
  const vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const tenantId = randomUUID();
  const tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
  const spoolDir = join(dir, "spool");
  const journal = createJournal({ dir: join(spoolDir, "journal"), owner: "wire-1" });
  const startedAtMs = Date.now();
  const recordingId = mintId(new Date(startedAtMs));
  const ports: WireCall["ports"] = [];
  let clock = 0;
  let beats = 0;
  const live = createLiveRecording({
    recording: { recordingId, tenantId, startedAtMs, key: await vault.createDataKey(tenant) },
    journal,
    piecesDir: join(spoolDir, "pieces"),
    pieceMs: options.pieceMs ?? 60_000,
    now: () => clock,
    onPiece: () => undefined,
    openReceiver: (stream, onPacket) =>
      openReceiver({
        bindAddress: "127.0.0.1",
        rtpPort: 0,
        stream,
        onPacket,
        now: () => clock,
        open: async (_address, _port, listener) => {
          const socket = { port: 10_000 + ports.length, sent: [] as Buffer[], listener };
          ports.push(socket);
          return { port: socket.port, send: (bytes) => void socket.sent.push(Buffer.from(bytes)), close: async () => undefined };
        },
      }),
  });

  function pass(toMs: number): void {
    for (; (beats + 1) * beatMs <= toMs; beats += 1) {
      clock = Math.max(clock, (beats + 1) * beatMs);
      live.beat(true);
    }
    clock = Math.max(clock, toMs);
  }

  const call: WireCall = {
    ports,
    vault,
    tenant,
    recordingId,
    async addTrack(track, stream) {
      const { rtpPort, rtcpPort } = await live.addTrack(track, stream, clock);
      return { rtpPort, rtcpPort };
    },
    async changeTrack(track, stream) {
      const { rtpPort, rtcpPort } = await live.changeTrack(track, stream, clock);
      return { rtpPort, rtcpPort };
    },
    pass,
    send(atMs, packet, to) {
      call.sendBytes(atMs, buildRtp({ payloadType: 0, ssrc: 0xabc, ...packet, sequence: packet.sequence & 0xffff, timestamp: packet.timestamp >>> 0 }), to);
    },
    sendBytes(atMs, bytes, { port = 0, fromPort = 4_000, waitedMs = 0 } = {}) {
      pass(atMs + waitedMs);
      const lent = Buffer.from(bytes);
      ports[port]!.listener(lent, wireAddress, fromPort, waitedMs);
      lent.fill(0xee); // the next packet of the socket lies there
    },
    stats: () => live.stats(),
    async finish(atMs) {
      pass(atMs);
      const summary = await live.finish(atMs);
      for (const piece of summary.pieces) await vault.store.putFile(piece.objectName, piece.path);
      return summary;
    },
    async crash() {
      await live.writePieces();
      await journal.commit();
      await journal.close();
      const [recovered] = await recoverSpool({ spoolDir, vault, tenantOf: () => tenant, now: () => new Date(startedAtMs + clock), log: createLog("silent") });
      for (const piece of recovered!.summary.pieces) await vault.store.putFile(piece.objectName, piece.path);
      return recovered!.summary;
    },
    read: (summary) => openRecordingReader({ vault, tenantId, recordingId, objects: summary.pieces.map((piece) => ({ ...piece, kind: "piece" })), tracks: summary.tracks }),
    async close() {
      await live.close();
      await journal.close();
      await vault.close();
      await rm(dir, { recursive: true });
    },
  };
  return call;
}
