/**
 * UDP sockets that are read in batches: ten times a second one look at which sockets have something (epoll), then one recvmmsg for
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
 * Five packets of speech: a fifth of the system calls, and what a stream keeps is fetched into the processor's cache once for all.
 * A frame of the journal gathers 200 ms anyway, and the place of a packet in time is the kernel's note of it.
 */
const tickMs = 100;
/** While a socket gets more than speech. The smallest buffer that Linux gives holds some 550 packets: what 100 ms of a flood at 5,000 a second bring. */
const floodTickMs = 20;
/** After so many ticks without a packet the clock stops, and the next packet wakes it. */
const emptyTicks = 5;
/** Datagrams of one socket before the next gets its turn. */
const batch = 32;
/** Sockets that one look finds. */
const looked = 1024;
/** Batches of one socket in one turn: all that its buffer can hold. A flood has no more than this of a turn. */
const rounds = 48;
/** A wall clock that runs away from the steady one by so much between two ticks was set. */
const clockStepMs = 20;

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

/** A full socket holds less than a minute of a call: what says that it waited longer was noted by another clock. */
const mostWaitedMs = 60_000;

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
  /** Wall clock less the steady one: the kernel notes by the first. NaN when it was set since the tick before: what was noted then says nothing. */
  let wallAhead = Number.NaN;
  let wallAheadBefore = Number.NaN;

  /** Read again where this thread was set aside between the two clocks: that looks like one that was set. */
  function readAhead(tries: number): number {
    const before = performance.now();
    const wallMs = Date.now();
    return performance.now() - before < 1 || tries === 1 ? wallMs - before : readAhead(tries - 1);
  }

  function compareClocks(): void {
    const ahead = readAhead(3);
    wallAhead = Math.abs(ahead - wallAheadBefore) < clockStepMs ? ahead : Number.NaN;
    wallAheadBefore = ahead;
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
    const wallMs = wallAhead + performance.now();
    for (let i = 0; i < count; i += 1) {
      const known = bound.senderWords;
      for (let word = 0; word < known.length; word += 1) {
        if (names[i * wordsEach + word] === known[word]) continue;
        known.set(names.subarray(i * wordsEach, i * wordsEach + known.length));
        bound.sender = datagrams.sender(i);
        break;
      }
      const waitedMs = wallMs - datagrams.receivedAt(i);
      bound.listener(datagrams.bytes(i), bound.sender.address, bound.sender.port, waitedMs > 0 && waitedMs < mostWaitedMs ? waitedMs : 0); // NaN is not
    }
    return count === batch;
  }

  /**
   * Reads everything that had come when it began. Nothing less: after a standstill the sockets hold seconds of audio, and a beat
   * of the media worker that came before all of it is read would seal those seconds without it (measured at 1,000 calls: with
   * turns cut at 8 or at 600 ms a standstill of 4 s lost a quarter of a call). Each socket gets a batch before any gets a second.
   */
  function readAll(ready: Readiness): { isFlooded: boolean } {
    let full: Bound[] = [];
    for (let looks = Math.ceil(byFd.size / looked); looks > 0; looks -= 1) {
      const found = ready.poll();
      if (found > 0) empty = 0;
      for (let i = 0; i < found; i += 1) {
        const bound = byFd.get(ready.at(i));
        if (bound !== undefined && readSocket(bound)) full.push(bound);
      }
      if (found < looked) break;
    }
    const isFlooded = full.length > 0;
    for (let round = 1; round < rounds && full.length > 0; round += 1) full = full.filter(readSocket);
    return { isFlooded };
  }

  function tick(): void {
    // One of another beginning may be set: there is one clock.
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const ready = readiness;
    if (ready === null) return;
    empty += 1;
    compareClocks();
    let nextMs = tickMs;
    try {
      if (readAll(ready).isFlooded) nextMs = floodTickMs;
    } finally {
      if (empty < emptyTicks) timer = setTimeout(tick, nextMs);
      // Its callback comes from outside Node's own: what follows is left to Node.
      else ready.whenReadable(() => setImmediate(tick));
    }
  }

  function begin(): Readiness {
    const begun = sockets.createReadiness(looked);
    hold(begun.fd);
    readiness = begun;
    empty = 0;
    compareClocks();
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
      compareClocks();
      try {
        for (let left = rounds; left > 0 && readSocket(bound); left -= 1);
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
