/**
 * Linux's own socket calls, through koffi: what Node has no door to is reading many datagrams with one call. Numbers and
 * layouts are those of 64-bit little-endian Linux (x64, arm64, riscv64; glibc and musl); elsewhere `loadLinuxSockets` throws.
 */
import { arch, endianness, platform } from "node:os";
import { getSystemErrorName } from "node:util";
import { isIPv6 } from "node:net";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_TIMESTAMPNS = 35;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

const sockaddrBytes = 28; // of IPv6; IPv4's is the beginning of 16
const nameStride = 32;
const mmsghdrBytes = 64;
const iovecBytes = 16;
/** One control message: 16 of head, then seconds and nanoseconds. */
const stampBytes = 32;
const longestDatagram = 65_536;
/**
 * A whole UDP datagram fits; the kernel touches only the pages that one really fills. The odd cache lines keep the packets
 * of neighboring slots from falling into the same few sets of the cache, as they would 64 KiB apart.
 */
const slotBytes = longestDatagram + 3 * 64;

export class SocketRefused extends Error {
  readonly code: string;

  constructor(call: string, errno: number, where = "") {
    const code = getSystemErrorName(-errno);
    super(`${call} ${code}${where === "" ? "" : ` ${where}`}`);
    this.name = "SocketRefused";
    this.code = code;
  }
}

/** Datagrams that one call has read. What stands in it is overwritten by the next call. */
export interface Datagrams {
  /** Fills it from the socket; answers how many datagrams, 0 when none waits. */
  read(fd: number): number;
  /** A view on the datagram; the next one of the same length at this place is given the same view. */
  bytes(index: number): Buffer;
  /** Who sent it; an IPv4 sender on an IPv6 socket by its IPv4 address. */
  sender(index: number): { address: string; port: number };
  /** The same as the kernel wrote it (sockaddr), so many 32-bit words for each datagram: to see whether it is the one before. */
  readonly names: Uint32Array;
  readonly nameWords: number;
  /** When the kernel received it, by the wall clock (ms); NaN where it does not say. */
  receivedAt(index: number): number;
}

export interface LinuxSockets {
  /** A bound socket. Throws SocketRefused, with the code that node:dgram would give. */
  bind(address: string, port: number, receiveBufferBytes: number): { fd: number; port: number };
  send(fd: number, bytes: Uint8Array, to: Uint8Array): void;
  /** Null for what is no address of the socket's family. */
  sockaddr(ipv6: boolean, address: string, port: number): Uint8Array | null;
  close(fd: number): void;
  createDatagrams(count: number): Datagrams;
  createReadiness(sockets: number): Readiness;
}

/** Which sockets have something to read (epoll). */
export interface Readiness {
  readonly fd: number;
  add(fd: number): void;
  remove(fd: number): void;
  /** Never waits. Answers how many; `at` then says which. The kernel passes them round, so that a busy one comes after those that wait. */
  poll(): number;
  at(index: number): number;
  /** Calls back once when a socket has something to read. */
  whenReadable(wake: () => void): void;
  close(): void;
}

export async function loadLinuxSockets(): Promise<LinuxSockets> {
  if (platform() !== "linux" || !["x64", "arm64", "riscv64"].includes(arch()) || endianness() !== "LE") throw new Error(`reading in batches is for 64-bit Linux, this is ${platform()} on ${arch()}`);
  const { default: koffi } = await import("koffi");
  const libc = koffi.load(null);
  const socket = libc.func("int socket(int domain, int type, int protocol)");
  const bind = libc.func("int bind(int fd, void *address, uint32_t length)");
  const getsockname = libc.func("int getsockname(int fd, void *address, void *length)");
  const setsockopt = libc.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
  const close = libc.func("int close(int fd)");
  const sendto = libc.func("int64_t sendto(int fd, void *bytes, size_t length, int flags, void *address, uint32_t addressLength)");
  const recvmmsg = libc.func("int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)");
  const epollCreate = libc.func("int epoll_create1(int flags)");
  const epollControl = libc.func("int epoll_ctl(int epoll, int operation, int fd, void *event)");
  const epollWait = libc.func("int epoll_wait(int epoll, uintptr_t events, int count, int timeoutMs)");
  const inetPton = libc.func("int inet_pton(int family, const char *text, void *address)");
  const inetNtop = libc.func("const char *inet_ntop(int family, void *address, void *text, uint32_t length)");

  const refused = (call: string, where?: string): SocketRefused => new SocketRefused(call, koffi.errno(), where);

  function option(fd: number, level: number, name: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    setsockopt(fd, level, name, bytes, 4); // what is refused here leaves the system's default, which works too
  }

  function sockaddr(ipv6: boolean, address: string, port: number): Uint8Array | null {
    const bytes = Buffer.alloc(ipv6 ? sockaddrBytes : 16);
    bytes.writeUInt16LE(ipv6 ? AF_INET6 : AF_INET, 0);
    bytes.writeUInt16BE(port, 2);
    const [host = "", scope] = address.split("%"); // a link-local address names its interface by number
    const known = ipv6 ? inetPton(AF_INET6, isIPv6(host) ? host : `::ffff:${host}`, bytes.subarray(8, 24)) : inetPton(AF_INET, host, bytes.subarray(4, 8));
    if (known !== 1) return null;
    if (ipv6 && scope !== undefined && /^\d{1,9}$/.test(scope)) bytes.writeUInt32LE(Number(scope), 24);
    return bytes;
  }

  function nameOf(name: Buffer): { address: string; port: number } {
    const port = name.readUInt16BE(2);
    if (name.readUInt16LE(0) === AF_INET) return { address: name.subarray(4, 8).join("."), port };
    const mapped = name.readUInt32LE(8) === 0 && name.readUInt32LE(12) === 0 && name.readUInt32BE(16) === 0xffff;
    if (mapped) return { address: name.subarray(20, 24).join("."), port };
    const text: string | null = inetNtop(AF_INET6, name.subarray(8, 24), Buffer.alloc(46), 46);
    const scope = name.readUInt32LE(24);
    return { address: scope === 0 ? (text ?? "") : `${text}%${scope}`, port };
  }

  return {
    sockaddr,
    bind(address, port, receiveBufferBytes) {
      const ipv6 = isIPv6(address.split("%")[0]!);
      const name = sockaddr(ipv6, address, port);
      if (name === null) throw new SocketRefused("bind", koffi.os.errno["EINVAL"]!, `${address}:${port}`);
      const fd: number = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
      if (fd < 0) throw refused("socket");
      if (ipv6) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
      option(fd, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes);
      option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
      const bound = Buffer.alloc(sockaddrBytes);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(sockaddrBytes);
      if (bind(fd, name, name.length) !== 0 || getsockname(fd, bound, length) !== 0) {
        const error = refused("bind", `${address}:${port}`);
        close(fd);
        throw error;
      }
      return { fd, port: bound.readUInt16BE(2) };
    },
    send(fd, bytes, to) {
      sendto(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, to, to.length);
    },
    close(fd) {
      close(fd);
    },
    createDatagrams(count) {
      // One piece of memory for all that the kernel is given by address: it lives as long as any view on it is held here.
      const namesAt = count * mmsghdrBytes;
      const stampsAt = namesAt + count * nameStride;
      const vectorsAt = stampsAt + count * stampBytes;
      const slabAt = vectorsAt + count * iovecBytes;
      const memory = Buffer.allocUnsafeSlow(slabAt + count * slotBytes).fill(0, 0, slabAt);
      const memoryAt = koffi.address(memory);
      const messagesAt = Number(memoryAt);
      const messages = new Uint32Array(memory.buffer, 0, namesAt / 4);
      const names = new Uint32Array(memory.buffer, namesAt, (count * nameStride) / 4);
      const stamps = new Uint32Array(memory.buffer, stampsAt, (count * stampBytes) / 4);
      const slab = memory.subarray(slabAt);
      for (let i = 0; i < count; i += 1) {
        const [message, vector] = [i * mmsghdrBytes, vectorsAt + i * iovecBytes];
        memory.writeBigUInt64LE(memoryAt + BigInt(slabAt + i * slotBytes), vector);
        memory.writeBigUInt64LE(BigInt(longestDatagram), vector + 8);
        memory.writeBigUInt64LE(memoryAt + BigInt(namesAt + i * nameStride), message);
        memory.writeUInt32LE(sockaddrBytes, message + 8);
        memory.writeBigUInt64LE(memoryAt + BigInt(vector), message + 16);
        memory.writeBigUInt64LE(1n, message + 24);
        memory.writeBigUInt64LE(memoryAt + BigInt(stampsAt + i * stampBytes), message + 32);
        memory.writeUInt32LE(stampBytes, message + 40);
      }
      const stamped = new Uint8Array(count);
      const lengthWord = 56 / 4;
      const wordsEach = mmsghdrBytes / 4;
      const views = Array.from({ length: count }, (_, i) => slab.subarray(i * slotBytes, i * slotBytes));
      return {
        names,
        nameWords: nameStride / 4,
        sender: (index) => nameOf(memory.subarray(namesAt + index * nameStride, namesAt + index * nameStride + sockaddrBytes)),
        read(fd) {
          const filled: number = recvmmsg(fd, messagesAt, count, MSG_DONTWAIT, 0);
          // The kernel has written how long name and stamp are; it reads there how long they may be.
          for (let i = 0; i < filled; i += 1) {
            messages[i * wordsEach + 2] = sockaddrBytes;
            stamped[i] = messages[i * wordsEach + 10]!;
            messages[i * wordsEach + 10] = stampBytes;
          }
          return filled; // -1: nothing there, or an ICMP error that this has now taken off the socket
        },
        receivedAt(index) {
          if (stamped[index] !== stampBytes) return Number.NaN;
          const words = (index * stampBytes) / 4;
          return stamps[words + 4]! * 1000 + stamps[words + 6]! / 1e6; // the lower half of the seconds does until 2106
        },
        bytes(index) {
          const length = messages[index * wordsEach + lengthWord]!;
          const view = views[index]!;
          return view.length === length ? view : (views[index] = slab.subarray(index * slotBytes, index * slotBytes + length));
        },
      };
    },
    createReadiness(sockets) {
      const eventBytes = arch() === "x64" ? 12 : 16; // packed on x64 alone
      const dataAt = eventBytes - 8;
      const fd: number = epollCreate(EPOLL_CLOEXEC);
      if (fd < 0) throw refused("epoll_create");
      const events = Buffer.alloc(sockets * eventBytes);
      const eventsAt = Number(koffi.address(events));
      let poller: ReturnType<typeof koffi.node.poll> | null = null;
      return {
        fd,
        add(socketFd) {
          const event = Buffer.alloc(eventBytes);
          event.writeUInt32LE(EPOLLIN, 0);
          event.writeInt32LE(socketFd, dataAt);
          if (epollControl(fd, EPOLL_CTL_ADD, socketFd, event) !== 0) throw refused("epoll_ctl");
        },
        remove(socketFd) {
          epollControl(fd, EPOLL_CTL_DEL, socketFd, Buffer.alloc(eventBytes));
        },
        poll: () => Math.max(0, epollWait(fd, eventsAt, sockets, 0) as number),
        at: (index) => events.readInt32LE(index * eventBytes + dataAt),
        whenReadable(wake) {
          const once = (): void => {
            poller?.stop();
            wake();
          };
          if (poller === null) poller = koffi.node.poll(fd, { readable: true }, once);
          else poller.start({ readable: true }, once);
        },
        close() {
          poller?.close();
          poller = null;
          close(fd);
        },
      };
    },
  };
}
