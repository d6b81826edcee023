import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mintedAt, mintId } from "#ids";
import { addTenant, createTestDatabase, type TestDatabase } from "../testing/index.ts";
import { ensurePartitions } from "./partitions.ts";
import { pooled } from "./pool.ts";
import { countInteractions, searchColumns, searchInteractionIds } from "./search.ts";
import { withSystem, withTenant } from "./tenant.ts";

let database: TestDatabase;
let contoso: string;
let fabrikam: string;
const interactionOf: Record<string, string> = {};

beforeAll(async () => {
  database = await createTestDatabase();
  contoso = await addTenant(database.db, "contoso");
  fabrikam = await addTenant(database.db, "fabrikam");
  for (const tenantId of [contoso, fabrikam]) interactionOf[tenantId] = await addInteraction(tenantId, new Date());
});
afterAll(() => database?.close());

async function addInteraction(tenantId: string, at: Date): Promise<string> {
  const id = mintId(at);
  await withTenant(database.db, tenantId, (tx) =>
    tx
      .insertInto("interactions")
      .values({
        tenant_id: tenantId,
        minted_at: mintedAt(id),
        interaction_id: id,
        node_id: "n1",
        user_name: "Ada",
        user_address: "sip:ada@contoso.example",
        media_status: "Recording",
        started_at: at,
        direction: "Incoming",
        call_type: "P2P_PSTN",
        sip_call_id: id,
        decision: JSON.stringify({ record: true, reasons: [], ruleVersion: "1" }),
        party_text: "\u001f17325550100\u001f",
      })
      .execute(),
  );
  return id;
}

async function addEvidence(tenantId: string): Promise<void> {
  const now = new Date();
  await withTenant(database.db, tenantId, (tx) =>
    tx
      .insertInto("evidence")
      .values({ tenant_id: tenantId, recorded_at: now, evidence_id: randomUUID(), occurred_at: now, node_id: "n1", actor_kind: "machine", actor_id: "n1", actor_name: "n1", action: "Record", item: "Call" })
      .execute(),
  );
}

describe("a tenant's transaction", () => {
  test("sees its own rows and never another's", async () => {
    for (const [tenantId, slug] of [[contoso, "contoso"], [fabrikam, "fabrikam"]] as const) {
      const seen = await withTenant(database.db, tenantId, async (tx) => ({
        tenants: await tx.selectFrom("tenants").select("slug").execute(),
        interactions: await tx.selectFrom("interactions").select("interaction_id").execute(),
      }));
      expect(seen).toEqual({ tenants: [{ slug }], interactions: [{ interaction_id: interactionOf[tenantId] }] });
    }
  });

  test("cannot write a row of another tenant, nor hand one over, nor delete one", async () => {
    const theirs = { tenant_id: fabrikam, person_id: randomUUID(), upn: "x@fabrikam.example", display_name: "X" };
    await expect(withTenant(database.db, contoso, (tx) => tx.insertInto("people").values(theirs).execute())).rejects.toThrow(/row-level security/);
    await expect(withTenant(database.db, contoso, (tx) => tx.updateTable("interactions").set({ tenant_id: fabrikam }).execute())).rejects.toThrow(/row-level security/);
    const deleted = await withTenant(database.db, contoso, (tx) => tx.deleteFrom("interactions").where("tenant_id", "=", fabrikam).executeTakeFirst());
    expect(deleted.numDeletedRows).toBe(0n);
  });

  test("without the setting sees nothing, and an empty setting is none", async () => {
    for (const tenant of [sql`null`, sql`''`]) {
      const rows = await database.db[pooled].transaction().execute(async (tx) => {
        await sql`select set_config('role', 'earwitness_app', true), set_config('earwitness.tenant', ${tenant}, true)`.execute(tx);
        return await tx.selectFrom("interactions").select("interaction_id").execute();
      });
      expect(rows).toEqual([]);
    }
  });

  test("leaves neither role nor tenant on the connection, committed or not", async () => {
    await withTenant(database.db, contoso, (tx) => sql`select 1`.execute(tx));
    await expect(withTenant(database.db, contoso, (tx) => sql`select 1/0`.execute(tx))).rejects.toThrow("division by zero");
    for (let connection = 0; connection < 8; connection++) {
      const { rows } = await sql<{ same: boolean; tenant: string | null }>`select current_user = session_user as same, current_setting('earwitness.tenant', true) as tenant`.execute(database.db[pooled]);
      expect(rows[0]?.same).toBe(true);
      expect(rows[0]?.tenant ?? "").toBe("");
    }
  });

  test("may mark how far its node's facts are applied, and nothing else of a node", async () => {
    const now = new Date();
    await withSystem(database.db, (tx) => tx.insertInto("nodes").values({ node_id: "n1", roles: ["recorder"], version: "1", started_at: now, seen_at: now }).execute());
    await withTenant(database.db, contoso, (tx) => tx.updateTable("nodes").set({ facts_applied: 7 }).where("node_id", "=", "n1").execute());
    expect(await withSystem(database.db, (tx) => tx.selectFrom("nodes").select("facts_applied").executeTakeFirst())).toEqual({ facts_applied: 7 });
    await expect(withTenant(database.db, contoso, (tx) => tx.updateTable("nodes").set({ version: "2" }).execute())).rejects.toThrow(/permission denied/);
  });
});

describe("evidence", () => {
  test("MON-21 is written and read, never changed, never deleted", async () => {
    await addEvidence(contoso);
    await expect(withTenant(database.db, contoso, (tx) => tx.updateTable("evidence").set({ action: "Nothing" }).execute())).rejects.toThrow(/permission denied/);
    await expect(withTenant(database.db, contoso, (tx) => tx.deleteFrom("evidence").execute())).rejects.toThrow(/permission denied/);
    await expect(withTenant(database.db, contoso, (tx) => sql`truncate evidence`.execute(tx))).rejects.toThrow(/permission denied/);
    expect(await withTenant(database.db, contoso, (tx) => tx.selectFrom("evidence").select("action").execute())).toEqual([{ action: "Record" }]);
  });
});

describe("a tenant's key", () => {
  test("is not changed by anything that works for the tenant", async () => {
    await expect(withTenant(database.db, contoso, (tx) => tx.updateTable("tenants").set({ public_key: Buffer.alloc(32) }).execute())).rejects.toThrow(/permission denied/);
    await expect(withTenant(database.db, contoso, (tx) => sql`delete from tenants`.execute(tx))).rejects.toThrow(/permission denied/);
  });
});

describe("the login role", () => {
  test("sees no tenant's row when a transaction was forgotten, not even past the table, in a partition", async () => {
    const { rows } = await sql<{ superuser: boolean }>`select rolsuper or rolbypassrls as superuser from pg_roles where rolname = current_user`.execute(database.db[pooled]);
    expect(rows).toEqual([{ superuser: false }]);
    expect(await database.db[pooled].selectFrom("tenants").selectAll().execute()).toEqual([]);
    expect(await database.db[pooled].selectFrom("interactions").selectAll().execute()).toEqual([]);
    const partition = await sql<{ name: string }>`select tableoid::regclass::text as name from interactions`.execute(database.db[pooled]);
    expect(partition.rows).toEqual([]);
    const quarter = `interactions_${new Date().getUTCFullYear()}q${Math.floor(new Date().getUTCMonth() / 3) + 1}`;
    expect((await sql`select * from ${sql.table(quarter)}`.execute(database.db[pooled])).rows).toEqual([]);
    await expect(withTenant(database.db, contoso, (tx) => sql`select * from ${sql.table(quarter)}`.execute(tx))).rejects.toThrow(/permission denied/);
  });
});

describe("search", () => {
  test("finds ids of its tenant only, whatever the caller asks", async () => {
    const mine = [{ interaction_id: interactionOf[contoso], minted_at: mintedAt(interactionOf[contoso]!), started_at: expect.any(Date) }];
    expect(await searchInteractionIds(database.db, contoso, (search) => search.where("party_text", "like", "%7325%"))).toEqual(mine);
    expect(await searchInteractionIds(database.db, contoso, (search) => search.where(sql<boolean>`false or true`))).toEqual(mine);
    expect(await searchInteractionIds(database.db, contoso, (search) => search.clearWhere())).toEqual(mine);
    expect(await searchInteractionIds(database.db, contoso, (search) => search.where("tenant_id", "=", fabrikam))).toEqual([]);
    expect(await countInteractions(database.db, contoso, 10, (search) => search)).toBe(1);
    expect(await countInteractions(database.db, randomUUID(), 10, (search) => search)).toBe(0);
  });

  test("its role reads the listed columns of interactions and nothing else", async () => {
    const asSearch = <T>(query: ReturnType<typeof sql<T>>) =>
      database.db[pooled].transaction().execute(async (tx) => {
        await sql`set local role earwitness_search`.execute(tx);
        return await query.execute(tx);
      });
    for (const column of searchColumns) await asSearch(sql`select ${sql.ref(column)} from interactions`);
    for (const column of ["user_name", "user_address", "calling", "participants", "decision"]) {
      await expect(asSearch(sql`select ${sql.ref(column)} from interactions`), column).rejects.toThrow(/permission denied/);
    }
    await expect(asSearch(sql`select * from people`)).rejects.toThrow(/permission denied/);
    await expect(asSearch(sql`delete from interactions`)).rejects.toThrow(/permission denied/);
  });

  test("its open policy reaches neither the tenant's role nor the login role", async () => {
    const { rows } = await sql<{ role: string; inherits: boolean }>`
      select r as role, pg_has_role(r::name, 'earwitness_search', 'usage') as inherits
        from unnest(array['earwitness_app', 'earwitness_system', current_user::text]) as r`.execute(database.db[pooled]);
    expect(rows.map(({ inherits }) => inherits)).toEqual([false, false, false]);
  });

  test("uses the trigram index, which PostgreSQL will not under a tenant's policy", async () => {
    const busy = await addTenant(database.db);
    await withTenant(database.db, busy, (tx) =>
      sql`insert into interactions (tenant_id, minted_at, interaction_id, node_id, user_name, user_address, media_status, started_at, direction, call_type, sip_call_id, decision, party_text)
          select ${busy}, minted_at(id), id, 'n1', 'Ada', 'sip:ada@contoso.example', 'Available', minted_at(id), 'Incoming', 'P2P_PSTN', id, '{}', e'\x1f' || md5(id) || e'\x1f'
            from (select ${mintId(new Date()).slice(0, 8)} || lpad(to_hex(n), 16, '0') as id from generate_series(1, 5000) n) as ids`.execute(tx),
    );
    const superuser = new Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query("vacuum analyze interactions"); // empties the index's pending list, which the planner counts as costs
    // Five thousand rows are quickly read as a whole; whether the index may be used is the question.
    await superuser.query("set enable_seqscan = off");
    const plan = async (role: string): Promise<string> => {
      await superuser.query(`select set_config('role', '${role}', false), set_config('earwitness.tenant', '${busy}', false)`);
      const { rows } = await superuser.query(`explain select interaction_id from (select tenant_id, interaction_id, party_text from interactions where tenant_id = '${busy}') as interactions where party_text like '%7325%'`);
      await superuser.query("reset role");
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    };
    try {
      expect(await plan("earwitness_search")).toMatch(/Index Cond: .*party_text ~~ '%7325%'/);
      expect(await plan("earwitness_app")).not.toMatch(/Index Cond: .*party_text/);
    } finally {
      await superuser.end();
    }
  });
});

describe("the system's transaction", () => {
  test("reads all tenants' directory, and changes nothing but nodes", async () => {
    expect((await withSystem(database.db, (tx) => tx.selectFrom("tenants").select("slug").orderBy("slug").execute())).map(({ slug }) => slug)).toEqual(expect.arrayContaining(["contoso", "fabrikam"]));
    await expect(withSystem(database.db, (tx) => tx.updateTable("tenants").set({ slug: "mine" }).execute())).rejects.toThrow(/permission denied/);
    await expect(withSystem(database.db, (tx) => sql`select * from interactions`.execute(tx))).rejects.toThrow(/permission denied/);
    await expect(withSystem(database.db, (tx) => sql`select * from api_keys`.execute(tx))).rejects.toThrow(/permission denied/);
  });
});

describe("partitions", () => {
  test("a row from a quarter that has none gets one made on demand, once, under concurrency too", async () => {
    const at = new Date("2031-12-31T23:59:59Z");
    await expect(addInteraction(contoso, at)).rejects.toThrow(/no partition/);
    await Promise.all(Array.from({ length: 5 }, () => ensurePartitions(database.db, at)));
    const id = await addInteraction(contoso, at);
    const rows = await withTenant(database.db, contoso, (tx) => sql`select tableoid::regclass::text as partition from interactions where interaction_id = ${id}`.execute(tx));
    expect(rows.rows).toEqual([{ partition: "interactions_2031q4" }]);
    await expect(addInteraction(contoso, new Date("2032-01-01T00:00:00Z"))).rejects.toThrow(/no partition/);
  });
});
