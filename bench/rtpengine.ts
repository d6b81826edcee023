/**
 * rtpengine (Debian's package, in user space, no kernel module) as somebody who records calls with it would run it: pcap files,
 * driven over its ng protocol, which is a cookie and a bencoded dictionary in a UDP datagram.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, loadedAddress, sentBytes } from "./rtp-load.ts";

export type Bencoded = string | number | readonly Bencoded[] | { readonly [key: string]: Bencoded };

export function bencode(value: Bencoded): string {
  if (typeof value === "number") return `i${value}e`;
  if (typeof value === "string") return `${Buffer.byteLength(value)}:${value}`;
  if (Array.isArray(value)) return `l${value.map(bencode).join("")}e`;
  return `d${Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, of]) => bencode(key) + bencode(of as Bencoded)).join("")}e`;
}

export function bdecode(bytes: Buffer): Bencoded {
  let at = 0;
  const upTo = (mark: string): string => {
    const end = bytes.indexOf(mark, at);
    if (end < 0) throw new Error("bencoded value ends too soon");
    const text = bytes.toString("latin1", at, end);
    at = end + 1;
    return text;
  };
  const read = (): Bencoded => {
    const kind = String.fromCharCode(bytes[at] ?? 0);
    if (kind === "i") {
      at += 1;
      return Number(upTo("e"));
    }
    if (kind === "l" || kind === "d") {
      at += 1;
      const items: Bencoded[] = [];
      while (bytes[at] !== 0x65) items.push(read());
      at += 1;
      if (kind === "l") return items;
      return Object.fromEntries(Array.from({ length: items.length / 2 }, (_, i) => [String(items[2 * i]), items[2 * i + 1]!]));
    }
    const length = Number(upTo(":"));
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  return read();
}

function rtpPackets(pcap: Buffer): number {
  let count = 0;
  for (let at = 24; at + 16 <= pcap.length; ) {
    const captured = pcap.readUInt32LE(at + 8);
    if (captured === 20 + 8 + sentBytes) count += 1;
    at += 16 + captured;
  }
  return count;
}

export const hasRtpengine = (): boolean => spawnSync("rtpengine", ["--version"]).error === undefined;

export interface Rtpengine {
  readonly pid: number;
  readonly version: string;
  readonly ports: readonly (readonly [number, number])[];
  /** Packets in the pcap files, RTCP left out by its length. */
  kept(): Promise<number>;
  close(): Promise<void>;
}

/** Two-stream calls whose both sides send from one port. `relay`: each side's packets go on to the other, as in a call. */
export async function startRtpengine(options: { readonly calls: number; readonly dir: string; readonly relay: boolean; readonly fromPort: number }): Promise<Rtpengine> {
  const { dir, fromPort } = options;
  await mkdir(dir, { recursive: true });
  const ngPort = await freePort();
  const engine: ChildProcess = spawn(
    "rtpengine",
    ["--config-file=none", "--foreground", "--log-stderr", "--log-level=2", "--table=-1", `--interface=${loadedAddress}`, `--listen-ng=127.0.0.1:${ngPort}`, `--recording-dir=${dir}`, "--recording-method=pcap", "--recording-format=raw", "--num-threads=1", "--port-min=20000", "--port-max=31999", "--delete-delay=0", "--timeout=600"],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  const exited = once(engine, "exit");
  const ng = createSocket("udp4");
  await new Promise<void>((resolve) => ng.bind(0, "127.0.0.1", resolve));
  let cookies = 0;

  async function ask(command: Record<string, Bencoded>): Promise<Record<string, Bencoded>> {
    const cookie = `${process.pid}-${(cookies += 1)}`;
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const answered = Promise.withResolvers<Record<string, Bencoded> | null>();
      const hear = (bytes: Buffer): void => {
        const space = bytes.indexOf(" ");
        if (bytes.toString("latin1", 0, space) === cookie) answered.resolve(bdecode(bytes.subarray(space + 1)) as Record<string, Bencoded>);
      };
      ng.on("message", hear);
      const timer = setTimeout(() => answered.resolve(null), 500); // it may still be starting
      ng.send(`${cookie} ${bencode(command)}`, ngPort, "127.0.0.1");
      const answer = await answered.promise;
      clearTimeout(timer);
      ng.off("message", hear);
      if (answer === null) continue;
      if (answer["result"] === "error") throw new Error(`rtpengine refuses ${String(command["command"])}: ${String(answer["error-reason"])}`);
      return answer;
    }
    throw new Error("rtpengine does not answer");
  }

  const sdp = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${fromPort} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n`;
  const portOf = (answer: Record<string, Bencoded>): readonly [number, number] => {
    const port = Number(/^m=audio (\d+) /m.exec(String(answer["sdp"]))?.[1]);
    return [port, port + 1];
  };
  const ports: (readonly [number, number])[] = [];
  for (let call = 0; call < options.calls; call += 1) {
    const of = { "call-id": `bench-${call}`, "from-tag": "a" };
    const towardsB = await ask({ command: "offer", ...of, sdp, flags: ["port-latching"], ICE: "remove" });
    const towardsA = await ask({ command: "answer", ...of, "to-tag": "b", sdp, ICE: "remove" });
    ports.push(portOf(towardsA), portOf(towardsB));
    await ask({ command: "start recording", ...of });
    if (!options.relay) await ask({ command: "block media", "call-id": `bench-${call}`, all: "all" });
  }

  return {
    pid: engine.pid!,
    version: spawnSync("rtpengine", ["--version"], { encoding: "utf8" }).stdout.trim().replace(/^Version: /, "") || spawnSync("rtpengine", ["--version"], { encoding: "utf8" }).stderr.trim().replace(/^Version: /, ""),
    ports,
    async kept() {
      for (let call = 0; call < options.calls; call += 1) await ask({ command: "delete", "call-id": `bench-${call}`, "from-tag": "a" });
      let packets = 0;
      for (const name of await readdir(dir, { recursive: true })) {
        if (name.endsWith(".pcap")) packets += rtpPackets(await readFile(join(dir, name)));
      }
      return packets;
    },
    async close() {
      ng.close();
      engine.kill("SIGTERM");
      const hard = setTimeout(() => engine.kill("SIGKILL"), 5_000);
      await exited;
      clearTimeout(hard);
    },
  };
}
