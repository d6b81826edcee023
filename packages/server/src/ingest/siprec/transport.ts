import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { createServer, connect, isIP, isIPv6 } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { createSipStreamFramer } from "@earwitness/media";
import type { Via } from "@earwitness/media";
import type { Log } from "#log";
import { messageOf } from "#errors";
import { createSourceGuard } from "./source-guard.ts";
import type { Rate } from "./source-guard.ts";
import type { Timer, Timers } from "./timers.ts";

/** TLS becomes a third kind: a stream like TCP whose socket was upgraded; everything below asks `reliable`, never the name. */
export type TransportKind = "udp" | "tcp";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The way a message came, which is the way back. */
export interface Flow {
  readonly kind: TransportKind;
  readonly reliable: boolean;
  /** Source as the kernel saw it: the only address in a message that its sender did not choose freely (on UDP even that can be forged). */
  readonly remote: Endpoint;
  /** The stream it came over; null for UDP. */
  readonly connection: Socket | null;
}

export interface TransportLimits {
  readonly udpMessageBytes: number;
  readonly tcpMessageBytes: number;
  readonly connections: number;
  readonly connectionsPerSource: number;
  /** A connection that never brought a whole message, and one that did. SRCs keep theirs open between calls. */
  readonly firstMessageMs: number;
  readonly idleMs: number;
  /** Bytes a peer may leave unread before its connection is given up. */
  readonly unreadBytes: number;
  /** Share of one address: of one we know (a trunk), and of any other. */
  readonly trunkRate: Rate;
  readonly strangerRate: Rate;
}

/**
 * 5,000 calls of three minutes are 28 set-ups a second, some 100 messages. A trunk may send thirty times that: when a recorder fails, the
 * next one of its list gets all of its calls at once. One core serves some 1,000 set-ups a second.
 */
export const defaultLimits: TransportLimits = {
  udpMessageBytes: 64 * 1024,
  tcpMessageBytes: 256 * 1024,
  connections: 2_000,
  connectionsPerSource: 256,
  firstMessageMs: 30_000,
  idleMs: 3_600_000,
  unreadBytes: 1024 * 1024,
  trunkRate: { perSecond: 3_000, burst: 20_000 },
  strangerRate: { perSecond: 10, burst: 50 },
};

export interface TransportStats {
  readonly connections: number;
  readonly received: number;
  readonly sent: number;
  /** Over the share of its source, dropped unread. */
  readonly dropped: number;
  readonly connectionsRefused: number;
  readonly sendErrors: number;
}

export interface Transport {
  readonly address: Endpoint;
  /** RFC 3261 §18.2.2 and RFC 3581: back along the flow; a stream that died is opened again to where the Via says. */
  sendResponse(bytes: Uint8Array, flow: Flow, via: Via): void;
  /** `flow`: an open stream to that peer, used when there is one. */
  sendRequest(bytes: Uint8Array, kind: TransportKind, to: Endpoint, flow: Flow | null): void;
  /** Our own address as this peer reaches us: the bound one, or on a wildcard the one the route to the peer leaves from. */
  localAddress(flow: Flow): Promise<string>;
  stats(): TransportStats;
  close(): Promise<void>;
}

export interface TransportOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: TransportLimits;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly isTrunk: (address: string) => boolean;
  /** `oversized`: longer than a message may be, but whole, so that it can be answered 413. */
  readonly onMessage: (bytes: Uint8Array, flow: Flow, oversized: boolean) => void;
  readonly log: Log;
}

const lineEnd = new TextEncoder().encode("\r\n");
const routesKept = 1_000;
const routeAgeMs = 60_000;
const pauseMs = 250;

export async function createTransport(options: TransportOptions): Promise<Transport> {
  const { host, limits, timers, log, nowMs } = options;
  const ipv6 = isIPv6(host);
  const wildcard = host === "0.0.0.0" || host === "::";
  const guard = createSourceGuard((address) => (options.isTrunk(address) ? limits.trunkRate : limits.strangerRate), nowMs);
  const connections = new Set<Socket>();
  const perSource = new Map<string, number>();
  /** Streams that we opened, by where to: what is repeated must not open another each time. */
  const opened = new Map<string, Socket>();
  const routes = new Map<string, { readonly address: Promise<string>; readonly atMs: number }>();
  const count = { received: 0, sent: 0, dropped: 0, connectionsRefused: 0, sendErrors: 0 };
  let closed = false;

  const { udp, server, address } = await bindBoth(host, options.port, ipv6);
  // A burst of 50 set-ups with metadata is some 300 kB; the default buffer of 208 kB would lose part of it.
  trySetBuffer(udp, log);

  function deliver(bytes: Uint8Array, flow: Flow, oversized: boolean): void {
    count.received += 1;
    try {
      options.onMessage(bytes, flow, oversized);
    } catch (thrown) {
      // A defect on one message must not end the process that carries every other call.
      log.error({ err: thrown, remote: flow.remote.address }, "SIP message could not be handled");
    }
  }

  udp.on("message", (bytes, remote) => {
    const source: Endpoint = { address: unmapped(remote.address), port: remote.port };
    if (isKeepAlive(bytes)) return;
    if (!guard.admit(source.address)) count.dropped += 1;
    else deliver(bytes, { kind: "udp", reliable: false, remote: source, connection: null }, bytes.length > limits.udpMessageBytes);
  });
  udp.on("error", (error) => log.warn({ err: error }, "SIP UDP socket"));

  server.on("connection", (socket) => {
    const remote = unmapped(socket.remoteAddress ?? "");
    if (closed || connections.size >= limits.connections || (perSource.get(remote) ?? 0) >= limits.connectionsPerSource) {
      count.connectionsRefused += 1;
      socket.destroy();
    } else serve(socket, { address: remote, port: socket.remotePort ?? 0 });
  });
  server.on("error", (error) => log.warn({ err: error }, "SIP TCP listener"));

  /** Reads messages from a stream, one that came or one that we opened. */
  function serve(socket: Socket, remote: Endpoint): void {
    const flow: Flow = { kind: "tcp", reliable: true, remote, connection: socket };
    const framer = createSipStreamFramer({ maxMessageBytes: 4 * limits.tcpMessageBytes });
    connections.add(socket);
    perSource.set(remote.address, (perSource.get(remote.address) ?? 0) + 1);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    // Whole messages keep a connection open, bytes do not: who trickles one byte a minute is gone after `firstMessageMs`.
    let idle: Timer = timers.after(limits.firstMessageMs, () => socket.destroy());
    let resumed: Timer | null = null;

    socket.on("data", (chunk: Buffer) => {
      let refused = false;
      for (const event of framer.push(chunk)) {
        if (event.kind === "keepalive") write(socket, lineEnd);
        else if (event.kind === "error") {
          log.info({ remote: remote.address, reason: event.reason }, "SIP stream closed");
          socket.destroy();
        } else {
          // A stream need not lose messages: a source over its share is not read for a while, and its TCP window closes.
          refused = !guard.admit(remote.address) || refused;
          idle.cancel();
          idle = timers.after(limits.idleMs, () => socket.destroy());
          deliver(event.bytes, flow, event.bytes.length > limits.tcpMessageBytes);
        }
      }
      if (!refused || socket.destroyed) return;
      socket.pause();
      resumed = timers.after(pauseMs, () => socket.resume());
    });
    socket.on("error", (error) => log.debug({ err: error, remote: remote.address }, "SIP stream"));
    socket.on("close", () => {
      idle.cancel();
      resumed?.cancel();
      connections.delete(socket);
      const left = (perSource.get(remote.address) ?? 1) - 1;
      if (left > 0) perSource.set(remote.address, left);
      else perSource.delete(remote.address);
    });
  }

  function write(socket: Socket, bytes: Uint8Array): void {
    socket.write(bytes);
    if (socket.writableLength > limits.unreadBytes) socket.destroy();
  }

  function sendDatagram(bytes: Uint8Array, to: Endpoint): void {
    const target = ipv6 && !isIPv6(to.address) ? `::ffff:${to.address}` : to.address;
    try {
      udp.send(bytes, to.port, target, failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  function failed(error: unknown): void {
    if (error === null || error === undefined) return;
    count.sendErrors += 1;
    log.info({ reason: messageOf(error) }, "SIP message could not be sent");
  }

  function sendStream(bytes: Uint8Array, to: Endpoint, flow: Flow | null): void {
    const key = JSON.stringify(to);
    const open = [flow?.connection, opened.get(key)].find((socket) => socket?.writable === true);
    if (open) return write(open, bytes);
    if (connections.size >= limits.connections) return failed("too many connections");
    const socket = connect({ host: to.address, port: to.port, ...(wildcard ? {} : { localAddress: address.address }) });
    serve(socket, to);
    opened.set(key, socket);
    socket.on("error", failed);
    socket.on("close", () => opened.get(key) === socket && opened.delete(key));
    write(socket, bytes);
  }

  function routeTo(peer: string): Promise<string> {
    const known = routes.get(peer);
    if (known !== undefined && nowMs() - known.atMs < routeAgeMs) return known.address;
    const found = sourceAddressTowards(peer);
    found.catch(() => routes.delete(peer));
    routes.delete(peer);
    routes.set(peer, { address: found, atMs: nowMs() });
    if (routes.size > routesKept) routes.delete(routes.keys().next().value!);
    return found;
  }

  return {
    address,
    sendResponse(bytes, flow, via) {
      if (closed) return;
      count.sent += 1;
      const port = via.port ?? 5060;
      if (flow.reliable) sendStream(bytes, { address: flow.remote.address, port }, flow);
      // `maddr` is not followed: it would let a request aim our answer at anybody.
      else sendDatagram(bytes, { address: flow.remote.address, port: via.params.has("rport") ? flow.remote.port : port });
    },
    sendRequest(bytes, kind, to, flow) {
      if (closed) return;
      count.sent += 1;
      if (kind === "tcp") sendStream(bytes, to, flow);
      else sendDatagram(bytes, to);
    },
    async localAddress(flow) {
      if (!wildcard) return address.address;
      const local = flow.connection?.localAddress;
      return local === undefined ? routeTo(flow.remote.address) : unmapped(local);
    },
    stats: () => ({ connections: connections.size, ...count }),
    async close() {
      if (closed) return;
      closed = true;
      const ended = [new Promise<void>((done) => udp.close(() => done())), new Promise<void>((done) => server.close(() => done()))];
      // What was written is flushed; who does not close his side is cut off.
      for (const socket of connections) socket.end(() => socket.destroy());
      const cut = timers.after(1_000, () => connections.forEach((socket) => socket.destroy()));
      await Promise.all(ended);
      cut.cancel();
    },
  };
}

/** UDP and TCP on one port; with port 0 the kernel chooses for one and the other has to be free, so a few tries are made. */
async function bindBoth(host: string, port: number, ipv6: boolean) {
  for (let attempt = 1; ; attempt += 1) {
    // Addresses are numbers by now. Without the look-up a datagram leaves at once, also the last one before `close`.
    const udp = createSocket({ type: ipv6 ? "udp6" : "udp4", lookup: (address, _options, done) => done(null, address, isIP(address)) });
    await new Promise<void>((done, fail) => {
      udp.once("error", fail);
      udp.bind({ address: host, port }, () => {
        udp.off("error", fail);
        done();
      });
    });
    const address: Endpoint = { address: host, port: udp.address().port };
    const server = createServer();
    try {
      await new Promise<void>((done, fail) => {
        server.once("error", fail);
        server.listen({ host, port: address.port }, () => {
          server.off("error", fail);
          done();
        });
      });
      return { udp, server, address };
    } catch (thrown) {
      udp.close();
      if (port !== 0 || attempt === 20) throw thrown;
    }
  }
}

function trySetBuffer(udp: UdpSocket, log: Log): void {
  try {
    udp.setRecvBufferSize(4 * 1024 * 1024);
  } catch (thrown) {
    log.debug({ err: thrown }, "SIP receive buffer keeps its default size");
  }
}

/** Connecting a datagram socket sends nothing; it only asks the routing table. */
function sourceAddressTowards(peer: string): Promise<string> {
  return new Promise((found, fail) => {
    const probe = createSocket({ type: isIPv6(peer) ? "udp6" : "udp4" });
    probe.once("error", (error) => {
      probe.close();
      fail(error);
    });
    probe.connect(9, peer, () => {
      const local: AddressInfo = probe.address();
      probe.close();
      found(local.address);
    });
  });
}

/** Datagrams of line ends or zeros keep a firewall's mapping alive and mean nothing. */
function isKeepAlive(bytes: Uint8Array): boolean {
  return bytes.length <= 4 && bytes.every((byte) => byte === 13 || byte === 10 || byte === 0);
}

/** An IPv4 peer on an IPv6 socket is written ::ffff:192.0.2.1; everyone else compares plain addresses. */
function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
