import { randomBytes } from "node:crypto";
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { createSipStreamFramer, parseCSeq, parseSipMessage, parseVia, serializeSip, SipHeaders, type SipRequest, type SipResponse } from "@earwitness/media";

/**
 * The SIP side of a session border controller: one local port, client and server transactions (RFC 3261 17), shared by all its calls.
 * Bodies of several kilobytes go over UDP here because loopback carries 64 kB datagrams; across a network such a message needs TCP.
 */
export interface SipLine {
  readonly transport: "udp" | "tcp";
  readonly localAddress: string;
  localPort(): number;
  /** Sends a request and answers its final response; rejects with `SipTimeout` when none comes. */
  request(request: Outgoing): Promise<SipResponse>;
  /** Sends an ACK, for which no answer ever comes. */
  send(request: Outgoing): void;
  /** Where requests and late responses of a Call-ID go. */
  attach(callId: string, dialog: DialogEnd): void;
  detach(callId: string): void;
  close(): Promise<void>;
}

export interface Outgoing {
  readonly method: string;
  readonly uri: string;
  /** Without Via and Max-Forwards, which the line adds. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
}

export interface DialogEnd {
  /** Answers a request of the other side. */
  request(request: SipRequest): Answer;
  /** A 2xx to INVITE came again: the ACK was lost. */
  repeatAck(): void;
}

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
  /** Runs once the answer is on its way. */
  readonly after?: () => void;
}

export class SipTimeout extends Error {
  override readonly name = "SipTimeout";
}

/** RFC 3261 17.1.1.1. */
const t1Ms = 500;
const t2Ms = 4000;
const transactionTimeoutMs = 64 * t1Ms;

interface ClientTransaction {
  readonly request: SipRequest;
  readonly settle: (result: SipResponse | Error) => void;
  resend: NodeJS.Timeout | undefined;
  provisional: boolean;
}

interface Wire {
  readonly port: number;
  send(bytes: Uint8Array): void;
  close(): Promise<void>;
}

export interface SipLineOptions {
  readonly transport: "udp" | "tcp";
  readonly localAddress: string;
  readonly server: { readonly host: string; readonly port: number };
  /** Shortens how long a request waits for an answer. */
  readonly timeoutMs?: number;
}

export async function createSipLine({ transport, localAddress, server, timeoutMs = transactionTimeoutMs }: SipLineOptions): Promise<SipLine> {
  const clients = new Map<string, ClientTransaction>();
  const dialogs = new Map<string, DialogEnd>();
  /** Answers given, so that a repeated request gets the same one and is not carried out twice. */
  const answered = new Map<string, Uint8Array>();
  let closed = false;

  const receive = (bytes: Uint8Array): void => {
    const parsed = parseSipMessage(bytes);
    if (!parsed.ok) return;
    if (parsed.message.kind === "response") receiveResponse(parsed.message);
    else receiveRequest(parsed.message);
  };
  const failAll = (error: Error): void => {
    for (const transaction of clients.values()) transaction.settle(error);
  };
  let wire: Wire | null = null;
  let opening: Promise<Wire> | null = null;
  const open = async (): Promise<Wire> => {
    if (wire !== null) return wire;
    opening ??= (transport === "udp" ? openUdp(localAddress, server, receive) : openTcp(localAddress, server, receive, () => {
      wire = null;
      failAll(new SipTimeout("connection closed"));
    })).finally(() => (opening = null));
    wire = await opening;
    return wire;
  };
  if (transport === "udp") await open();

  function receiveResponse(response: SipResponse): void {
    const via = parseVia(response.headers.list("Via")[0] ?? "");
    const cseq = parseCSeq(response.headers.get("CSeq") ?? "");
    if (!via.ok || !cseq.ok) return;
    const key = `${via.value.params.get("branch") ?? ""} ${cseq.value.method}`;
    const transaction = clients.get(key);
    if (transaction === undefined) {
      if (cseq.value.method === "INVITE" && response.status >= 200 && response.status < 300) dialogs.get(response.headers.get("Call-ID") ?? "")?.repeatAck();
      return;
    }
    if (response.status < 200) {
      transaction.provisional = true;
      return;
    }
    if (cseq.value.method === "INVITE" && response.status >= 300) acknowledgeFailure(transaction.request, response);
    transaction.settle(response);
  }

  /** The ACK of a refused INVITE belongs to its transaction: same branch, same CSeq number (RFC 3261 17.1.1.3). */
  function acknowledgeFailure(invite: SipRequest, response: SipResponse): void {
    const headers = new SipHeaders([
      ["Via", invite.headers.get("Via") ?? ""],
      ["From", invite.headers.get("From") ?? ""],
      ["To", response.headers.get("To") ?? ""],
      ["Call-ID", invite.headers.get("Call-ID") ?? ""],
      ["CSeq", (invite.headers.get("CSeq") ?? "").replace("INVITE", "ACK")],
      ["Max-Forwards", "70"],
    ]);
    wire?.send(serializeSip({ kind: "request", method: "ACK", uri: invite.uri, headers, body: new Uint8Array(0) }));
  }

  function receiveRequest(request: SipRequest): void {
    if (request.method === "ACK") return;
    const via = request.headers.all("Via");
    const key = `${via[0] ?? ""} ${request.headers.get("CSeq") ?? ""}`;
    const before = answered.get(key);
    if (before !== undefined) {
      wire?.send(before);
      return;
    }
    const dialog = dialogs.get(request.headers.get("Call-ID") ?? "");
    const answer: Answer = dialog?.request(request) ?? (request.method === "OPTIONS" ? { status: 200, reason: "OK" } : { status: 481, reason: "Call/Transaction Does Not Exist" });
    const headers = new SipHeaders(via.map((value) => ["Via", value] as const));
    for (const name of ["From", "To", "Call-ID", "CSeq"]) headers.add(name, request.headers.get(name) ?? "");
    for (const [name, value] of answer.headers ?? []) headers.add(name, value);
    const bytes = serializeSip({ kind: "response", status: answer.status, reason: answer.reason, headers, body: answer.body ?? new Uint8Array(0) });
    answered.set(key, bytes);
    setTimeout(() => answered.delete(key), transactionTimeoutMs).unref();
    wire?.send(bytes);
    answer.after?.();
  }

  function complete(outgoing: Outgoing, port: number): { branch: string; request: SipRequest } {
    const branch = `z9hG4bK${randomBytes(12).toString("hex")}`;
    const headers = new SipHeaders([
      ["Via", `SIP/2.0/${transport.toUpperCase()} ${localAddress}:${port};branch=${branch};rport`],
      ["Max-Forwards", "70"],
      ...outgoing.headers,
    ]);
    return { branch, request: { kind: "request", method: outgoing.method, uri: outgoing.uri, headers, body: outgoing.body ?? new Uint8Array(0) } };
  }

  return {
    transport,
    localAddress,
    localPort: () => wire?.port ?? 0,
    async request(outgoing) {
      if (closed) throw new SipTimeout("line closed");
      const { port, send } = await open();
      return await new Promise<SipResponse>((resolve, reject) => {
        const { branch, request } = complete(outgoing, port);
        const key = `${branch} ${request.method}`;
        const bytes = serializeSip(request);
        const settle = (result: SipResponse | Error): void => {
          if (!clients.delete(key)) return;
          clearTimeout(transaction.resend);
          clearTimeout(expiry);
          if (result instanceof Error) reject(result);
          else resolve(result);
        };
        const transaction: ClientTransaction = { request, settle, resend: undefined, provisional: false };
        // An INVITE may ring: once a provisional answer came, only the call itself gives up (timer B is timer C then, RFC 3261 16.6).
        const expire = (): void => {
          if (request.method === "INVITE" && transaction.provisional) expiry = setTimeout(() => settle(new SipTimeout("no final answer to INVITE")), 180_000 - timeoutMs);
          else settle(new SipTimeout(`no answer to ${request.method}`));
        };
        let expiry = setTimeout(expire, timeoutMs);
        const repeat = (waitMs: number): void => {
          transaction.resend = setTimeout(() => {
            if (transaction.provisional && request.method === "INVITE") return;
            wire?.send(bytes);
            repeat(request.method === "INVITE" ? waitMs * 2 : Math.min(waitMs * 2, t2Ms));
          }, waitMs);
        };
        clients.set(key, transaction);
        send(bytes);
        if (transport === "udp") repeat(t1Ms);
      });
    },
    send(outgoing) {
      if (wire !== null) wire.send(serializeSip(complete(outgoing, wire.port).request));
    },
    attach: (callId, dialog) => void dialogs.set(callId, dialog),
    detach: (callId) => void dialogs.delete(callId),
    async close() {
      closed = true;
      failAll(new SipTimeout("line closed"));
      await opening?.catch(() => undefined);
      await wire?.close();
      wire = null;
    },
  };
}

async function openUdp(localAddress: string, server: { host: string; port: number }, receive: (bytes: Uint8Array) => void): Promise<Wire> {
  const socket: DatagramSocket = createSocket(localAddress.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, localAddress, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  socket.on("message", receive);
  // Whatever goes wrong with one datagram shows as a request without an answer, which is already handled.
  socket.on("error", () => undefined);
  let closed = false;
  return {
    port: socket.address().port,
    send: (bytes) => {
      if (!closed) socket.send(bytes, server.port, server.host);
    },
    close: async () => {
      closed = true;
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

async function openTcp(localAddress: string, server: { host: string; port: number }, receive: (bytes: Uint8Array) => void, lost: () => void): Promise<Wire> {
  const socket: Socket = connect({ host: server.host, port: server.port, localAddress });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve();
    });
  });
  socket.setNoDelay(true);
  const framer = createSipStreamFramer();
  socket.on("data", (chunk) => {
    for (const event of framer.push(chunk)) {
      if (event.kind === "message") receive(event.bytes);
      else if (event.kind === "keepalive") socket.write("\r\n");
      else socket.destroy();
    }
  });
  socket.on("error", () => undefined);
  socket.once("close", lost);
  return {
    port: socket.localPort ?? 0,
    send: (bytes) => void socket.write(bytes),
    close: async () => {
      if (socket.destroyed) return;
      const done = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.end();
      setTimeout(() => socket.destroy(), 200).unref();
      await done;
    },
  };
}

