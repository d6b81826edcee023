import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { createServer, connect, isIP, isIPv6 } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { createSipStreamFramer } from "@earwitness/media";
import type { Via } from "@earwitness/media";
import type { Log } from "#log";
import { messageOf } from "#errors";
import { createConnectionCount } from "./connection-caps.ts";
import type { ConnectionCaps } from "./connection-caps.ts";
import type { ServerCertificate } from "./server-certificate.ts";
import { createNowAndThen } from "./now-and-then.ts";
import { createSourceGuard } from "./source-guard.ts";
import type { Rate } from "./source-guard.ts";
import type { Timer, Timers } from "./timers.ts";
import { connectTls, listening, listenTls } from "./tls-streams.ts";
import type { TlsListener } from "./tls-streams.ts";

/** TLS is a stream like TCP whose socket was upgraded: what only streams do asks `reliable`, never the name. */
export type TransportKind = "udp" | "tcp" | "tls";

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
  /** DER of what the other side showed in its handshake, its own first; empty where it showed none. One array per connection. */
  readonly certificates: readonly Uint8Array[];
}

export interface TransportLimits extends ConnectionCaps {
  readonly udpMessageBytes: number;
  readonly tcpMessageBytes: number;
  /** The same for a stranger, who is told no in any case. */
  readonly strangerMessageBytes: number;
  /** A whole message must have come by then: the first of a connection, and any that has begun. */
  readonly firstMessageMs: number;
  /** After a message. SRCs keep their connections open between calls. */
  readonly idleMs: number;
  readonly strangerIdleMs: number;
  readonly handshakeMs: number;
  /** TLS handshakes cost a signature, 0.7 ms of a core (RSA 2048, measured): of one trunk's address, and of all strangers together. */
  readonly trunkHandshakes: Rate;
  readonly strangerHandshakes: Rate;
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
  strangerMessageBytes: 64 * 1024,
  connections: 2_000,
  connectionsPerSource: 256,
  strangerConnections: 500,
  connectionsPerStranger: 16,
  firstMessageMs: 30_000,
  idleMs: 3_600_000,
  strangerIdleMs: 60_000,
  handshakeMs: 5_000,
  trunkHandshakes: { perSecond: 100, burst: 500 },
  strangerHandshakes: { perSecond: 10, burst: 50 },
  unreadBytes: 1024 * 1024,
  trunkRate: { perSecond: 3_000, burst: 20_000 },
  strangerRate: { perSecond: 10, burst: 50 },
};

export interface TransportStats {
  readonly connections: number;
  /** Of addresses that were no trunk's when they connected. */
  readonly strangerConnections: number;
  readonly received: number;
  readonly sent: number;
  /** Over the share of its source, dropped unread. */
  readonly dropped: number;
  readonly connectionsRefused: number;
  /** Begun and not brought to an end: not TLS, of a version we do not speak, too slow. */
  readonly handshakesFailed: number;
  readonly sendErrors: number;
}

export interface Transport {
  readonly address: Endpoint;
  /** Null: no certificate, no TLS. */
  readonly tlsAddress: Endpoint | null;
  /** Our port of this kind. */
  portOf(kind: TransportKind): number;
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
  readonly tls: { readonly port: number; readonly certificate: ServerCertificate } | null;
  readonly limits: TransportLimits;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly isTrunk: (address: string) => boolean;
  /** `oversized`: longer than a message may be, but whole, so that it can be answered 413. */
  readonly onMessage: (bytes: Uint8Array, flow: Flow, oversized: boolean) => void;
  /** A stream that cannot be cut any further, by the head of the message that broke it; it is closed afterwards. */
  readonly onBroken: (head: Uint8Array, flow: Flow, reason: string) => void;
  readonly log: Log;
}

/** A connection's place among those that there may be. */
interface Place {
  readonly remote: Endpoint;
  readonly isTrunk: boolean;
  readonly leave: () => void;
}

const lineEnd = new TextEncoder().encode("\r\n");
const routesKept = 1_000;
const routeAgeMs = 60_000;
const pauseMs = 250;
/** For what was written last to reach the other side before its connection is cut. */
const lingerMs = 1_000;
const noCertificates: readonly Uint8Array[] = [];
/** All of them share one bucket of handshakes. No address is written like this. */
const strangers = "strangers";

export async function createTransport(options: TransportOptions): Promise<Transport> {
  const { host, limits, timers, log, nowMs } = options;
  const ipv6 = isIPv6(host);
  const wildcard = host === "0.0.0.0" || host === "::";
  const guard = createSourceGuard((address) => (options.isTrunk(address) ? limits.trunkRate : limits.strangerRate), nowMs);
  const handshakeGuard = createSourceGuard((source) => (source === strangers ? limits.strangerHandshakes : limits.trunkHandshakes), nowMs);
  const places = createConnectionCount(limits);
  const connections = new Set<Socket>();
  /** Streams that we opened, by where to: what is repeated must not open another each time. */
  const opened = new Map<string, Socket>();
  const routes = new Map<string, { readonly address: Promise<string>; readonly atMs: number }>();
  const count = { received: 0, sent: 0, dropped: 0, connectionsRefused: 0, handshakesFailed: 0, sendErrors: 0 };
  const worthALine = createNowAndThen(nowMs);
  let closed = false;

  const { udp, server, address } = await bindBoth(host, options.port, ipv6);
  const tls = options.tls === null ? null : await openTls(options.tls).catch(async (thrown: unknown) => {
    await Promise.all([new Promise<void>((done) => udp.close(done)), new Promise((done) => server.close(done))]);
    throw thrown;
  });
  // A burst of 50 set-ups with metadata is some 300 kB; the default buffer of 208 kB would lose part of it.
  trySetBuffer(udp, log);

  function deliver(bytes: Uint8Array, flow: Flow, oversized: boolean): void {
    count.received += 1;
    handle(() => options.onMessage(bytes, flow, oversized), flow);
  }

  function handle(work: () => void, flow: Flow): void {
    try {
      work();
    } catch (thrown) {
      // A defect on one message must not end the process that carries every other call.
      log.error({ err: thrown, remote: flow.remote.address }, "SIP message could not be handled");
    }
  }

  udp.on("message", (bytes, remote) => {
    const source: Endpoint = { address: unmapped(remote.address), port: remote.port };
    if (isKeepAlive(bytes)) return;
    if (!guard.admit(source.address)) count.dropped += 1;
    else deliver(bytes, { kind: "udp", reliable: false, remote: source, connection: null, certificates: noCertificates }, bytes.length > limits.udpMessageBytes);
  });
  udp.on("error", (error) => log.warn({ err: error }, "SIP UDP socket"));

  server.on("connection", (socket) => {
    const place = admit(socket);
    if (place !== null) serve(socket, "tcp", place);
  });
  server.on("error", (error) => log.warn({ err: error }, "SIP TCP listener"));

  /** Before a byte is read: a place among the connections, or the end of this one. */
  function admit(socket: Socket): Place | null {
    const remote: Endpoint = { address: unmapped(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 };
    const isTrunk = options.isTrunk(remote.address);
    const leave = closed ? null : places.take(remote.address, isTrunk);
    if (leave === null) {
      count.connectionsRefused += 1;
      socket.destroy();
      return null;
    }
    socket.once("close", leave);
    return { remote, isTrunk, leave };
  }

  /** TLS on a port of its own. */
  async function openTls({ port, certificate }: { readonly port: number; readonly certificate: ServerCertificate }): Promise<TlsListener> {
    return await listenTls<Place>({
      host,
      port,
      certificate,
      handshakeMs: limits.handshakeMs,
      timers,
      log,
      admit(socket) {
        const place = admit(socket);
        if (place === null || handshakeGuard.admit(place.isTrunk ? place.remote.address : strangers)) return place;
        count.connectionsRefused += 1;
        socket.destroy();
        return null;
      },
      secured(socket, place, certificates) {
        socket.once("close", place.leave);
        serve(socket, "tls", place, certificates);
      },
      failed: () => void (count.handshakesFailed += 1),
    });
  }

  /** Reads messages from a stream, one that came or one that we opened. */
  function serve(socket: Socket, kind: "tcp" | "tls", { remote, isTrunk }: Pick<Place, "remote" | "isTrunk">, certificates = noCertificates): void {
    const flow: Flow = { kind, reliable: true, remote, connection: socket, certificates };
    const framer = createSipStreamFramer({ maxMessageBytes: isTrunk ? 4 * limits.tcpMessageBytes : limits.strangerMessageBytes });
    connections.add(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    const cut = (): void => void socket.destroy();
    // Whole messages keep a connection open, bytes do not: who trickles one byte a second is gone after `firstMessageMs`.
    let idle: Timer = timers.after(limits.firstMessageMs, cut);
    let midway: Timer | null = null;
    let resumed: Timer | null = null;
    const alive = (): void => {
      idle.cancel();
      idle = timers.after(isTrunk ? limits.idleMs : limits.strangerIdleMs, cut);
    };

    socket.on("data", (chunk: Buffer) => {
      let refused = false;
      for (const event of framer.push(chunk)) {
        if (event.kind === "keepalive") {
          write(socket, lineEnd);
          if (isTrunk) alive();
        } else if (event.kind === "error") {
          if (worthALine(remote.address)) log.info({ remote: remote.address, reason: event.reason }, "SIP stream closed");
          if (event.head !== null && guard.admit(remote.address)) handle(() => options.onBroken(event.head!, flow, event.reason), flow);
          idle.cancel();
          idle = timers.after(lingerMs, cut);
          socket.end(cut);
        } else {
          // A stream need not lose messages: a source over its share is not read for a while, and its TCP window closes.
          refused = !guard.admit(remote.address) || refused;
          alive();
          midway?.cancel();
          midway = null;
          deliver(event.bytes, flow, event.bytes.length > limits.tcpMessageBytes);
        }
      }
      if (framer.midway) midway ??= timers.after(limits.firstMessageMs, cut);
      if (!refused || socket.destroyed) return;
      socket.pause();
      resumed = timers.after(pauseMs, () => socket.resume());
    });
    socket.on("error", (error) => log.debug({ err: error, remote: remote.address }, "SIP stream"));
    socket.on("close", () => {
      idle.cancel();
      midway?.cancel();
      resumed?.cancel();
      connections.delete(socket);
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

  function sendStream(bytes: Uint8Array, kind: "tcp" | "tls", to: Endpoint, flow: Flow | null): void {
    const key = JSON.stringify([kind, to]);
    const open = [flow?.connection, opened.get(key)].find((socket) => socket?.writable === true);
    if (open) return write(open, bytes);
    if (closed) return;
    const isTrunk = options.isTrunk(to.address);
    const leave = places.take(to.address, isTrunk);
    if (leave === null) return failed("too many connections");
    const where = { host: to.address, port: to.port, ...(wildcard ? {} : { localAddress: address.address }) };
    const shown: Uint8Array[] = [];
    const socket = kind === "tls" ? connectTls(where, flow?.certificates[0], shown, options.tls?.certificate ?? null, limits.handshakeMs, timers) : connect(where);
    socket.once("close", leave);
    serve(socket, kind, { remote: to, isTrunk }, shown);
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
    tlsAddress: tls === null ? null : { address: host, port: tls.port },
    portOf: (kind) => (kind === "tls" && tls !== null ? tls.port : address.port),
    sendResponse(bytes, flow, via) {
      if (closed) return;
      count.sent += 1;
      const port = via.port ?? defaultPort(flow.kind);
      if (flow.kind !== "udp") sendStream(bytes, flow.kind, { address: flow.remote.address, port }, flow);
      // `maddr` is not followed: it would let a request aim our answer at anybody.
      else sendDatagram(bytes, { address: flow.remote.address, port: via.params.has("rport") ? flow.remote.port : port });
    },
    sendRequest(bytes, kind, to, flow) {
      if (closed) return;
      count.sent += 1;
      if (kind !== "udp") sendStream(bytes, kind, to, flow);
      else sendDatagram(bytes, to);
    },
    async localAddress(flow) {
      if (!wildcard) return address.address;
      const local = flow.connection?.localAddress;
      return local === undefined ? routeTo(flow.remote.address) : unmapped(local);
    },
    stats: () => ({ connections: places.total, strangerConnections: places.strangers, ...count }),
    async close() {
      if (closed) return;
      closed = true;
      const listeners: Server[] = tls === null ? [server] : [server, tls.server];
      const ended = [new Promise<void>((done) => udp.close(() => done())), ...listeners.map((one) => new Promise<void>((done) => one.close(() => done())))];
      tls?.abandon();
      // What was written is flushed; who does not close his side is cut off.
      for (const socket of connections) socket.end(() => socket.destroy());
      const cut = timers.after(lingerMs, () => connections.forEach((socket) => socket.destroy()));
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
      await listening(server, host, address.port);
      return { udp, server, address };
    } catch (thrown) {
      udp.close();
      if (port !== 0 || attempt === 20) throw thrown;
    }
  }
}

export const defaultPort = (kind: TransportKind): number => (kind === "tls" ? 5061 : 5060);

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
