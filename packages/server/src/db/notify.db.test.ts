import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createTestDatabase, quietLog, type TestDatabase } from "../testing/index.ts";
import { createNotifier, parseChange, type Change, type Notifier } from "./notify.ts";
import { createDb } from "./pool.ts";

let database: TestDatabase;
const notifiers: Notifier[] = [];
const contoso = "47eaa099-2cb6-416d-86dc-283cf0480ff9";
const fabrikam = "9a1e40b4-5815-4a99-99e2-d15364c7a500";

beforeAll(async () => void (database = await createTestDatabase()));
afterAll(() => database?.close());
afterEach(() => Promise.all(notifiers.splice(0).map((notifier) => notifier.close())));

async function open(): Promise<{ notifier: Notifier; heard: Change[] }> {
  const notifier = createNotifier(database.db);
  notifiers.push(notifier);
  const heard: Change[] = [];
  notifier.onChange((change) => heard.push(change));
  await vi.waitFor(() => {
    notifier.announceDirectory(); // until it is listening
    expect(heard).not.toHaveLength(0);
  }, { timeout: 5_000, interval: 50 });
  await settle();
  heard.length = 0;
  return { notifier, heard };
}

/** Longer than a notifier gathers, so that what was announced before has been heard. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 300));

const drop = async (): Promise<void> => {
  const superuser = new Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'earwitness notifier' and datname = current_database()");
  await superuser.end();
};

describe("the notifier", () => {
  test("tells every node what changed, a burst as one, per tenant", async () => {
    const [one, two] = await Promise.all([open(), open()]);
    await settle();
    one.heard.length = two.heard.length = 0;
    for (let times = 0; times < 50; times++) one.notifier.announce(contoso, `id-${times % 3}`);
    one.notifier.announce(fabrikam, "id-9");
    await vi.waitFor(() => expect(two.heard).toHaveLength(2));
    expect(two.heard).toEqual([
      { kind: "interactions", tenantId: contoso, ids: ["id-0", "id-1", "id-2"] },
      { kind: "interactions", tenantId: fabrikam, ids: ["id-9"] },
    ]);
    await vi.waitFor(() => expect(one.heard).toEqual(two.heard));
  });

  test("a thousand at once fit, in several", async () => {
    const { notifier, heard } = await open();
    const ids = Array.from({ length: 1_000 }, (_, n) => n.toString(16).padStart(24, "0"));
    for (const id of ids) notifier.announce(contoso, id);
    await vi.waitFor(() => expect(heard.flatMap((change) => (change.kind === "interactions" ? change.ids : []))).toEqual(ids));
    expect(heard.length).toBeGreaterThan(1);
  });

  test("a lost connection is taken up again, and says that something may have been missed", async () => {
    const { notifier, heard } = await open();
    await drop();
    await vi.waitFor(() => expect(heard).toEqual([{ kind: "lost" }]), { timeout: 5_000 });
    notifier.announce(contoso, "after");
    await vi.waitFor(() => expect(heard).toContainEqual({ kind: "interactions", tenantId: contoso, ids: ["after"] }), { timeout: 5_000 });
  });

  test("what anybody else sends on the channel is not taken for a change", async () => {
    for (const payload of ["", "{", "null", '{"kind":"other"}', '{"kind":"interactions","tenantId":"t","ids":[1]}']) expect(parseChange(payload), payload).toBeNull();
  });

  test("without a database it drops what it is told, and closes", async () => {
    const db = createDb({ url: "postgres://nobody@127.0.0.1:1/none", log: quietLog });
    const notifier = createNotifier(db);
    const heard = vi.fn();
    notifier.onChange(heard);
    notifier.announce(contoso, "x");
    await settle();
    await notifier.close();
    await db.close();
    expect(heard).not.toHaveBeenCalled();
  });
});
