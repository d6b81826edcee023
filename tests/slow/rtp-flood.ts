/** RTP from sources that are nobody's, to the ports of running calls, with the right payload type and each stream's own SSRC. */
import { createSocket } from "node:dgram";
import { isIP } from "node:net";
import { buildRtp } from "@earwitness/media";
import { encodeAudio } from "../../packages/sandbox/src/phone/audio.ts";
import { taskOf, tell } from "./messages.ts";
import type { RtpFloodTask } from "./messages.ts";
import { atSteadyRate } from "./steady-rate.ts";
import { foreignHz } from "./tones.ts";

const { perSecond, targets, ownAddress } = taskOf<RtpFloodTask>();
const second = encodeAudio({ kind: "tone", frequencyHz: foreignHz, bursts: [{ atMs: 0, durationMs: 1_000 }], levelDbfs: -3 }, "PCMU");

/** One in four comes from the very address of the calls, so that only the port tells it from theirs. */
const addresses = [ownAddress, "127.0.0.66", "127.0.0.67", "127.0.0.68"];
const sockets = await Promise.all(
  addresses.map(async (address) => {
    const socket = createSocket({ type: "udp4", lookup: (host, _options, done) => done(null, host, isIP(host)) });
    socket.on("error", () => undefined);
    await new Promise<void>((bound) => socket.bind(0, address, bound));
    return socket;
  }),
);

const rate = atSteadyRate(perSecond, (count) => {
  const target = targets[count % targets.length]!;
  const frame = Math.floor(count / targets.length);
  const at = (frame % 50) * 160;
  const packet = buildRtp({ payloadType: 0, sequence: frame & 0xffff, timestamp: (frame * 160) >>> 0, ssrc: target.ssrc, payload: second.subarray(at, at + 160) });
  sockets[(count + frame) % sockets.length]!.send(packet, target.rtpPort, "127.0.0.1");
});

process.on("message", () => {
  rate.stop();
  tell({ kind: "count", sent: rate.done, answers: {} });
  for (const socket of sockets) socket.close();
  process.disconnect();
});
