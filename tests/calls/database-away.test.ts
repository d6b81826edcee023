import { spawnSync } from "node:child_process";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "pg";
import { placeCall } from "@earwitness/sandbox";
import { decode, toneBursts } from "../listen.ts";
import { command, freePort, pause, startPlatform, type Platform } from "../platform.ts";
import { startPostgres } from "../../scripts/test-postgres.mjs";

/** The way to the database, which can be cut and mended. */
function createWay(port: number, to: number) {
  let server: Server | null = null;
  const sockets = new Set<Socket>();
  return {
    async mend(): Promise<void> {
      server = createServer((near) => {
        const far = connect(to, "127.0.0.1");
        for (const socket of [near, far]) {
          sockets.add(socket);
          socket.on("error", () => undefined).on("close", () => (near.destroy(), far.destroy(), sockets.delete(socket)));
        }
        near.pipe(far).pipe(near);
      });
      await new Promise<void>((done) => server!.listen(port, "127.0.0.1", done));
    },
    async cut(): Promise<void> {
      const closing = server;
      server = null;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => (closing === null ? done() : closing.close(() => done())));
    },
  };
}

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let way: ReturnType<typeof createWay>;
let platform: Platform;
let wayPort = 0;

beforeAll(async () => {
  const bin = spawnSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1"], { encoding: "utf8" }).stdout.trim();
  postgres = await startPostgres(bin);
  wayPort = await freePort();
  way = createWay(wayPort, Number(new URL(postgres.url).port));
  await way.mend();
  const url = new URL(postgres.url);
  url.port = String(wayPort);
  platform = await startPlatform({ DATABASE_URL: url.href });
});
afterAll(async () => {
  await platform?.close();
  await way?.cut();
  await postgres?.stop();
});

const call = async (hz: number) => {
  const placed = await placeCall({
    server: { host: "127.0.0.1", port: platform.sipPort },
    localAddress: "127.0.0.1",
    parties: [
      { name: "Adele Vance", aor: "sip:adelev@contoso.example", audio: { kind: "tone", frequencyHz: hz, bursts: [{ atMs: 500, durationMs: 500 }] } },
      { name: "Alex Wilber", aor: "sip:alexw@contoso.example" },
    ],
  });
  await pause(2_500);
  await placed.bye();
  return placed.callId;
};

async function heard(sipCallId: string, hz: number): Promise<void> {
  const [interaction] = await platform.settled(sipCallId, "Available", 30_000);
  const detail = await platform.detail(interaction!.id);
  const track = detail.tracks.find((candidate) => candidate.participant.aor === "sip:adelev@contoso.example")!;
  const samples = decode(new Uint8Array(await (await platform.fetch(`/api/v1/interactions/${interaction!.id}/media/${track.track}`)).arrayBuffer()));
  expect(toneBursts(samples, hz)).toHaveLength(1);
}

async function evidence(sipCallId: string): Promise<{ action: string; waitedMs: number }[]> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select e.action, (extract(epoch from e.recorded_at - e.occurred_at) * 1000)::int as "waitedMs"
         from evidence e join evidence o on o.subject = e.subject
        where o.action = 'Recording Started' and o.detail->>'sipCallId' = $1 order by e.recorded_at`,
      [sipCallId],
    );
    return rows;
  } finally {
    await client.end();
  }
}

test("PLT-03 cold boot with the database unreachable: one call, then the database comes back, and the call is there with its evidence", { timeout: 120_000 }, async () => {
  await platform.stop();
  await way.cut();
  await platform.restart();
  expect((await platform.fetch("/api/v1/health")).status).toBe(200);
  expect((await platform.fetch("/api/v1/health?of=portal")).status).toBe(503);
  const sipCallId = await call(900);
  expect((await platform.fetch("/api/v1/interactions")).status).toBe(503);
  await way.mend();
  await heard(sipCallId, 900);
  expect((await platform.fetch("/api/v1/health?of=portal")).status).toBe(200);

  const rows = await evidence(sipCallId);
  expect(rows.map((row) => row.action)).toEqual(expect.arrayContaining(["Recording Started", "Piece Stored", "Recording Ended", "Recording Finalized"]));
  expect(rows.filter((row) => row.action === "Recording Finalized")).toHaveLength(1);
  // It happened while the database was away, and says both when it happened and when it was written down.
  expect(rows.find((row) => row.action === "Recording Started")!.waitedMs).toBeGreaterThan(2_000);
});

test("PLT-03 a database that a newer version brought forward meanwhile is left alone: calls are recorded and wait, and the status says why", { timeout: 120_000 }, async () => {
  await platform.stop();
  await way.cut();
  await onTheServer("insert into schema_migrations (version, name, sha256) values (9999, '9999-newer.sql', '')");
  await platform.restart();
  const sipCallId = await call(950);
  await way.mend();
  const warned = () => command(platform.dataDir, ["status"]).catch(({ stdout }: { stdout: string }) => stdout);
  await expect.poll(warned, { timeout: 20_000, interval: 500 }).toMatch(/Warning: Calls are recorded, and do not come into the database: the database is newer than this program: it has migration 9999-newer\.sql, and Earwitness [\d.]+ knows up to/);
  await pause(2_000);
  expect(await evidence(sipCallId)).toEqual([]);
  await onTheServer("delete from schema_migrations where version = 9999");
  await heard(sipCallId, 950);
  expect(await warned()).not.toContain("Warning");

  // At a start it is refused, so that whoever starts the wrong version sees it.
  await platform.stop();
  await onTheServer("insert into schema_migrations (version, name, sha256) values (9999, '9999-newer.sql', '')");
  await expect(platform.restart()).rejects.toThrow("the database is newer than this program");
  await onTheServer("delete from schema_migrations where version = 9999");
  await platform.restart();
});

test("PLT-03 CAP-25 the database goes away in the middle of a call and the call does not notice", { timeout: 120_000 }, async () => {
  const placing = call(1100);
  await pause(800);
  await way.cut();
  const sipCallId = await placing;
  await pause(500);
  await way.mend();
  await heard(sipCallId, 1100);
});

test("PLT-03 a first boot ever, with the database unreachable: what the provision file names is recorded, and is there when the database comes", { timeout: 120_000 }, async () => {
  const fresh = await startPlatform({ DATABASE_URL: await freshDatabase() }, { beforeStart: () => way.cut() });
  const previous = platform;
  platform = fresh;
  try {
    expect((await fresh.fetch("/api/v1/health")).status).toBe(200);
    const sipCallId = await call(1000);
    await way.mend();
    await fresh.makeKey();
    await heard(sipCallId, 1000);
  } finally {
    platform = previous;
    await fresh.close();
  }
});

async function onTheServer(text: string): Promise<void> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

/** A database that nothing was ever done in, behind the same way. */
async function freshDatabase(): Promise<string> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  await client.query("create database never_seen");
  await client.end();
  const url = new URL(postgres.url);
  url.port = String(wayPort);
  url.pathname = "/never_seen";
  return url.href;
}
