/** A spool as a recorder leaves it that is killed under many calls, made faster than the calls would last. */
import { randomBytes, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildRtp } from "@earwitness/media";
import { mintId } from "../packages/server/src/ids/index.ts";
import { createJournal } from "../packages/server/src/recorder/journal.ts";
import { createLiveRecording, type LiveRecording } from "../packages/server/src/recorder/live-recording.ts";
import { openReceiver } from "../packages/server/src/recorder/receiver.ts";
import type { UdpListener } from "../packages/server/src/recorder/udp.ts";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault } from "../packages/server/src/vault/index.ts";
import { loadPayload, loadPayloads } from "./rtp-load.ts";

const beatMs = 200;
const packetMs = 20;
const sender = "192.0.2.10";

/** Two streams of G.711 each; with its keys, in the clear as far as this machine goes. */
export async function makeSpool(dir: string, calls: number, seconds: number): Promise<void> {
  const vault = createVault({ store: createLocalStore(join(dir, "store")), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  const tenantId = randomUUID();
  const tenant = { tenantId, ...(await vault.keyring.ensure(tenantId)) };
  await writeFile(join(dir, "tenant"), tenantId);
  const spoolDir = join(dir, "spool");
  const journal = createJournal({ dir: join(spoolDir, "journal"), owner: `made-${randomBytes(3).toString("hex")}` });
  const startedAtMs = Date.now() - seconds * 1000;
  const payloads = loadPayloads();
  let clock = 0;
  const streams: UdpListener[] = [];
  const recordings: LiveRecording[] = [];
  for (let call = 0; call < calls; call += 1) {
    const live = createLiveRecording({
      recording: { recordingId: mintId(new Date(startedAtMs)), tenantId, startedAtMs, key: await vault.createDataKey(tenant) },
      journal,
      piecesDir: join(spoolDir, "pieces"),
      pieceMs: 55_000,
      now: () => clock,
      onPiece: () => undefined,
      openReceiver: (stream, onPacket) => {
        let ports = 0;
        return openReceiver({
          bindAddress: "127.0.0.1",
          rtpPort: 0,
          stream,
          onPacket,
          now: () => clock,
          async open(_address, _port, listener) {
            ports += 1;
            if (ports === 1) streams.push(listener);
            return { port: 10_000 + ports, send: () => undefined, close: async () => undefined };
          },
        });
      },
    });
    for (const track of [1, 2]) await live.addTrack(track, { label: `${track}`, payloads: [{ number: 0, codec: "PCMU", clockRateHz: 8_000 }], remote: null, sending: true }, 0);
    recordings.push(live);
  }
  for (let packet = 0; packet * packetMs < seconds * 1000; packet += 1) {
    clock = packet * packetMs;
    for (const [stream, listener] of streams.entries()) listener(Buffer.from(buildRtp({ payloadType: 0, sequence: packet & 0xffff, timestamp: packet * 160, ssrc: stream + 1, payload: loadPayload(payloads, stream, packet) })), sender, 4_000, 0);
    if (clock % beatMs !== 0) continue;
    for (const recording of recordings) {
      recording.beat(true);
      if (recording.piecesDue) await recording.writePieces();
    }
    await journal.commit();
  }
  await journal.close(); // and nothing of the recordings: the process is dead
  await vault.close();
}
