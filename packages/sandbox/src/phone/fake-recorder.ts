import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { createServer, type Socket as Stream } from "node:net";
import {
  answerSdp,
  createSipStreamFramer,
  parseNameAddr,
  parseRtp,
  parseSdp,
  parseSipMessage,
  serializeSip,
  SipHeaders,
  type RtpPacket,
  type SdpSession,
  type SipRequest,
  type SipResponse,
} from "@earwitness/media";

/** A recorder for tests of the sandbox's phones: answers, listens and remembers. It decides nothing and stores nothing. */
export interface FakeRecorder {
  readonly port: number;
  /** Every request that arrived, repetitions included. */
  readonly requests: SipRequest[];
  /** What arrived on each label, in order of arrival. */
  readonly audio: ReadonlyMap<string, { packet: RtpPacket; atMs: number }[]>;
  readonly rtcp: Buffer[];
  /** Of all offers, in order. */
  readonly offers: SdpSession[];
  metadata(): string[];
  count(method: string): number;
  /** Sends a request inside the newest dialog and answers what came back. */
  ask(method: string, headers?: readonly (readonly [string, string])[], body?: string): Promise<SipResponse>;
  close(): Promise<void>;
}

export interface FakeRecorderOptions {
  /** Answers to give before the ordinary one, per request as it arrives; "ignore" gives none. */
  readonly before?: (request: SipRequest, count: number) => "ignore" | { status: number; reason: string; headers?: readonly (readonly [string, string])[] } | null;
  readonly inviteHeaders?: readonly (readonly [string, string])[];
}

export async function createFakeRecorder(options: FakeRecorderOptions = {}): Promise<FakeRecorder> {
  const sip = createSocket("udp4");
  await new Promise<void>((resolve) => sip.bind(0, "127.0.0.1", resolve));
  const port = sip.address().port;
  const streams = new Set<Stream>();
  const requests: SipRequest[] = [];
  const offers: SdpSession[] = [];
  const audio = new Map<string, { packet: RtpPacket; atMs: number }[]>();
  const rtcp: Buffer[] = [];
  const media = new Map<string, { rtp: Socket; rtcp: Socket; rtpPort: number; rtcpPort: number }>();
  const pending = new Map<string, (response: SipResponse) => void>();
  const tag = randomBytes(4).toString("hex");
  let dialog: { request: SipRequest; reply: (bytes: Uint8Array) => void } | null = null;
  let version = 0;
  let sequence = 100;

  const bind = async (): Promise<Socket> => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return socket;
  };
  const portsOf = async (key: string, label: string): Promise<{ rtpPort: number; rtcpPort: number }> => {
    const known = media.get(key);
    if (known !== undefined) return known;
    const pair = { rtp: await bind(), rtcp: await bind() };
    const heard = audio.get(label) ?? [];
    audio.set(label, heard);
    pair.rtp.on("message", (bytes) => {
      const packet = parseRtp(bytes);
      if (packet.ok) heard.push({ packet: packet.value, atMs: performance.now() });
    });
    pair.rtcp.on("message", (bytes) => rtcp.push(bytes));
    const entry = { ...pair, rtpPort: pair.rtp.address().port, rtcpPort: pair.rtcp.address().port };
    media.set(key, entry);
    return entry;
  };

  const bodies = (request: SipRequest): { sdp: string | null; xml: string | null } => {
    const text = new TextDecoder().decode(request.body);
    const sdpAt = text.indexOf("v=0");
    const sdp = sdpAt < 0 ? null : text.slice(sdpAt, text.indexOf("--", sdpAt) < 0 ? undefined : text.indexOf("\r\n--", sdpAt));
    const xml = /<\?xml[\s\S]*<\/recording>/.exec(text)?.[0] ?? null;
    return { sdp, xml };
  };

  async function receive(bytes: Uint8Array, reply: (bytes: Uint8Array) => void): Promise<void> {
    const parsed = parseSipMessage(bytes);
    if (!parsed.ok) throw new Error(parsed.reason);
    if (parsed.message.kind === "response") {
      pending.get(parsed.message.headers.get("CSeq") ?? "")?.(parsed.message);
      return;
    }
    const request = parsed.message;
    requests.push(request);
    if (request.method === "ACK") return;
    const headers = new SipHeaders(request.headers.all("Via").map((value) => ["Via", value] as const));
    for (const name of ["From", "To", "Call-ID", "CSeq"]) {
      const value = request.headers.get(name) ?? "";
      headers.add(name, name === "To" && !value.includes("tag=") ? `${value};tag=${tag}` : value);
    }
    const early = options.before?.(request, requests.filter((each) => each.method === request.method).length) ?? null;
    if (early === "ignore") return;
    if (early !== null) {
      for (const [name, value] of early.headers ?? []) headers.add(name, value);
      reply(serializeSip({ kind: "response", status: early.status, reason: early.reason, headers, body: new Uint8Array(0) }));
      return;
    }
    let body = new Uint8Array(0);
    if (request.method === "INVITE") {
      dialog = { request, reply };
      const offer = parseSdp(bodies(request).sdp ?? "");
      if (!offer.ok) throw new Error(offer.reason);
      offers.push(offer.value);
      const callId = request.headers.get("Call-ID") ?? "";
      const decisions = await Promise.all(
        offer.value.media.map(async (line) => ({ kind: "take" as const, ...(await portsOf(`${callId} ${line.label}`, line.label ?? "")), payloadTypes: line.payloads.slice(0, 1).map((each) => each.number) })),
      );
      body = new TextEncoder().encode(answerSdp(offer.value, decisions, { address: "127.0.0.1", sessionId: "1", version: ++version }));
      headers.add("Contact", `<sip:recorder@127.0.0.1:${port}>;+sip.srs`).add("Content-Type", "application/sdp");
      for (const [name, value] of options.inviteHeaders ?? []) headers.add(name, value);
    }
    reply(serializeSip({ kind: "response", status: 200, reason: "OK", headers, body }));
  }

  sip.on("message", (bytes, remote) => void receive(bytes, (out) => sip.send(out, remote.port, remote.address)));
  const server = createServer((stream) => {
    streams.add(stream);
    stream.on("error", () => undefined);
    const framer = createSipStreamFramer();
    stream.on("data", (chunk) => {
      for (const event of framer.push(chunk)) if (event.kind === "message") void receive(event.bytes, (out) => void stream.write(out));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

  return {
    port,
    requests,
    audio,
    rtcp,
    offers,
    metadata: () => requests.flatMap((request) => bodies(request).xml ?? []),
    count: (method) => requests.filter((request) => request.method === method).length,
    async ask(method, headers = [], body = "") {
      if (dialog === null) throw new Error("no dialog");
      const { request, reply } = dialog;
      const cseq = `${++sequence} ${method}`;
      const contact = parseNameAddr(request.headers.get("Contact") ?? "");
      if (!contact.ok) throw new Error(contact.reason);
      const out = new SipHeaders([
        ["Via", `SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${randomBytes(8).toString("hex")}`],
        ["From", `${request.headers.get("To") ?? ""};tag=${tag}`],
        ["To", request.headers.get("From") ?? ""],
        ["Call-ID", request.headers.get("Call-ID") ?? ""],
        ["CSeq", cseq],
        ["Max-Forwards", "70"],
        ...headers,
      ]);
      return await new Promise((resolve) => {
        pending.set(cseq, resolve);
        reply(serializeSip({ kind: "request", method, uri: contact.value.uri, headers: out, body: new TextEncoder().encode(body) }));
      });
    },
    async close() {
      for (const stream of streams) stream.destroy();
      server.close();
      sip.close();
      for (const { rtp, rtcp: control } of media.values()) {
        rtp.close();
        control.close();
      }
    },
  };
}
