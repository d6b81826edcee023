import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import { createSipStreamFramer, parseSipMessage, serializeSip, SipHeaders } from "@earwitness/media";
import type { SipHeaderField, SipMessage, SipRequest, SipResponse } from "@earwitness/media";

/** A recording client for tests: writes every byte itself, over real sockets, so that it can also write wrong ones. */
export interface TestClient {
  readonly address: string;
  readonly port: number;
  readonly received: SipMessage[];
  /** What our own parser refuses: answers that had to repeat a malformed header. */
  readonly unreadable: string[];
  send(bytes: Uint8Array | string): void;
  /** The next message, not yet taken, that fits. */
  next(fits?: (message: SipMessage) => boolean, waitMs?: number): Promise<SipMessage>;
  response(status: number): Promise<SipResponse>;
  request(method: string): Promise<SipRequest>;
  /** Rejects if anything that fits comes within `forMs`. */
  silence(forMs: number, fits?: (message: SipMessage) => boolean): Promise<void>;
  /** Answers a request of the server. */
  reply(request: SipRequest, status: number, headers?: readonly SipHeaderField[], body?: string): void;
  close(): Promise<void>;
}

export async function createTestClient(kind: "udp" | "tcp" | "tls", serverPort: number, from = "127.0.0.1", tls: ConnectionOptions = {}): Promise<TestClient> {
  const received: SipMessage[] = [];
  const unreadable: string[] = [];
  const untaken: SipMessage[] = [];
  const listeners = new Set<() => void>();

  function arrive(bytes: Uint8Array): void {
    const result = parseSipMessage(bytes);
    if (!result.ok) return void unreadable.push(result.reason);
    received.push(result.message);
    untaken.push(result.message);
    for (const listener of listeners) listener();
  }

  let write: (bytes: Uint8Array | string) => void;
  let local: { address: string; port: number };
  let close: () => Promise<void>;
  if (kind === "udp") {
    const socket = createSocket("udp4");
    await new Promise<void>((bound) => socket.bind(0, from, bound));
    socket.on("message", arrive);
    local = socket.address();
    write = (bytes) => socket.send(bytes, serverPort, "127.0.0.1");
    close = () => new Promise((closed) => socket.close(() => closed()));
  } else {
    const to = { port: serverPort, host: "127.0.0.1", localAddress: from };
    const socket = kind === "tls" ? connectTls({ ...to, rejectUnauthorized: false, ...tls }) : connect(to);
    await new Promise<void>((connected, fail) => socket.once(kind === "tls" ? "secureConnect" : "connect", connected).once("error", fail));
    const framer = createSipStreamFramer();
    socket.on("data", (chunk) => {
      for (const event of framer.push(chunk)) if (event.kind === "message") arrive(event.bytes);
    });
    socket.on("error", () => undefined);
    local = { address: socket.localAddress!, port: socket.localPort! };
    write = (bytes) => void socket.write(bytes);
    close = () => new Promise((closed) => (socket.destroyed ? closed() : socket.once("close", () => closed()).destroy()));
  }

  const client: TestClient = {
    address: local.address,
    port: local.port,
    received,
    unreadable,
    send: (bytes) => write(bytes),
    next(fits = () => true, waitMs = 3_000) {
      return new Promise((found, fail) => {
        const look = (): void => {
          const index = untaken.findIndex(fits);
          if (index < 0) return;
          clearTimeout(timeout);
          listeners.delete(look);
          found(untaken.splice(index, 1)[0]!);
        };
        const timeout = setTimeout(() => {
          listeners.delete(look);
          fail(new Error(`nothing fitting came; untaken: ${untaken.map((one) => (one.kind === "request" ? one.method : one.status)).join(" ")} ${unreadable.join(", ")}`));
        }, waitMs);
        listeners.add(look);
        look();
      });
    },
    response: (status) => client.next((message) => message.kind === "response" && message.status === status) as Promise<SipResponse>,
    request: (method) => client.next((message) => message.kind === "request" && message.method === method) as Promise<SipRequest>,
    async silence(forMs, fits = () => true) {
      const came = await client.next(fits, forMs).catch(() => null);
      if (came !== null) throw new Error(`not silent: ${came.kind === "request" ? came.method : came.status}`);
    },
    reply(request, status, headers = [], body = "") {
      const answer = new SipHeaders();
      for (const name of ["Via", "From", "To", "Call-ID", "CSeq"]) for (const value of request.headers.all(name)) answer.add(name, value);
      for (const [name, value] of headers) answer.add(name, value);
      write(serializeSip({ kind: "response", status, reason: "Because", headers: answer, body: new TextEncoder().encode(body) }));
    },
    close: () => close(),
  };
  return client;
}

export interface Message {
  readonly headers?: readonly SipHeaderField[];
  readonly contentType?: string;
  readonly body?: string;
}

/** One dialog as the client sees it. Every method sends and returns the bytes, for whoever wants to send them again. */
export interface TestCall {
  readonly callId: string;
  readonly kind: "udp" | "tcp" | "tls";
  /** Learned from a response: the server's tag. */
  toTag: string | null;
  readonly fromTag: string;
  cseq: number;
  send(method: string, message?: Message & { readonly branch?: string; readonly cseq?: number; readonly uri?: string }): Uint8Array;
  ack(cseq?: number): void;
  /** INVITE, 200, ACK. */
  establish(message?: Message): Promise<SipResponse>;
}

export function createTestCall(client: TestClient, kind: "udp" | "tcp" | "tls", callId = randomBytes(8).toString("hex")): TestCall {
  const fromTag = randomBytes(4).toString("hex");
  const call: TestCall = {
    callId,
    kind,
    fromTag,
    toTag: null,
    cseq: 0,
    send(method, { headers = [], contentType, body = "", branch, cseq, uri } = {}) {
      const sequence = cseq ?? (method === "ACK" || method === "CANCEL" ? call.cseq : (call.cseq += 1));
      const all = new SipHeaders([
        ["Via", `SIP/2.0/${kind.toUpperCase()} ${client.address}:${client.port};rport;branch=${branch ?? `z9hG4bK${randomBytes(6).toString("hex")}`}`],
        ["Max-Forwards", "70"],
        ["From", `"Ann" <sip:ann@client.example>;tag=${fromTag}`],
        ["To", `<sip:bob@client.example>${call.toTag === null ? "" : `;tag=${call.toTag}`}`],
        ["Call-ID", callId],
        ["CSeq", `${sequence} ${method}`],
        ["Contact", `<sip:src@${client.address}:${client.port};transport=${kind}>;+sip.src`],
        ["Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS"],
      ]);
      for (const [name, value] of headers) {
        if (value === "") all.delete(name);
        else if (["To", "Max-Forwards", "Via", "Allow", "From", "CSeq"].includes(name)) all.set(name, value);
        else all.add(name, value);
      }
      if (contentType !== undefined) all.add("Content-Type", contentType);
      const request: SipRequest = { kind: "request", method, uri: uri ?? "sip:srs@127.0.0.1", headers: all, body: new TextEncoder().encode(body) };
      const bytes = serializeSip(request);
      client.send(bytes);
      return bytes;
    },
    ack: (cseq) => void call.send("ACK", cseq === undefined ? {} : { cseq }),
    async establish(message) {
      call.send("INVITE", message ?? siprecBody());
      const response = (await client.next((one) => one.kind === "response" && one.status >= 200 && one.headers.get("Call-ID") === callId)) as SipResponse;
      call.toTag = /tag=(.+)$/.exec(response.headers.get("To") ?? "")?.[1] ?? null;
      if (response.status === 200) call.ack();
      return response;
    },
  };
  return call;
}

export interface OfferedLine {
  readonly label?: string;
  readonly port?: number;
  readonly codec?: number;
  readonly direction?: string;
  readonly kind?: string;
  readonly connection?: string;
}

/** An offer: one m-line per entry; port 0 takes the line away. */
export function sdpOf(...lines: readonly OfferedLine[]): string {
  const media = lines.map(({ label, port = 30_000, codec = 8, direction = "sendonly", kind = "audio", connection }, index) => [
    `m=${kind} ${port === 0 ? 0 : port + 2 * index} RTP/AVP ${codec} 101`,
    ...(connection === undefined ? [] : [`c=IN IP4 ${connection}`]),
    ...(codec === 18 ? ["a=rtpmap:18 G729/8000"] : codec === 8 ? ["a=rtpmap:8 PCMA/8000"] : []),
    "a=rtpmap:101 telephone-event/8000",
    `a=${direction}`,
    ...(label === undefined ? [] : [`a=label:${label}`]),
  ]);
  return ["v=0", "o=src 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", ...media.flat(), ""].join("\r\n");
}

/** A complete document about two people on labels 1 and 2. */
export const twoPeople = `<?xml version="1.0"?><recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>
<group group_id="g1"/><session session_id="s1"><sipSessionID>8c0a70a7a84547f9953a5154281fa6f5;remote=0db317d94c8e4fa3969a73bf4c83cf3b</sipSessionID><group-ref>g1</group-ref><start-time>2026-11-20T09:15:00Z</start-time></session>
<participant participant_id="p1"><nameID aor="sip:Trader1@Bank.example"><name>Trader One</name></nameID></participant>
<participant participant_id="p2"><nameID aor="tel:+49301234567"/></participant>
<stream stream_id="t1" session_id="s1"><label>1</label></stream><stream stream_id="t2" session_id="s1"><label>2</label></stream>
<participantsessionassoc participant_id="p1" session_id="s1"><associate-time>2026-11-20T09:15:00Z</associate-time></participantsessionassoc>
<participantsessionassoc participant_id="p2" session_id="s1"><associate-time>2026-11-20T09:15:00Z</associate-time></participantsessionassoc>
<participantstreamassoc participant_id="p1"><send>t1</send><recv>t2</recv></participantstreamassoc>
<participantstreamassoc participant_id="p2"><send>t2</send><recv>t1</recv></participantstreamassoc></recording>`;

export const partial = (content: string): string =>
  `<?xml version="1.0"?><recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>partial</datamode>${content}</recording>`;

export function siprecBody(sdp: string | null = sdpOf({ label: "1" }, { label: "2" }), metadata: string | null = twoPeople, type = "application/rs-metadata+xml"): Message {
  const parts = [
    ...(sdp === null ? [] : [`--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n`]),
    ...(metadata === null ? [] : [`--b\r\nContent-Type: ${type}\r\nContent-Disposition: recording-session\r\n\r\n${metadata}\r\n`]),
  ];
  return { contentType: "multipart/mixed;boundary=b", body: `${parts.join("")}--b--\r\n`, headers: [["Require", "siprec"]] };
}
