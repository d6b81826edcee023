/**
 * A session border controller of a benchmark, in a process of its own: places many two-stream calls over UDP, sends G.711 on all of
 * them from one socket, ends them all at once. Cheap on purpose: it shares the machine with what it measures. Loopback only.
 *
 * Told by IPC: `{ kind: "open", calls, perSecond, packetsPerSecond }`, `{ kind: "end" }`, `{ kind: "quit" }`.
 */
import { createSocket, type Socket } from "node:dgram";
import { parseSdp, parseSipMessage } from "@earwitness/media";

export interface OpenOrder {
  readonly kind: "open";
  readonly server: number;
  readonly calls: number;
  /** INVITEs a second. */
  readonly perSecond: number;
  /** Of each stream; 0: none is sent. */
  readonly packetsPerSecond: number;
  /** Which calls of how many clients, for addresses and ids. */
  readonly name: string;
}

export type LoadSays =
  | { readonly kind: "opened"; readonly calls: number; readonly refused: number; readonly ms: number; readonly setupMs: readonly number[] }
  /** By Call-ID: when BYE was sent, wall time. */
  | { readonly kind: "ended"; readonly byes: readonly (readonly [callId: string, atMs: number])[]; readonly answerMs: readonly number[]; readonly packets: number };

interface Call {
  readonly id: string;
  readonly tag: string;
  invitedAt: number;
  toTag: string;
  target: string;
  ports: readonly number[];
  byeAt: number;
}

const host = "127.0.0.1";
const retransmitMs = 500;
const sip = createSocket("udp4");
const rtp = createSocket("udp4");
const calls = new Map<string, Call>();
const waiting = new Map<string, (status: number, text: Buffer) => void>();
let packets = 0;
let sending: NodeJS.Timeout | null = null;

const bound = (socket: Socket) => new Promise<number>((done) => socket.bind(0, host, () => done(socket.address().port)));

function inviteText(call: Call, sipPort: number, rtpPort: number, index: number, name: string): string {
  const line = (label: number): string => `m=audio ${rtpPort} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendonly\r\na=label:${label}\r\n`;
  const sdp = `v=0\r\no=load 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\n${line(1)}${line(2)}`;
  const id = (part: string): string => Buffer.from(`${name}-${index}-${part}`.padEnd(16).slice(0, 16)).toString("base64");
  const associations = ["a", "b"].map((who) => `<participantsessionassoc participant_id="${id(who)}" session_id="${id("s")}"/>`).join("");
  const streams = ["a", "b"].map((who, at) => `<stream stream_id="${id(`${who}-stream`)}" session_id="${id("s")}"><label>${at + 1}</label></stream>`).join("");
  const sends = ["a", "b"].map((who) => `<participantstreamassoc participant_id="${id(who)}"><send>${id(`${who}-stream`)}</send></participantstreamassoc>`).join("");
  const metadata = `<?xml version="1.0" encoding="UTF-8"?>\r\n<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode><session session_id="${id("s")}"/><participant participant_id="${id("a")}"><nameID aor="sip:load${index}@elsewhere.example"><name>Caller ${index}</name></nameID></participant><participant participant_id="${id("b")}"><nameID aor="sip:adelev@contoso.example"/></participant>${streams}${associations}${sends}</recording>`;
  const body = `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n--b\r\nContent-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n${metadata}\r\n--b--\r\n`;
  return `${head(call, "INVITE", 1, sipPort)}Contact: <sip:load@${host}:${sipPort}>;+sip.src\r\nRequire: siprec\r\nContent-Type: multipart/mixed;boundary=b\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function head(call: Call, method: string, sequence: number, sipPort: number): string {
  const to = call.toTag === "" ? `<sip:srs@${host}>` : `<sip:srs@${host}>;tag=${call.toTag}`;
  return `${method} ${call.target} SIP/2.0\r\nVia: SIP/2.0/UDP ${host}:${sipPort};branch=z9hG4bK${call.tag}${method === "ACK" ? "ack" : sequence};rport\r\nMax-Forwards: 70\r\nFrom: <sip:load@${host}>;tag=${call.tag}\r\nTo: ${to}\r\nCall-ID: ${call.id}\r\nCSeq: ${sequence} ${method}\r\n`;
}

/** Sends until it is answered finally; answers the status. */
function ask(call: Call, sequence: number, text: string, server: number): Promise<{ status: number; text: Buffer; ms: number }> {
  const bytes = Buffer.from(text);
  const began = performance.now();
  return new Promise((done) => {
    const key = `${call.id} ${sequence}`;
    let tries = 0;
    const send = (): void => {
      sip.send(bytes, server, host);
      tries += 1;
      again = setTimeout(tries < 10 ? send : () => finish(408, Buffer.alloc(0)), retransmitMs * 2 ** Math.min(tries - 1, 3));
    };
    let again: NodeJS.Timeout;
    const finish = (status: number, answer: Buffer): void => {
      clearTimeout(again);
      waiting.delete(key);
      done({ status, text: answer, ms: performance.now() - began });
    };
    waiting.set(key, finish);
    send();
  });
}

sip.on("message", (bytes) => {
  // Only the lines that are needed: parsing a thousand answers whole would cost more than the recorder's own work.
  const text = bytes.toString("latin1");
  const status = Number(text.slice(8, 11));
  if (!text.startsWith("SIP/2.0") || status < 200) return;
  const callId = /^Call-ID: (.*)\r$/im.exec(text)?.[1] ?? "";
  const sequence = /^CSeq: (\d+)/im.exec(text)?.[1] ?? "";
  waiting.get(`${callId} ${sequence}`)?.(status, bytes);
});

async function open(order: OpenOrder): Promise<LoadSays> {
  const [sipPort, rtpPort] = [await bound(sip), await bound(rtp)];
  sip.setRecvBufferSize(4 * 1024 * 1024);
  rtp.setSendBufferSize(4 * 1024 * 1024);
  const began = performance.now();
  const setupMs: number[] = [];
  let refused = 0;
  const each = async (index: number): Promise<void> => {
    const call: Call = { id: `${order.name}-${index}@load`, tag: `${order.name}${index}`, invitedAt: performance.now(), toTag: "", target: `sip:srs@${host}:${order.server}`, ports: [], byeAt: 0 };
    const { status, text, ms } = await ask(call, 1, inviteText(call, sipPort, rtpPort, index, order.name), order.server);
    const answer = status === 200 ? parseSipMessage(text) : null;
    const sdp = answer?.ok === true ? parseSdp(answer.message.body) : null;
    if (answer?.ok !== true || sdp?.ok !== true) {
      refused += 1;
      return;
    }
    call.toTag = /;tag=([^;\s]+)/.exec(answer.message.headers.get("To") ?? "")?.[1] ?? "";
    call.target = /<([^>]+)>/.exec(answer.message.headers.get("Contact") ?? "")?.[1] ?? call.target;
    call.ports = sdp.value.media.map((media) => media.port);
    sip.send(Buffer.from(`${head(call, "ACK", 1, sipPort)}Content-Length: 0\r\n\r\n`), order.server, host);
    setupMs.push(ms);
    calls.set(call.id, call);
  };
  const started: Promise<void>[] = [];
  for (let index = 0; index < order.calls; index += 1) {
    started.push(each(index));
    const wait = began + ((index + 1) * 1000) / order.perSecond - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  await Promise.all(started);
  const ms = performance.now() - began;
  if (order.packetsPerSecond > 0) send(order.packetsPerSecond);
  server = order.server;
  port = sipPort;
  return { kind: "opened", calls: calls.size, refused, ms, setupMs };
}

let server = 0;
let port = 0;

/** Every beat of 10 ms its share of all streams, so that no beat is a burst. A stream's timestamps go on with time, whatever is sent of it. */
function send(packetsPerSecond: number): void {
  const streams = [...calls.values()].flatMap((call, at) => call.ports.map((to, place) => ({ to, sequence: 0, packet: packetOf(at * 2 + place) })));
  const began = performance.now();
  let sent = 0;
  sending = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * packetsPerSecond * streams.length);
    for (; sent < due; sent += 1) {
      const stream = streams[sent % streams.length]!;
      const packet = stream.packet;
      packet.writeUInt16BE(stream.sequence & 0xffff, 2);
      packet.writeUInt32BE((stream.sequence * 160) >>> 0, 4);
      stream.sequence += 1;
      rtp.send(Buffer.from(packet), stream.to, host);
      packets += 1;
    }
  }, 10);
}

function packetOf(ssrc: number): Buffer {
  const packet = Buffer.alloc(172, 0x55);
  packet.writeUInt16BE(0x8000, 0);
  packet.writeUInt32BE(ssrc + 1, 8);
  return packet;
}

async function end(): Promise<LoadSays> {
  if (sending !== null) clearInterval(sending);
  const answers = await Promise.all(
    [...calls.values()].map((call) => {
      call.byeAt = performance.timeOrigin + performance.now();
      return ask(call, 2, `${head(call, "BYE", 2, port)}Content-Length: 0\r\n\r\n`, server);
    }),
  );
  return { kind: "ended", byes: [...calls.values()].map((call) => [call.id, call.byeAt] as const), answerMs: answers.map(({ ms }) => ms), packets };
}

process.on("message", (order: OpenOrder | { kind: "end" } | { kind: "quit" }) => {
  if (order.kind === "quit") process.exit(0);
  void (order.kind === "open" ? open(order) : end()).then((says) => process.send?.(says));
});
process.on("disconnect", () => process.exit(0));
