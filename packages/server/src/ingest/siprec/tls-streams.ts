/** Streams over TLS, as they come and as we open them. Everything after the handshake is the transport's, as for TCP. */
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer as createTlsServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { ServerCertificate } from "./server-certificate.ts";
import type { Timer, Timers } from "./timers.ts";

/** A chain is a handful; OpenSSL itself takes 100 kB of them. */
const maxChain = 10;

export interface TlsListenerOptions<Place> {
  readonly host: string;
  readonly port: number;
  readonly certificate: ServerCertificate;
  readonly handshakeMs: number;
  readonly timers: Timers;
  /** Whether a socket may begin a handshake, before a byte of it is read; null: it has been destroyed. */
  readonly admit: (socket: Socket) => Place | null;
  /** The handshake is done. `certificates`: what the client showed. */
  readonly secured: (socket: TLSSocket, place: Place, certificates: readonly Uint8Array[]) => void;
  /** It came to no end. */
  readonly failed: () => void;
  readonly log: Log;
}

export interface TlsListener {
  readonly server: Server;
  readonly port: number;
  /** Ends the handshakes that are under way. */
  abandon(): void;
}

/** The handshake is ours to limit: sockets come to the TLS server only once they have been admitted, and have an absolute time for it. */
export async function listenTls<Place>({ host, port, certificate, handshakeMs, timers, admit, secured, failed, log }: TlsListenerOptions<Place>): Promise<TlsListener> {
  const shaking = new Map<string, { readonly socket: Socket; readonly place: Place; readonly late: Timer }>();
  const keyOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
  // Whose certificate it is, and whether there must be one, is the trunk's matter: asked for, required of nobody here.
  const upgrade = createTlsServer({ ...certificate.secure, requestCert: true, rejectUnauthorized: false });
  certificate.onChange(() => upgrade.setSecureContext(certificate.secure));
  upgrade.on("secureConnection", (socket) => {
    const begun = shaking.get(keyOf(socket));
    if (begun === undefined) return void socket.destroy();
    begun.late.cancel();
    shaking.delete(keyOf(socket));
    secured(socket, begun.place, chainOf(socket));
  });
  upgrade.on("tlsClientError", (error, socket) => {
    log.debug({ reason: messageOf(error) }, "SIP TLS handshake");
    socket.destroy();
  });

  const server = createServer((socket) => {
    socket.on("error", (error) => log.debug({ err: error }, "SIP TLS stream"));
    const place = admit(socket);
    if (place === null) return;
    const key = keyOf(socket);
    const late = timers.after(handshakeMs, () => socket.destroy());
    shaking.set(key, { socket, place, late });
    socket.once("close", () => {
      late.cancel();
      if (shaking.delete(key)) failed();
    });
    upgrade.emit("connection", socket);
  });
  await listening(server, host, port);
  server.on("error", (error) => log.warn({ err: error }, "SIP TLS listener"));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    abandon() {
      for (const { socket } of shaking.values()) socket.destroy();
    },
  };
}

export interface TlsTarget {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
}

/**
 * To a client whose connection died while its call runs. Who answers must show the certificate that the client had shown, or one of a
 * configured authority; where there was none and none is configured, there is nothing to check by. Names are not compared: these
 * certificates are a device's, found by its number. `shown` gets what is shown.
 */
export function connectTls(where: TlsTarget, known: Uint8Array | undefined, shown: Uint8Array[], certificate: ServerCertificate | null, handshakeMs: number, timers: Timers): TLSSocket {
  const authorities = certificate?.authorities ?? null;
  const socket = connect({ ...where, ...certificate?.secure, ...(authorities === null ? {} : { ca: authorities }), rejectUnauthorized: false, checkServerIdentity: () => undefined });
  socket.cork(); // nothing is told to who has not been checked
  const late = timers.after(handshakeMs, () => socket.destroy(new Error("TLS handshake takes too long")));
  socket.once("close", () => late.cancel());
  socket.once("secureConnect", () => {
    late.cancel();
    shown.push(...chainOf(socket));
    const isKnown = known !== undefined && shown[0] !== undefined && Buffer.from(known).equals(shown[0]);
    const trusted = isKnown || (authorities === null ? known === undefined : socket.authorized);
    if (trusted) socket.uncork();
    else socket.destroy(new Error("the certificate is neither the client's nor of a known authority"));
  });
  return socket;
}

export function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen({ host, port }, () => {
      server.off("error", fail);
      done();
    });
  });
}

/** What a peer showed, its own certificate first, as far as each was issued by the next. */
function chainOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let next = socket.getPeerX509Certificate(); next !== undefined && chain.length < maxChain; next = next.issuerCertificate) chain.push(next.raw);
  return chain;
}
