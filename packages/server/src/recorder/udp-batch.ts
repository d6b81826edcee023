/**
 * UDP sockets that are read in batches: every 40 ms one look at which sockets have something (epoll), then one recvmmsg for
 * each of those, into one piece of memory that all of them share. No event and no allocation for a packet. In the meantime
 * the kernel keeps what comes and notes when it came, and each socket has a buffer of its own: a flood fills that of the port
 * that it is sent to.
 *
 * The file descriptors are not Node's, so a worker that dies would leave them, and its ports, to the process: they are
 * noted in memory that the thread which outlives it shares (`OpenDescriptors`).
 */
import { isIPv6 } from "node:net";
import { loadLinuxSockets, SocketRefused, type LinuxSockets, type Readiness } from "./linux-sockets.ts";
import { receiveBufferBytes, type OpenUdpSocket, type UdpListener } from "./udp.ts";

/**
 * Two packets of speech: half the system calls, and what a stream keeps is fetched into the processor's cache once for both.
 * A frame of the journal gathers 200 ms anyway, and the place of a packet in time is the kernel's note of it.
 */
const tickMs = 40;
/** After so many ticks without a packet the clock stops, and the next packet wakes it. */
const emptyTicks = 12;
/** Datagrams of one socket before the next gets its turn. */
const batch = 32;
/** Sockets that one look finds. */
const looked = 1024;
/** Then the rest of the loop gets its turn, whatever waits here. */
const turnMs = 8;
/** A wall clock that runs away from the steady one by so much between two ticks was set. */
const clockStepMs = 20;
/** What a socket that closes still held is heard, up to here: over a second of the busiest codec. */
const lastBatches = 16;

/** A byte for each file descriptor that this back end has open. */
export type OpenDescriptors = Uint8Array<SharedArrayBuffer>;

/** Linux gives no process more unless told to (fs.nr_open). */
const maxDescriptors = 1_048_576;
export const createOpenDescriptors = (): OpenDescriptors => new Uint8Array(new SharedArrayBuffer(maxDescriptors));

/** Closes what a thread that is dead had open. */
export async function closeLeftBehind(open: OpenDescriptors): Promise<void> {
  const fds: number[] = [];
  for (let fd = open.indexOf(1); fd >= 0; fd = open.indexOf(1, fd + 1)) fds.push(fd);
  if (fds.length === 0) return;
  const sockets = await loadLinuxSockets();
  for (const fd of fds) {
    Atomics.store(open, fd, 0);
    sockets.close(fd);
  }
}

interface Bound {
  readonly fd: number;
  readonly listener: UdpListener;
  /** Who sent the packet before, so that its name is made into text once. */
  sender: { readonly address: string; readonly port: number };
  /** The same as the kernel wrote it: family, port and address; of IPv6 also the interface. */
  readonly senderWords: Uint32Array;
}

const wordsOfName = (ipv6: boolean): number => (ipv6 ? 7 : 2);

/** One for each thread. Throws where this cannot work. */
export async function createBatchedSockets(open: OpenDescriptors = createOpenDescriptors()): Promise<OpenUdpSocket> {
  const sockets: LinuxSockets = await loadLinuxSockets();
  const datagrams = sockets.createDatagrams(batch);
  const { names, nameWords: wordsEach } = datagrams;
  const byFd = new Map<number, Bound>();
  let readiness: Readiness | null = null;
  let timer: NodeJS.Timeout | null = null;
  let empty = 0;
  /** Where the turn before ran out of time, in what `readiness` holds. */
  let next = 0;
  let found = 0;
  /** The wall clock now, by which the kernel notes; NaN when it was set since the tick before: what it noted then says nothing. */
  let wallMs = Number.NaN;
  let wallAhead = Number.NaN;

  function readClocks(): void {
    const wall = Date.now();
    const ahead = wall - performance.now();
    wallMs = Math.abs(ahead - wallAhead) < clockStepMs ? wall : Number.NaN;
    wallAhead = ahead;
  }

  function hold(fd: number): number {
    if (fd >= maxDescriptors) {
      sockets.close(fd);
      throw new SocketRefused("socket", 24); // EMFILE
    }
    Atomics.store(open, fd, 1);
    return fd;
  }

  function letGo(fd: number): void {
    // In this order: a number left noted could by then be somebody else's file.
    Atomics.store(open, fd, 0);
    sockets.close(fd);
  }

  /** Answers whether there may be more. */
  function readSocket(bound: Bound): boolean {
    const count = datagrams.read(bound.fd);
    for (let i = 0; i < count; i += 1) {
      const known = bound.senderWords;
      for (let word = 0; word < known.length; word += 1) {
        if (names[i * wordsEach + word] === known[word]) continue;
        known.set(names.subarray(i * wordsEach, i * wordsEach + known.length));
        bound.sender = datagrams.sender(i);
        break;
      }
      const waitedMs = wallMs - datagrams.receivedAt(i);
      bound.listener(datagrams.bytes(i), bound.sender.address, bound.sender.port, waitedMs > 0 ? waitedMs : 0); // NaN is not
    }
    return count === batch;
  }

  /** Each socket that has something gets its batch before any gets a second. Answers whether time ran out before all was read. */
  function readAll(ready: Readiness): boolean {
    const until = performance.now() + turnMs;
    for (;;) {
      if (next === found) {
        found = ready.poll();
        next = 0;
        if (found === 0) return false;
      }
      let more = found === looked;
      while (next < found) {
        const bound = byFd.get(ready.at(next));
        next += 1;
        if (bound !== undefined && readSocket(bound)) more = true;
        if (next % batch === 0 && performance.now() > until) return true;
      }
      empty = 0;
      if (!more) return false;
      if (performance.now() > until) return true;
    }
  }

  function tick(): void {
    // One of another beginning may be set: there is one clock.
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const ready = readiness;
    if (ready === null) return;
    empty += 1;
    readClocks();
    let late = false;
    try {
      late = readAll(ready);
    } finally {
      if (late) setImmediate(tick);
      else if (empty < emptyTicks) timer = setTimeout(tick, tickMs);
      // Its callback comes from outside Node's own: what follows is left to Node.
      else ready.whenReadable(() => setImmediate(tick));
    }
  }

  function begin(): Readiness {
    const begun = sockets.createReadiness(looked);
    hold(begun.fd);
    readiness = begun;
    [empty, next, found] = [0, 0, 0];
    readClocks();
    timer = setTimeout(tick, tickMs);
    return begun;
  }

  function end(ready: Readiness): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    readiness = null;
    Atomics.store(open, ready.fd, 0);
    ready.close();
  }

  return async (address, port, listener) => {
    const ipv6 = isIPv6(address);
    const ready = readiness ?? begin();
    let bound: Bound;
    let localPort: number;
    try {
      const socket = sockets.bind(address, port, receiveBufferBytes);
      hold(socket.fd);
      try {
        ready.add(socket.fd);
      } catch (error) {
        letGo(socket.fd);
        throw error;
      }
      localPort = socket.port;
      bound = { fd: socket.fd, listener, sender: { address: "", port: 0 }, senderWords: new Uint32Array(wordsOfName(ipv6)) };
      byFd.set(bound.fd, bound);
    } catch (error) {
      if (byFd.size === 0) end(ready);
      throw error;
    }

    function close(): void {
      readClocks();
      try {
        for (let left = lastBatches; left > 0 && readSocket(bound); left -= 1);
      } finally {
        byFd.delete(bound.fd);
        ready.remove(bound.fd);
        letGo(bound.fd);
        if (byFd.size === 0) end(ready);
      }
    }

    let closed: Promise<void> | null = null;
    return {
      port: localPort,
      send(bytes, toPort, toAddress) {
        const to = closed === null ? sockets.sockaddr(ipv6, toAddress, toPort) : null;
        if (to !== null) sockets.send(bound.fd, bytes, to); // a report that does not arrive is followed by another
      },
      // Not at once: the listener that closes may be reading from the memory that the last packets go into.
      close: () =>
        (closed ??= new Promise((resolve, reject) =>
          setImmediate(() => {
            try {
              close();
              resolve();
            } catch (error) {
              reject(error as Error);
            }
          }),
        )),
    };
  };
}
