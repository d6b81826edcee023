/** The calls that must not suffer: two streams each, a tone of its own on every stream, and short calls that come and go meanwhile. */
import { randomBytes } from "node:crypto";
import { mediaAddress, parseNameAddr, parseSdp } from "@earwitness/media";
import type { SipResponse } from "@earwitness/media";
import { encodeAudio } from "../../packages/sandbox/src/phone/audio.ts";
import { createMetadata } from "../../packages/sandbox/src/phone/metadata.ts";
import { buildMultipart, buildOffer } from "../../packages/sandbox/src/phone/offer.ts";
import { createPacer } from "../../packages/sandbox/src/phone/pacer.ts";
import { createRtpSender } from "../../packages/sandbox/src/phone/rtp-sender.ts";
import { createSipLine } from "../../packages/sandbox/src/phone/sip-line.ts";
import { sbcAddress } from "../../packages/sandbox/src/provision.ts";
import { taskOf, tell } from "./messages.ts";
import type { CallsTask, SentStream, StreamTarget, ToCalls } from "./messages.ts";
import { toneOf } from "./tones.ts";

const task = taskOf<CallsTask>();
const pacer = createPacer();
const line = await createSipLine({ transport: "udp", localAddress: sbcAddress, server: { host: "127.0.0.1", port: task.sipPort } });
const byes: number[] = [];
const invites: number[] = [];
const failed: string[] = [];

async function timed<T>(into: number[], work: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await work();
  into.push(performance.now() - from);
  return result;
}

interface Call {
  readonly callId: string;
  readonly targets: readonly StreamTarget[];
  /** Hangs up; answers what was sent. */
  bye(): Promise<readonly SentStream[]>;
}

async function place(number: number, withMedia: boolean): Promise<Call> {
  const now = new Date();
  const callId = `flood-${number}-${randomBytes(6).toString("hex")}`;
  const tag = randomBytes(6).toString("hex");
  const metadata = createMetadata({}, now);
  metadata.startSession(now);
  const streams = await Promise.all(
    [0, 1].map(async (side) => {
      const hz = toneOf(2 * number + side);
      const sender = await createRtpSender({ localAddress: sbcAddress, codec: "PCMU", pacer, cname: "flood" });
      if (withMedia) sender.play(encodeAudio({ kind: "tone", frequencyHz: hz, bursts: [{ atMs: 0, durationMs: task.seconds * 1000 }] }, "PCMU"));
      const address = `sip:c${number}s${side}@flood.example`;
      return { address, hz, sender, participant: metadata.addParticipant(null, address, now), stream: metadata.addStream(String(side + 1)) };
    }),
  );
  for (const [side, { participant, stream }] of streams.entries()) metadata.associate(participant.id, [stream.id], [streams[1 - side]!.stream.id], now);
  const offer = buildOffer(streams.map(({ sender }, side) => ({ label: String(side + 1), rtpPort: sender.rtpPort, rtcpPort: sender.rtcpPort, state: "sendonly" as const })), "PCMU", sbcAddress, String(number), 1);
  const { contentType, body } = buildMultipart(offer, metadata.complete(), `b${tag}`);
  const from = `<sip:sbc@flood.example>;tag=${tag}`;
  let to = "<sip:recorder@flood.example>";
  let target = `sip:recorder@127.0.0.1:${task.sipPort}`;
  line.attach(callId, { request: () => ({ status: 200, reason: "OK" }), repeatAck: () => ack() });
  const headers = (method: string, sequence: number): [string, string][] => [["From", from], ["To", to], ["Call-ID", callId], ["CSeq", `${sequence} ${method}`]];
  const ack = (): void => line.send({ method: "ACK", uri: target, headers: headers("ACK", 1) });
  const response: SipResponse = await timed(invites, () =>
    line.request({ method: "INVITE", uri: target, headers: [...headers("INVITE", 1), ["Contact", `<sip:sbc@${sbcAddress}:${line.localPort()}>;+sip.src`], ["Require", "siprec"], ["Content-Type", contentType]], body }),
  );
  if (response.status !== 200) throw new Error(`call ${number} was answered ${response.status}`);
  to = response.headers.get("To") ?? to;
  const contact = parseNameAddr(response.headers.get("Contact") ?? "");
  if (contact.ok) target = contact.value.uri;
  ack();
  const answer = parseSdp(response.body);
  const remotes = answer.ok ? answer.value.media.map(mediaAddress) : [];
  if (withMedia) {
    await Promise.all(streams.map(async ({ sender }, side) => {
      const remote = remotes[side];
      if (remote === undefined || remote === null) throw new Error(`call ${number} has no port for stream ${side}`);
      await sender.start(remote);
    }));
  }
  return {
    callId,
    targets: streams.map(({ sender }, side) => ({ rtpPort: remotes[side]?.rtpPort ?? 0, ssrc: sender.ssrc })),
    async bye() {
      for (const { sender } of streams) sender.pause();
      // The last packets are on their way; a client that hangs up first would cut itself short.
      await new Promise((soon) => setTimeout(soon, 60));
      const goodbye = await timed(byes, () => line.request({ method: "BYE", uri: target, headers: headers("BYE", 2) }));
      if (goodbye.status !== 200) failed.push(`BYE of ${callId} was answered ${goodbye.status}`);
      const sent = streams.map(({ address, hz, sender }) => ({ address, hz, packets: sender.sent() }));
      line.detach(callId);
      await Promise.all(streams.map(({ sender }) => sender.close()));
      return sent;
    },
  };
}

const calls: Call[] = [];
for (let number = 0; number < task.calls; number += 1) calls.push(await place(number, true));
tell({ kind: "open", streams: calls.flatMap(({ targets }) => targets) });

const ending = new AbortController();
let passing: Promise<void> = Promise.resolve();
let passed = 0;

/** Set up and hang up while the flood is on: more answers to time than the calls themselves give. */
async function passBy(): Promise<void> {
  while (!ending.signal.aborted) {
    passed += 1;
    try {
      const call = await place(task.calls + passed, false);
      await call.bye();
    } catch (thrown) {
      failed.push(thrown instanceof Error ? thrown.message : String(thrown));
    }
    await new Promise((soon) => setTimeout(soon, 400));
  }
}

process.on("message", (message: ToCalls) => {
  if (message.kind === "flooded") passing = passBy();
  else void end();
});

async function end(): Promise<void> {
  ending.abort();
  await passing;
  const ended = await Promise.all(
    calls.map(async (call, index) => {
      await new Promise((turn) => setTimeout(turn, index * 60));
      return { callId: call.callId, streams: await call.bye() };
    }),
  );
  tell({ kind: "done", calls: ended, byes, invites, failed });
  await line.close();
  pacer.close();
  process.disconnect();
}
