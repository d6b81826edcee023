import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addTenant, createTestDatabase, quietLog, type TestDatabase } from "../testing/index.ts";
import { isConnectionError } from "./availability.ts";
import { createDb, type Db } from "./pool.ts";
import { withTenant } from "./tenant.ts";

let database: TestDatabase;
let tenantId: string;
/** Stands between us and the server, and can fall silent as a stopped machine does: connections stay, nothing comes. */
const wire = { silent: false, sockets: new Set<Socket>() };
const proxy = createServer((near) => {
  const far = connectToServer();
  for (const [from, to] of [[near, far], [far, near]] as const) {
    wire.sockets.add(from);
    from.on("data", (bytes) => wire.silent || to.write(bytes)).on("close", () => to.destroy()).on("error", () => undefined);
  }
});
let db: Db;

/** Over TCP, or by its socket's directory, as the embedded one is. */
function connectToServer(): Socket {
  const { hostname, port } = new URL(database.url);
  const host = decodeURIComponent(hostname);
  return host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port || 5432}`) : connect(Number(port || 5432), host);
}

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = await addTenant(database.db);
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const url = new URL(database.url);
  url.hostname = "127.0.0.1";
  url.port = String((proxy.address() as AddressInfo).port);
  db = createDb({ url: url.href, log: quietLog, poolSize: 2, silenceMs: 300 });
});
afterAll(async () => {
  await db.close();
  for (const socket of wire.sockets) socket.destroy();
  proxy.close();
  await database.close();
});

const readTenant = () => withTenant(db, tenantId, (tx) => tx.selectFrom("tenants").select("tenant_id").execute());
const failureOf = (work: Promise<unknown>) => work.then(() => null, (error: unknown) => error);

test("a server that falls silent is away, not waited for; when it speaks again all is well", async () => {
  await Promise.all([readTenant(), readTenant()]);
  wire.silent = true;
  const failures = await Promise.all([failureOf(readTenant()), failureOf(readTenant())]);
  expect(failures.map(isConnectionError)).toEqual([true, true]);
  wire.silent = false;
  expect(await readTenant()).toEqual([{ tenant_id: tenantId }]);
});

test("a connection that nobody uses may be silent", async () => {
  await readTenant();
  const pidOf = () => withTenant(db, tenantId, async (tx) => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)).rows[0]!.pid);
  const before = await pidOf();
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(await pidOf()).toBe(before);
});

test("a statement that takes too long is ended by the server, which is asked again", async () => {
  const failure = await failureOf(
    withTenant(db, tenantId, async (tx) => {
      expect((await sql<{ timeout: string }>`select current_setting('statement_timeout') as timeout`.execute(tx)).rows[0]!.timeout).toBe("20s");
      await sql`set local statement_timeout = '50ms'`.execute(tx);
      await sql`select pg_sleep(10)`.execute(tx);
    }),
  );
  expect([isConnectionError(failure), (failure as { code?: string }).code]).toEqual([true, "57014"]);
  await readTenant();
});
