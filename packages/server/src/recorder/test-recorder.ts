/** For tests: a process that records one call and says so, until somebody kills it. Arguments: spool, recording as JSON. */
import { createLog } from "#log";
import { createMediaPool } from "./media-pool.ts";
import type { OpenRecording } from "./media.ts";

const [spoolDir, recordingJson] = process.argv.slice(2);
const recording = JSON.parse(recordingJson ?? "") as Omit<OpenRecording, "key"> & { key: { keyId: string; bytes: string } };
const pool = await createMediaPool({ workers: 1, bindAddress: "127.0.0.1", rtpPorts: [0, 0], spoolDir: spoolDir ?? "", log: createLog("silent"), pieceMs: 2_000 });
await pool.open({ ...recording, key: { origin: "minted", keyId: recording.key.keyId, bytes: Buffer.from(recording.key.bytes, "hex") } });
const payloads = [{ number: 0, codec: "PCMU", clockRateHz: 8000 }] as const;
const ports = await Promise.all([1, 2].map((track) => pool.addTrack(recording.recordingId, track, { label: `${track}`, payloads, remote: null, sending: true }, 0)));
process.send?.(ports);
