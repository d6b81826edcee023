/**
 * The one thing the receiver wants of the network. Node's dgram serves it here; udp-batch.ts reads many packets at a time, and
 * passes the same tests (udp-contract.ts).
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

export interface UdpSocket {
  readonly port: number;
  /** To an address, not a name. Nobody learns whether it arrived. */
  send(bytes: Uint8Array, port: number, address: string): void;
  /** What had arrived is still told; once this resolves, nothing is. */
  close(): Promise<void>;
}

/**
 * The bytes are the listener's for the time of the call alone: what it keeps, it copies. So nobody pays for what
 * is thrown away. `waitedMs`: how long ago the kernel received it, as far as that is known; else 0.
 */
export type UdpListener = (bytes: Buffer, address: string, port: number, waitedMs?: number) => void;

export type OpenUdpSocket = (address: string, port: number, listener: UdpListener) => Promise<UdpSocket>;

/** Seconds of one G.711 stream, should the event loop stall; the kernel may give less (net.core.rmem_max). */
export const receiveBufferBytes = 512 * 1024;

export const openDgramSocket: OpenUdpSocket = (address, port, listener) =>
  new Promise((resolve, reject) => {
    const ipv6 = isIPv6(address);
    const socket = createSocket({ type: ipv6 ? "udp6" : "udp4" });
    const refuse = (error: Error): void => void socket.close(() => reject(error)); // unbound it would stay open
    socket.once("error", refuse);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off("error", refuse);
      // An ICMP "port unreachable" for a receiver report may surface here; the stream itself goes on.
      socket.on("error", () => undefined);
      try {
        socket.setRecvBufferSize(receiveBufferBytes);
      } catch {
        // Not allowed here: the default buffer still holds over a second.
      }
      let closed: Promise<void> | null = null;
      resolve({
        port: socket.address().port,
        send: (bytes, toPort, toAddress) => {
          if (closed === null) socket.send(bytes, toPort, ipv6 && !isIPv6(toAddress) ? `::ffff:${toAddress}` : toAddress, () => undefined); // a report that does not arrive is followed by another
        },
        // One turn of the loop reads what is there.
        close: () => (closed ??= new Promise((done) => setImmediate(() => socket.close(() => done())))),
      });
    });
    socket.on("message", (bytes, from) => listener(bytes, unmapped(from.address), from.port, 0));
  });

/** On an IPv6 socket an IPv4 sender is written ::ffff:192.0.2.1; the offer it is compared with says 192.0.2.1. */
function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}
