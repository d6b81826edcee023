import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { addTenant, createTestDatabase, quietLog, type TestDatabase } from "../testing/index.ts";
import { createJobs, type JobIds, type Jobs } from "./jobs.ts";
import { withTenant } from "./tenant.ts";

let database: TestDatabase;
let tenantId: string;
let jobs: Jobs<"prompt" | "failing">;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = await addTenant(database.db);
  jobs = createJobs({ url: database.url, log: quietLog, queues: { prompt: { prompt: true }, failing: { prompt: true } } });
  await jobs.ready();
});
afterAll(async () => {
  await jobs?.close();
  await jobs?.close();
  await database?.close();
});

describe("jobs", () => {
  test("a job exists if and only if the transaction that made it commits, and then runs once, with its tenant", async () => {
    const ran: JobIds[] = [];
    jobs.work("prompt", async (ids) => void ran.push(ids));
    await expect(
      withTenant(database.db, tenantId, async (tx) => {
        await jobs.enqueue(tx, "prompt", [{ mediaId: "rolled back" }]);
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    await withTenant(database.db, tenantId, async (tx) => {
      await jobs.enqueue(tx, "prompt", [{ mediaId: "committed" }]);
      // The transaction goes on as the tenant's own.
      await expect(tx.selectFrom("tenants").select("tenant_id").execute()).resolves.toEqual([{ tenant_id: tenantId }]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(ran).toEqual([]);
    });
    await vi.waitFor(() => expect(ran).toEqual([{ tenantId, mediaId: "committed" }]), { timeout: 5_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(ran).toHaveLength(1);
  });

  test("a handler that throws is tried again", async () => {
    let tries = 0;
    jobs.work("failing", async () => {
      if (++tries === 1) throw new Error("the store is away");
    });
    await withTenant(database.db, tenantId, (tx) => jobs.enqueue(tx, "failing", [{ mediaId: "m" }]));
    await vi.waitFor(() => expect(tries).toBe(2), { timeout: 15_000, interval: 100 });
  }, 20_000);

  test("nobody but the login role sees the queue's tables", async () => {
    await expect(withTenant(database.db, tenantId, (tx) => tx.selectFrom("pgboss.job" as never).selectAll().execute())).rejects.toThrow(/permission denied/);
  });

  test("without a database it waits, and closes", async () => {
    const away = createJobs({ url: "postgres://nobody@127.0.0.1:1/none", log: quietLog, queues: { any: {} } });
    away.work("any", async () => undefined);
    const ready = away.ready();
    ready.catch(() => undefined);
    await away.close();
    await expect(ready).rejects.toThrow();
  });
});
