/** How a tenant's directory is reached, as its administrator sets it. The secret goes in and never comes out. */
import type { DirectoryCredentials, DirectoryGroupsFound, DirectoryRun, DirectoryTrial, NewDirectorySettings, Replication } from "@earwitness/contract";
import { Type } from "typebox";
import { withTenant, type TenantTransaction } from "#db";
import { findGroups, GraphError, type DirectoryGroup, type GraphClient } from "#directory";
import { Refusal } from "#errors";
import { append, appendOnce, fingerprintOf } from "#evidence";
import { chooseGroups, type DirectoryGroupNamed } from "#people";
import { isStorable } from "#tenants";
import { clientOf, clientWith, m365TenantOf, notConnected, readConnection, readM365Tenant, type Connection } from "./connection.ts";
import { changing, evidenceOf, type Act, type Parts } from "./replicating.ts";
import { describeRun, listRuns, newRun } from "./runs.ts";
import { openSecret, sealSecret } from "./sealed-secret.ts";
import { tryConnection } from "./try-connection.ts";

export interface ConnectionStore {
  get(act: Act): Promise<Replication>;
  /** New credentials are tried before the old ones go (M365-50). */
  put(act: Act, settings: NewDirectorySettings): Promise<Replication>;
  /** People and groups stay as they are. */
  remove(act: Act): Promise<void>;
  try(act: Act, credentials: DirectoryCredentials | null): Promise<DirectoryTrial>;
  run(act: Act, everything: boolean): Promise<DirectoryRun>;
  runs(act: Act, limit: number, before?: Date): Promise<DirectoryRun[]>;
  search(act: Act, q: string): Promise<DirectoryGroupsFound>;
  choose(act: Act, objectIds: readonly string[]): Promise<Replication>;
}

const OneGroup = Type.Object({ id: Type.String(), displayName: Type.Optional(Type.Union([Type.String(), Type.Null()])) });

export function createConnectionStore(parts: Parts): ConnectionStore {
  const { db, clock, vault, graphUrl } = parts;
  const tell = (tx: TenantTransaction, act: Act, action: "Add" | "Modify" | "Delete", detail: Record<string, unknown>) => append(tx, { ...evidenceOf(parts, act, action, { name: "connection", ...detail }), subject: act.tenantId });

  const known = (tenantId: string) => withTenant(db, tenantId, async (tx) => ({ connection: await readConnection(tx), m365TenantId: await readM365Tenant(tx) }));

  async function connected(tenantId: string): Promise<GraphClient> {
    const { connection, m365TenantId } = await known(tenantId);
    if (connection === null) throw notConnected();
    return await clientOf(parts, tenantId, m365TenantId, connection);
  }

  /** With these credentials; where the secret is left out, with the one that is kept, if it is of the same app. */
  async function secretFor(tenantId: string, connection: Connection | null, { clientId, clientSecret }: DirectoryCredentials): Promise<string> {
    if (clientSecret !== undefined) return clientSecret;
    if (connection === null || connection.settings.clientId !== clientId) throw missing(connection === null ? "is missing" : "has to be given with another client id: the one that is kept is of another app");
    return await openSecret(vault, tenantId, clientId, connection.secret);
  }

  async function read(tx: TenantTransaction): Promise<Replication> {
    const connection = await readConnection(tx);
    const groups = await tx
      .selectFrom("directory_groups as d")
      .innerJoin("people_groups as g", (join) => join.onRef("g.tenant_id", "=", "d.tenant_id").onRef("g.group_id", "=", "d.group_id"))
      .select((eb) => ["d.object_id", "d.group_id", "d.missing_since", "d.stale", "g.name", eb.selectFrom("group_members as m").select((count) => count.fn.countAll<number>().as("people")).whereRef("m.tenant_id", "=", "d.tenant_id").whereRef("m.group_id", "=", "d.group_id").as("people")])
      .orderBy((eb) => eb.fn("lower", ["g.name"]))
      .execute();
    const { people } = await tx.selectFrom("directory_people").select((eb) => eb.fn.countAll<number>().as("people")).where("removed_at", "is", null).executeTakeFirstOrThrow();
    const [last = null] = await listRuns(tx, 1);
    const whole = await tx.selectFrom("directory_runs").selectAll().where("kind", "=", "everything").where("state", "=", "done").orderBy("asked_at", "desc").limit(1).executeTakeFirst();
    return {
      m365TenantId: await readM365Tenant(tx),
      graph: new URL(graphUrl).host,
      settings: connection?.settings ?? null,
      secretSetAt: connection?.secretSetAt.toISOString() ?? null,
      lookedAt: connection?.lookedAt?.toISOString() ?? null,
      groups: groups.map((row) => ({ objectId: row.object_id, groupId: row.group_id, name: row.name, people: row.people ?? 0, missingSince: row.missing_since?.toISOString() ?? null, waits: row.stale && row.missing_since === null })),
      people,
      last,
      lastWhole: whole === undefined ? null : describeRun(whole),
    };
  }

  /** Where none is under way. */
  async function runSoon(tx: TenantTransaction, act: Act, kind: "everything" | "changes"): Promise<void> {
    const open = await tx.selectFrom("directory_runs").select("run_id").where("state", "in", ["waiting", "running"]).executeTakeFirst();
    if (open === undefined) await parts.enqueue(tx, (await newRun(tx, kind, "asked", act.by, clock.now())).run_id);
  }

  return {
    get: (act) =>
      withTenant(db, act.tenantId, async (tx) => {
        await appendOnce(tx, evidenceOf(parts, act, "Access", {}));
        return await read(tx);
      }),

    async put(act, { clientSecret, ...given }) {
      const { tenantId } = act;
      const settings = { ...given, clientId: given.clientId.toLowerCase() };
      const { connection: first, m365TenantId } = await known(tenantId);
      const isNewSecret = clientSecret !== undefined || first === null || first.settings.clientId !== settings.clientId;
      if (isNewSecret) {
        const secret = await secretFor(tenantId, first, { clientId: settings.clientId, ...(clientSecret === undefined ? {} : { clientSecret }) });
        await refuseUnusable(clientWith(parts, m365TenantOf(m365TenantId), settings.clientId, secret));
      }
      const sealed = clientSecret === undefined ? null : await sealSecret(vault, tenantId, settings.clientId, clientSecret);
      let old: string | null = null;
      try {
        const done = await changing(parts, tenantId, async (tx) => {
          const before = await readConnection(tx);
          if (sealed === null && before?.settings.clientId !== settings.clientId) throw missing("has to be given: somebody else has changed the connection meanwhile");
          const change = changeOf(before, settings);
          if (sealed === null && Object.keys(change).length === 0) return await read(tx);
          const secret = sealed ?? before!.secret;
          const row = { client_id: settings.clientId, secret_key_id: secret.keyId, secret_sealed: secret.sealed, secret_set_at: sealed === null ? before!.secretSetAt : clock.now(), secret_expires_on: settings.secretExpiresOn, records_new: settings.recordsNew };
          await tx.insertInto("directory_connections").values({ tenant_id: tenantId, ...row, looked_at: null }).onConflict((conflict) => conflict.column("tenant_id").doUpdateSet(row)).execute();
          // Of what lies in the database: the secret itself could be tried against a fingerprint.
          await tell(tx, act, before === null ? "Add" : "Modify", { change: { ...change, ...(sealed === null ? {} : { secret_set_at: { from: before?.secretSetAt ?? null, to: row.secret_set_at } }) }, fingerprint: fingerprintOf(secret.keyId, secret.sealed) });
          if (sealed !== null) old = before?.secret.keyId ?? null;
          if (before === null) await runSoon(tx, act, "everything");
          return await read(tx);
        });
        if (old !== null) await vault.keystore.destroy(tenantId, old);
        return done;
      } catch (error) {
        if (sealed !== null && old === null) await vault.keystore.destroy(tenantId, sealed.keyId);
        throw error;
      }
    },

    async remove(act) {
      const keyId = await changing(parts, act.tenantId, async (tx) => {
        const before = await readConnection(tx);
        if (before === null) throw notConnected();
        await tx.deleteFrom("directory_connections").execute();
        await tx.deleteFrom("directory_runs").where("state", "=", "waiting").execute();
        await tell(tx, act, "Delete", { was: { client_id: before.settings.clientId, records_new: before.settings.recordsNew, secret_expires_on: before.settings.secretExpiresOn } });
        return before.secret.keyId;
      });
      await vault.keystore.destroy(act.tenantId, keyId);
    },

    async try(act, credentials) {
      const { connection, m365TenantId } = await known(act.tenantId);
      const wanted = credentials ?? connection?.settings ?? null;
      if (wanted === null) throw notConnected();
      const asked: DirectoryCredentials = { clientId: wanted.clientId.toLowerCase(), ...("clientSecret" in wanted && wanted.clientSecret !== undefined ? { clientSecret: wanted.clientSecret } : {}) };
      const trial = await tryConnection(clientWith(parts, m365TenantOf(m365TenantId), asked.clientId, await secretFor(act.tenantId, connection, asked)));
      await withTenant(db, act.tenantId, (tx) => append(tx, evidenceOf(parts, act, "Verify", { name: "connection", client_id: asked.clientId, result: trial.ok ? "holds" : "differs" })));
      return trial;
    },

    run: (act, everything) =>
      changing(parts, act.tenantId, async (tx) => {
        if ((await readConnection(tx)) === null) throw notConnected();
        const run = await newRun(tx, everything ? "everything" : "changes", "asked", act.by, clock.now());
        await parts.enqueue(tx, run.run_id);
        await append(tx, { ...evidenceOf(parts, act, "Add", { name: everything ? "run of everything" : "run of the changes" }), subject: run.run_id });
        return describeRun(run);
      }),

    runs: (act, limit, before) =>
      withTenant(db, act.tenantId, async (tx) => {
        await appendOnce(tx, evidenceOf(parts, act, "Access", {}));
        return await listRuns(tx, limit, before);
      }),

    async search(act, q) {
      const words = q.trim();
      const graph = await connected(act.tenantId);
      const found = words === "" || !isStorable(words) ? [] : await asked(() => findGroups(graph, words));
      await withTenant(db, act.tenantId, (tx) => appendOnce(tx, evidenceOf(parts, act, "Search", { filter: { q: q.toWellFormed().replaceAll("\0", "\ufffd") } }, "Group")));
      return { groups: found.map(({ id, displayName, mail = null }: DirectoryGroup) => ({ objectId: id.toLowerCase(), name: shown(displayName), mail: mail === null ? null : shown(mail) })) };
    },

    async choose(act, objectIds) {
      const wanted = [...new Set(objectIds.map((id) => id.toLowerCase()))];
      const before = await withTenant(db, act.tenantId, (tx) => tx.selectFrom("directory_groups").select("object_id").execute());
      const isChosen = new Set(before.map(({ object_id }) => object_id));
      const fresh = wanted.filter((id) => !isChosen.has(id));
      const named = fresh.length === 0 ? [] : await nameGroups(await connected(act.tenantId), fresh, objectIds);
      await chooseGroups({ db, clock, nodeId: parts.nodeId, announce: parts.announce }, { ...act, mayGiveAccess: false }, wanted.map((objectId) => named.find((group) => group.objectId === objectId) ?? { objectId, name: "" }));
      return await changing(parts, act.tenantId, async (tx) => {
        if (fresh.length > 0) await runSoon(tx, act, "changes");
        return await read(tx);
      });
    },
  };
}

function missing(message: string): Refusal {
  return new Refusal("VALIDATION", 400, `The client secret ${message}.`, [{ where: "body.clientSecret", message }]);
}

function changeOf(before: Connection | null, settings: NewDirectorySettings): Record<string, { from: unknown; to: unknown }> {
  const fields = (one: Omit<NewDirectorySettings, "clientSecret">) => ({ client_id: one.clientId, records_new: one.recordsNew, secret_expires_on: one.secretExpiresOn });
  const from: Record<string, unknown> | null = before === null ? null : fields(before.settings);
  return Object.fromEntries(Object.entries(fields(settings)).flatMap(([field, to]) => (from !== null && from[field] === to ? [] : [[field, { from: from?.[field] ?? null, to }]])));
}

/** What Microsoft says to a question of somebody's who waits for the answer. */
async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof GraphError) throw new Refusal("GRAPH", 502, `Microsoft did not answer as it should. ${error.message}`);
    throw error;
  }
}

async function refuseUnusable(graph: GraphClient): Promise<void> {
  const { ok, steps } = await tryConnection(graph);
  if (ok) return;
  const message = steps.filter((step) => !step.ok).map((step) => step.message).join(" ");
  throw new Refusal("GRAPH_REFUSED", 409, `The connection was not saved, because it does not work: ${message}`);
}

/** Groups that exist there, by the names that they have now. */
async function nameGroups(graph: GraphClient, objectIds: readonly string[], given: readonly string[]): Promise<DirectoryGroupNamed[]> {
  const answers = await asked(() => graph.batch(objectIds.map((id) => `/groups/${id}?$select=id,displayName`), OneGroup));
  const wrong: { where: string; message: string }[] = [];
  const named = answers.map((answer, at): DirectoryGroupNamed => {
    const objectId = objectIds[at]!;
    if (answer.ok) return { objectId, name: answer.value.displayName ?? "" };
    if (answer.error.kind !== "missing") throw new Refusal("GRAPH", 502, `Microsoft did not answer as it should. ${answer.error.message}`);
    wrong.push({ where: `body.objectIds.${given.findIndex((id) => id.toLowerCase() === objectId)}`, message: "is no group of the directory" });
    return { objectId, name: "" };
  });
  if (wrong.length > 0) throw new Refusal("VALIDATION", 400, `${wrong.length === 1 ? "One of these is" : `${wrong.length} of these are`} no group of the directory.`, wrong);
  return named;
}

const shown = (text: string | null | undefined): string => (text ?? "").toWellFormed().replaceAll(/\p{Cc}/gu, " ").slice(0, 300);
