/** A whole server of its own for a test: real processes, real sockets, a data directory that is gone afterwards. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Interaction, InteractionDetail, InteractionPage } from "@earwitness/contract";
import { provision } from "../packages/sandbox/src/provision.ts";
import { copyCluster } from "../packages/server/src/testing/copy-cluster.ts";
import { nodeFlags } from "../scripts/node-flags.mjs";

const projectDir = resolve(import.meta.dirname, "..");

export interface Platform {
  readonly url: string;
  readonly sipPort: number;
  readonly dataDir: string;
  readonly key: string;
  /** Makes the API key, where the start could not because the database was away. */
  makeKey(): Promise<void>;
  /** Of the server's process. */
  pid(): number;
  /** What the server wrote to its log in this start. */
  log(): string;
  get<T>(path: string): Promise<T>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  interactions(query?: string): Promise<Interaction[]>;
  detail(id: string): Promise<InteractionDetail>;
  /** Waits until all interactions of the recording session say so; answers them. */
  settled(sipCallId: string, status?: string, withinMs?: number): Promise<Interaction[]>;
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** Starts again on the same data directory. */
  restart(env?: Record<string, string>): Promise<void>;
  close(): Promise<void>;
}

/** With `beforeStart` the world is brought into a state in which no key can be made yet; `prepare` only readies the data directory. */
export async function startPlatform(env: Record<string, string> = {}, { beforeStart, prepare }: { beforeStart?: () => Promise<void>; prepare?: (dataDir: string) => void } = {}): Promise<Platform> {
  const dataDir = await mkdtemp(join(tmpdir(), "earwitness-e2e-"));
  await chmod(dataDir, 0o711); // as root, PostgreSQL's own account must be able to pass
  const provisionFile = join(dataDir, "provision.json");
  await writeFile(provisionFile, JSON.stringify(provision()));
  const [httpPort, sipPort] = [await freePort(), await freePort()];
  const rtpFrom = 20_000 + 2 * Math.floor(Math.random() * 15_000);
  const base = {
    EARWITNESS_SANDBOX: "1",
    EARWITNESS_DATA_DIR: dataDir,
    EARWITNESS_HTTP_PORT: String(httpPort),
    EARWITNESS_SIP_PORT: String(sipPort),
    EARWITNESS_RTP_PORTS: `${rtpFrom}-${rtpFrom + 1999}`,
    EARWITNESS_PROVISION_FILE: provisionFile,
    EARWITNESS_LOG_LEVEL: "info",
    ...env,
  };
  const url = `http://127.0.0.1:${httpPort}`;
  let child: ChildProcess | null = null;
  let logged = "";
  let key = "";

  async function start(more: Record<string, string>): Promise<void> {
    logged = "";
    const started = spawn(process.execPath, [...nodeFlags, join(projectDir, "packages/server/src/main.ts")], {
      cwd: projectDir,
      env: { ...cleanEnv(), ...base, ...more },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    child = started;
    started.stdout!.on("data", (chunk: Buffer) => (logged += chunk));
    started.stderr!.on("data", (chunk: Buffer) => (logged += chunk));
    await new Promise<void>((ready, failed) => {
      started.once("exit", (code) => failed(new Error(`the server stopped with ${code}:\n${logged.slice(-4000)}`)));
      started.on("message", (message: { kind?: string }) => message.kind === "ready" && ready());
    });
  }

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const running = child;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise((done) => running.once("exit", done));
    running.kill(signal);
    await gone;
    child = null;
  }

  const platform: Platform = {
    url,
    sipPort,
    dataDir,
    get key() {
      return key;
    },
    async makeKey() {
      for (let tries = 0; key === ""; tries++) {
        try {
          key = await command(dataDir, ["api-key", "create", "--tenant", "contoso", "--profile", "Admin"]);
        } catch (error) {
          if (tries > 20) throw error;
          await pause(500);
        }
      }
    },
    pid: () => child?.pid ?? 0,
    log: () => logged,
    fetch: (path, init = {}) => fetch(url + path, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) } }),
    async get<T>(path: string): Promise<T> {
      const response = await platform.fetch(path);
      if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as T;
    },
    async interactions(query = "limit=200") {
      return (await platform.get<InteractionPage>(`/api/v1/interactions?${query}`)).items;
    },
    detail: (id) => platform.get<InteractionDetail>(`/api/v1/interactions/${id}`),
    async settled(sipCallId, status = "Available", withinMs = 15_000) {
      for (const deadline = Date.now() + withinMs; ; ) {
        const mine = (await platform.interactions()).filter((interaction) => interaction.sipCallId === sipCallId);
        if (mine.length > 0 && mine.every((interaction) => interaction.mediaStatus === status)) return mine;
        if (Date.now() > deadline) throw new Error(`call ${sipCallId} is ${JSON.stringify(mine.map((interaction) => interaction.mediaStatus))}, not ${status}\n${logged.slice(-3000)}`);
        await pause(100);
      }
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    restart: (more = {}) => start(more),
    async close() {
      await end("SIGTERM");
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  try {
    const prepared = process.env["EARWITNESS_TEST_CLUSTER"];
    if (prepared !== undefined && !("DATABASE_URL" in env)) await copyCluster(prepared, join(dataDir, "sandbox"));
    prepare?.(dataDir);
    await beforeStart?.();
    await start({});
    if (beforeStart === undefined) await platform.makeKey();
  } catch (error) {
    await platform.close();
    throw error;
  }
  return platform;
}

/** Runs the command line against a data directory; answers what it printed. */
export async function command(dataDir: string, args: readonly string[]): Promise<string> {
  const file = join(projectDir, "packages/cli/src/main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", file, ...args], { env: { ...cleanEnv(), EARWITNESS_DATA_DIR: dataDir } });
  return stdout.trim();
}

export const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** The environment without what would point a test's server elsewhere. */
function cleanEnv(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter(([name, value]) => value !== undefined && !/^(EARWITNESS_|DATABASE_)|^(VITEST|NODE_OPTIONS)/.test(name))) as Record<string, string>;
}

export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed).listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === "object" ? done(address.port) : failed(new Error("no port"))));
    });
  });
}
