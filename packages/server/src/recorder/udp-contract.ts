/** What every way of reading UDP must do; the suite runs on each, so that they can stand in for one another. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { OpenUdpSocket, UdpSocket } from "./udp.ts";

interface Heard {
  readonly bytes: string;
  readonly address: string;
  readonly port: number;
}

export function udpContract(title: string, create: () => Promise<OpenUdpSocket>): void {
  describe(`${title}: UDP contract`, () => {
    let open: OpenUdpSocket;
    let opened: UdpSocket[];
    let sender: Socket;
    let senderPort: number;

    const openOn = async (address: string, port: number, listener: Parameters<OpenUdpSocket>[2]): Promise<UdpSocket> => {
      const socket = await open(address, port, listener);
      opened.push(socket);
      return socket;
    };
    const listen = async (address = "127.0.0.1", port = 0): Promise<{ socket: UdpSocket; heard: Heard[] }> => {
      const heard: Heard[] = [];
      return { socket: await openOn(address, port, (bytes, from, fromPort) => heard.push({ bytes: bytes.toString("latin1"), address: from, port: fromPort })), heard };
    };
    const send = (bytes: string | Uint8Array, port: number, from = sender, to = "127.0.0.1"): Promise<void> =>
      new Promise((resolve, reject) => from.send(bytes, port, to, (error) => (error === null ? resolve() : reject(error))));
    const heardBy = (heard: readonly Heard[], count: number): Promise<void> => vi.waitFor(() => expect(heard.length).toBeGreaterThanOrEqual(count), { timeout: 5_000, interval: 5 });

    beforeAll(async () => {
      open = await create();
    });
    beforeEach(async () => {
      opened = [];
      sender = createSocket("udp4");
      sender.bind(0, "127.0.0.1");
      await once(sender, "listening");
      senderPort = sender.address().port;
    });
    afterEach(async () => {
      await Promise.all(opened.map((socket) => socket.close()));
      sender.close();
    });

    test("tells each datagram as it came, in order, with its sender", async () => {
      const { socket, heard } = await listen();
      expect(socket.port).toBeGreaterThan(0);
      for (let i = 0; i < 100; i += 1) await send(`packet ${i}`, socket.port);
      await heardBy(heard, 100);
      expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => ({ bytes: `packet ${i}`, address: "127.0.0.1", port: senderPort })));
    });

    test("lengths from nothing to the longest datagram there is, mixed", async () => {
      const { socket, heard } = await listen();
      const lengths = [172, 0, 65_507, 1, 172, 1_500, 172];
      for (const length of lengths) await send(Buffer.alloc(length, `${length}`), socket.port);
      await heardBy(heard, lengths.length);
      expect(heard.map(({ bytes }) => bytes)).toEqual(lengths.map((length) => Buffer.alloc(length, `${length}`).toString("latin1")));
    });

    test("senders are told apart, packet by packet", async () => {
      const { socket, heard } = await listen();
      const other = createSocket("udp4");
      other.bind(0, "127.0.0.2");
      await once(other, "listening");
      for (const from of [sender, other, sender, other, other]) await send("x", socket.port, from);
      await heardBy(heard, 5);
      expect(heard.map(({ address, port }) => [address, port])).toEqual([sender, other, sender, other, other].map((from) => [from.address().address, from.address().port]));
      other.close();
    });

    test("many sockets hear each its own", async () => {
      const all = await Promise.all(Array.from({ length: 60 }, () => listen()));
      for (let round = 0; round < 3; round += 1) for (const { socket } of all) await send(`for ${socket.port}, ${round}`, socket.port);
      await Promise.all(all.map(({ heard }) => heardBy(heard, 3)));
      for (const { socket, heard } of all) expect(heard.map(({ bytes }) => bytes)).toEqual([0, 1, 2].map((round) => `for ${socket.port}, ${round}`));
    });

    test("a burst that came while the loop was held up is read whole", async () => {
      const { socket, heard } = await listen();
      for (let i = 0; i < 250; i += 1) sender.send(`${i}`, socket.port, "127.0.0.1");
      await send("last", socket.port);
      const until = performance.now() + 100;
      while (performance.now() < until);
      await heardBy(heard, 251);
      expect(heard.map(({ bytes }) => bytes)).toEqual([...Array.from({ length: 250 }, (_, i) => `${i}`), "last"]);
    });

    test("says how long a packet has waited, never less than nothing nor more than it has", async () => {
      const waits: number[] = [];
      const socket = await openOn("127.0.0.1", 0, (_bytes, _address, _port, waitedMs) => waits.push(waitedMs ?? Number.NaN));
      for (let i = 0; i < 20; i += 1) {
        const from = performance.now();
        await send("x", socket.port);
        await vi.waitFor(() => expect(waits).toHaveLength(i + 1), { timeout: 5_000, interval: 1 });
        expect(waits[i]).toBeGreaterThanOrEqual(0);
        expect(waits[i]).toBeLessThanOrEqual(performance.now() - from + 2); // the wall clock counts whole milliseconds
      }
    });

    test("after a silence the next packet is heard at once", async () => {
      const { socket, heard } = await listen();
      await new Promise((resolve) => setTimeout(resolve, 900));
      const from = performance.now();
      await send("x", socket.port);
      await heardBy(heard, 1);
      expect(performance.now() - from).toBeLessThan(500);
      await send("y", socket.port);
      await heardBy(heard, 2);
    });

    test("a flood on one port leaves the others' packets alone", async () => {
      const { socket: flooded, heard: flood } = await listen();
      const { socket, heard } = await listen();
      const enough = new AbortController();
      const flooding = (async () => {
        while (!enough.signal.aborted) {
          for (let i = 0; i < 200; i += 1) sender.send(Buffer.alloc(172), flooded.port, "127.0.0.1");
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      const quiet = createSocket("udp4");
      quiet.bind(0, "127.0.0.1");
      await once(quiet, "listening");
      for (let i = 0; i < 50; i += 1) {
        await send(`${i}`, socket.port, quiet);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await heardBy(heard, 50);
      enough.abort();
      await flooding;
      expect(heard.map(({ bytes }) => bytes)).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
      expect(flood.length).toBeGreaterThan(0);
      quiet.close();
    });

    test("a port that is taken is refused with EADDRINUSE, an address that is not ours with EADDRNOTAVAIL", async () => {
      const { socket } = await listen();
      await expect(openOn("127.0.0.1", socket.port, () => undefined)).rejects.toMatchObject({ code: "EADDRINUSE", message: `bind EADDRINUSE 127.0.0.1:${socket.port}` });
      await expect(openOn("192.0.2.1", 0, () => undefined)).rejects.toMatchObject({ code: "EADDRNOTAVAIL" });
      await socket.close();
      await openOn("127.0.0.1", socket.port, () => undefined);
    });

    test("sends from its own port", async () => {
      const { socket } = await listen();
      const answer = once(sender, "message");
      socket.send(Buffer.from("report"), senderPort, "127.0.0.1");
      const [bytes, from] = (await answer) as [Buffer, { port: number }];
      expect([bytes.toString(), from.port]).toEqual(["report", socket.port]);
    });

    test("reports to nobody (ICMP), to no address and of no bytes do no harm", async () => {
      const { socket, heard } = await listen();
      const gone = createSocket("udp4");
      gone.bind(0, "127.0.0.1");
      await once(gone, "listening");
      const { port } = gone.address();
      await new Promise<void>((resolve) => gone.close(() => resolve()));
      for (let i = 0; i < 20; i += 1) {
        socket.send(Buffer.from("report"), port, "127.0.0.1");
        await send(`${i}`, socket.port);
      }
      socket.send(Buffer.from("report"), 9, "256.1.1.1");
      socket.send(Buffer.alloc(0), senderPort, "127.0.0.1");
      await heardBy(heard, 20);
      expect(heard.map(({ bytes }) => bytes)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    });

    test("IPv6", async () => {
      const { socket, heard } = await listen("::1");
      const six = createSocket("udp6");
      six.bind(0, "::1");
      await once(six, "listening");
      await send("six", socket.port, six, "::1");
      await heardBy(heard, 1);
      expect(heard).toEqual([{ bytes: "six", address: "::1", port: six.address().port }]);
      const answer = once(six, "message");
      socket.send(Buffer.from("report"), six.address().port, "::1");
      expect(String((await answer)[0])).toBe("report");
      await expect(openOn("::1", socket.port, () => undefined)).rejects.toMatchObject({ code: "EADDRINUSE" });
      six.close();
    });

    test("an IPv4 sender on a socket for both families is known by the address that its offer names, and gets its answer", async () => {
      const { socket, heard } = await listen("::");
      const six = createSocket("udp6");
      six.bind(0, "::1");
      await once(six, "listening");
      await send("four", socket.port);
      await send("six", socket.port, six, "::1");
      await send("four", socket.port);
      await heardBy(heard, 3);
      expect(heard.map(({ address }) => address)).toEqual(["127.0.0.1", "::1", "127.0.0.1"]);
      const answer = once(sender, "message");
      socket.send(Buffer.from("report"), heard[0]!.port, heard[0]!.address);
      expect(String((await answer)[0])).toBe("report");
      six.close();
    });

    test("closing tells what had arrived, then nothing more; again is the same; sending afterwards is nothing", async () => {
      const { socket, heard } = await listen();
      await send("warm", socket.port);
      await heardBy(heard, 1);
      for (let i = 0; i < 20; i += 1) await send(`${i}`, socket.port);
      const closing = socket.close();
      expect(socket.close()).toBe(closing);
      await closing;
      expect(heard.map(({ bytes }) => bytes)).toEqual(["warm", ...Array.from({ length: 20 }, (_, i) => `${i}`)]);
      socket.send(Buffer.from("late"), senderPort, "127.0.0.1");
      // The port is free: what comes for its next owner is not ours.
      const { heard: next } = await listen("127.0.0.1", socket.port);
      await send("next", socket.port);
      await heardBy(next, 1);
      expect(heard).toHaveLength(21);
    });

    test("a listener may close its own socket and others, and open new ones", async () => {
      const { socket: other, heard: heardByOther } = await listen();
      const late = Promise.withResolvers<Heard>();
      let count = 0;
      const socket: UdpSocket = await openOn("127.0.0.1", 0, () => {
        count += 1;
        void socket.close();
        void other.close().then(() => openOn("127.0.0.1", other.port, (bytes, address, port) => late.resolve({ bytes: bytes.toString(), address, port })));
      });
      await send("x", socket.port);
      await vi.waitFor(() => expect(count).toBeGreaterThan(0));
      await vi.waitFor(() => expect(opened).toHaveLength(3));
      await send("late", other.port);
      expect((await late.promise).bytes).toBe("late");
      expect(heardByOther).toEqual([]);
    });

    test("leaves no file descriptor open, of those it could not bind neither", async () => {
      const { socket: taken } = await listen();
      const before = (await readdir("/proc/self/fd")).length;
      for (let round = 0; round < 5; round += 1) {
        const sockets = await Promise.all(Array.from({ length: 20 }, () => open("127.0.0.1", 0, () => undefined)));
        await expect(open("127.0.0.1", taken.port, () => undefined)).rejects.toThrow("EADDRINUSE");
        await Promise.all(sockets.map((socket) => socket.close()));
      }
      expect((await readdir("/proc/self/fd")).length).toBe(before);
    });

    afterAll(async () => {
      // With the last socket goes whatever they shared.
      const before = (await readdir("/proc/self/fd")).length;
      const socket = await open("127.0.0.1", 0, () => undefined);
      await socket.close();
      expect((await readdir("/proc/self/fd")).length).toBe(before);
    });
  });
}
