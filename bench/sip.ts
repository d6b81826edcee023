/**
 * npm run bench sip: sessions set up and ended, INVITE with SDP and metadata, 200, ACK, BYE, 200, one after the other on each of so many
 * lines, over real sockets. The platform does for each what it does for any call: it decides, makes and seals a key, opens four ports,
 * syncs its facts to disk, writes rows and evidence. Beside it sipp's own UAS and a UAS of our parsers alone, which do none of that: what
 * the difference is, the platform's work is.
 *
 *   npm run bench sip -- [--at-once 1,4,16] [--seconds 10] [--rounds 3] [--transports udp,tcp] [--only earwitness,parsers,sipp]
 */
import { fork, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort, pause, startPlatform } from "../tests/platform.ts";
import { median, quantile, table } from "./figures.ts";
import { startClient } from "./load.ts";
import { descendantsTime, processTime } from "./process-time.ts";
import { openResults, rounded } from "./results.ts";
import { host, type Transport } from "./sip-line.ts";

const { values } = parseArgs({
  options: {
    "at-once": { type: "string", default: "1,4,16" },
    seconds: { type: "string", default: "10" },
    rounds: { type: "string", default: "3" },
    transports: { type: "string", default: "udp,tcp" },
    only: { type: "string", default: "earwitness,parsers,sipp" },
    into: { type: "string" },
  },
});
const [seconds, rounds, widths] = [Number(values.seconds), Number(values.rounds), values["at-once"].split(",").map(Number)];
if ([seconds, rounds, ...widths].some((number) => !Number.isInteger(number) || number < 1)) throw new Error("--at-once, --seconds and --rounds are whole numbers from 1");
const transports = values.transports.split(",").filter((one): one is Transport => one === "udp" || one === "tcp");
const wanted = values.only.split(",");
const warmSeconds = 2;

interface Server {
  readonly pid: number;
  readonly port: number;
  close(): Promise<void>;
}

type Way = "earwitness" | "parsers" | "sipp";

export interface Run {
  readonly way: Way;
  readonly transport: Transport;
  readonly atOnce: number;
  readonly perSecond: number;
  readonly refused: number;
  /** p50 and p99 of the answer's time, milliseconds. */
  readonly inviteMs: readonly [number, number];
  readonly byeMs: readonly [number, number];
  /** Of one session: of the server's process, and of those it started (the database). */
  readonly cpuMs: number;
  readonly databaseMs: number;
  readonly clientMs: number;
}

const starts: Record<Way, (transport: Transport) => Promise<Server>> = {
  async earwitness() {
    const platform = await startPlatform({ EARWITNESS_LOG_LEVEL: "error", EARWITNESS_RTP_PORTS: "20000-29999" });
    return { pid: platform.pid(), port: platform.sipPort, close: () => platform.close() };
  },
  async parsers() {
    const port = await freePort();
    const child = fork(join(import.meta.dirname, "parser-uas.ts"), [String(port)], { execArgv: ["--disable-warning=ExperimentalWarning"] });
    await once(child, "message");
    return { pid: child.pid!, port, close: () => end(child) };
  },
  async sipp(transport) {
    const port = await freePort();
    const child = spawn("sipp", ["-sn", "uas", "-i", host, "-p", String(port), "-t", transport === "udp" ? "u1" : "t1", "-nostdin"], { stdio: "ignore" });
    await pause(500);
    return { pid: child.pid!, port, close: () => end(child) };
  },
};

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function run(way: Way, transport: Transport, atOnce: number): Promise<Run> {
  const server = await starts[way](transport);
  const client = startClient();
  try {
    await client.cycle({ server: server.port, transport, atOnce, seconds: warmSeconds, name: "warm" });
    const before = [processTime(server.pid), descendantsTime(server.pid)] as const;
    const cycled = await client.cycle({ server: server.port, transport, atOnce, seconds, name: "cycle" });
    await pause(500); // what is still being written belongs to these sessions
    const after = [processTime(server.pid), descendantsTime(server.pid)] as const;
    const sessions = cycled.inviteMs.length;
    const of = (samples: readonly number[]): [number, number] => [rounded(quantile(samples, 0.5), 2), rounded(quantile(samples, 0.99), 2)];
    return {
      way,
      transport,
      atOnce,
      perSecond: rounded(sessions / cycled.seconds, 1),
      refused: cycled.refused,
      inviteMs: of(cycled.inviteMs),
      byeMs: of(cycled.byeMs),
      cpuMs: rounded((after[0] - before[0]) / sessions),
      databaseMs: rounded((after[1] - before[1]) / sessions),
      clientMs: rounded(cycled.cpuMs / sessions),
    };
  } finally {
    client.close();
    await server.close();
  }
}

const hasSipp = spawnSync("sipp", ["-v"]).error === undefined;
if (!hasSipp && wanted.includes("sipp")) console.log("sipp is not installed (Debian: sip-tester): measured without it.");
const ways = (["earwitness", "parsers", "sipp"] as const).filter((way) => wanted.includes(way) && (way !== "sipp" || hasSipp));

const results = openResults<Run>("sip", { seconds, rounds, warmSeconds }, { into: values.into });
for (const transport of transports) {
  for (const atOnce of widths) {
    for (let round = 0; round < rounds; round += 1) for (const way of ways) results.add(await run(way, transport, atOnce));
  }
}

console.log(`\nSessions set up and ended, one after the other on each line (${seconds} s, medians of ${rounds})`);
table(
  ["", "lines", "sessions/s", "INVITE p50", "p99 ms", "BYE p50", "p99 ms", "CPU ms", "database ms", "refused"],
  transports.flatMap((transport) =>
    widths.flatMap((atOnce) =>
      ways.map((way) => {
        const of = results.runs.filter((one) => one.way === way && one.transport === transport && one.atOnce === atOnce);
        const mid = (figure: (one: Run) => number): number => median(of.map(figure));
        return [`${way}, ${transport}`, atOnce, mid((one) => one.perSecond), mid((one) => one.inviteMs[0]), mid((one) => one.inviteMs[1]), mid((one) => one.byeMs[0]), mid((one) => one.byeMs[1]), mid((one) => one.cpuMs), mid((one) => one.databaseMs), of.reduce((sum, one) => sum + one.refused, 0)];
      }),
    ),
  ),
);
console.log(`\nThe raw runs: ${results.path}`);
