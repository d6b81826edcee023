/** The tenant's trunks as people set them up. Every change is one evidence row in the transaction of the change. */
import { sql } from "kysely";
import type { DigestSecret, Trunk, TrunkSettings } from "@earwitness/contract";
import { entityTag, refuseStale } from "#access";
import type { Clock } from "#clock";
import { asSystem, withTenant, type Database, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import type { Action } from "@earwitness/contract";
import { append, appendOnce, fingerprintOf, type Actor, type EvidenceEntry } from "#evidence";
import { newUuid } from "#ids";
import { checkTrunkSettings, digestColumns, digestOf, networksOverlap, newRecordingUser, readNetwork, storedTrunk, toldDigest, trunkColumns, trunkSettings, type SettingsMistake, type TrunkDigest } from "#tenants";
import type { Selectable } from "kysely";
import { certificateProblems } from "./client-certificate.ts";
import { newPassword } from "./new-password.ts";

export interface TrunkStoreOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  /** Recording addresses of a trunk with this user. */
  readonly addressesOf: (recordingUser: string) => string[];
  /** After the commit: the nodes' snapshots follow. */
  readonly announce: () => void;
}

/** Who changes something, from where. */
export interface Act {
  readonly tenantId: string;
  readonly by: Actor;
  readonly remoteAddress?: string;
}

export interface TrunkStore {
  /** Whether there is a port for SIP over TLS. */
  readonly takesTls: boolean;
  list(act: Act): Promise<Trunk[]>;
  get(act: Act, trunkId: string): Promise<Trunk>;
  create(act: Act, settings: TrunkSettings): Promise<Trunk>;
  /** `ifMatch`: the tag of the state that the change was made to. */
  change(act: Act, trunkId: string, settings: TrunkSettings, ifMatch?: string): Promise<Trunk>;
  allow(act: Act, trunkId: string, network: string): Promise<Trunk>;
  remove(act: Act, trunkId: string): Promise<void>;
  /** A new password, which is answered once and kept nowhere; one that there was holds no longer. */
  setDigest(act: Act, trunkId: string): Promise<DigestSecret>;
  removeDigest(act: Act, trunkId: string): Promise<void>;
}

type Row = Selectable<Database["trunks"]>;

const mostTrunks = 1_000;
const mostNetworks = 200;

export const trunkTag = ({ settings }: Trunk): string => entityTag(settings);

export function createTrunkStore({ db, clock, nodeId, addressesOf, announce }: TrunkStoreOptions): TrunkStore {
  async function changing<T>({ tenantId }: Act, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
    try {
      const done = await withTenant(db, tenantId, work);
      announce();
      return done;
    } catch (error) {
      throw nameTaken(error) ?? error;
    }
  }

  const evidenceOf = ({ by, remoteAddress }: Act, action: Action, trunkId: string | null, detail: Record<string, unknown>): EvidenceEntry => ({
    actor: by,
    action,
    item: "Trunk",
    ...(trunkId === null ? {} : { subject: trunkId }),
    occurredAt: clock.now(),
    nodeId,
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
    detail,
  });
  const tell = (tx: TenantTransaction, act: Act, action: Action, trunkId: string, detail: { readonly name: string; readonly [more: string]: unknown }) => append(tx, evidenceOf(act, action, trunkId, detail));

  async function read(tx: TenantTransaction, trunkId?: string): Promise<Trunk[]> {
    const rows = await tx.selectFrom("trunks").selectAll().$if(trunkId !== undefined, (query) => query.where("trunk_id", "=", trunkId!)).orderBy("name").orderBy("trunk_id").execute();
    const last = await tx
      .selectFrom("trunk_invitations")
      .select(["trunk_id", "at", "outcome", "explanation"])
      .distinctOn("trunk_id")
      .where("trunk_id", "in", trunkId === undefined ? (rows.length === 0 ? [newUuid()] : rows.map((row) => row.trunk_id)) : [trunkId])
      .orderBy("trunk_id")
      .orderBy("at", "desc")
      .orderBy("invitation_id", "desc")
      .execute();
    const lastOf = new Map(last.map((row) => [row.trunk_id, row]));
    return rows.map((row) => {
      const invitation = lastOf.get(row.trunk_id);
      return {
        id: row.trunk_id,
        createdAt: row.created_at.toISOString(),
        settings: trunkSettings(row),
        recordingUser: row.recording_user,
        addresses: addressesOf(row.recording_user),
        digest: toldDigest(row),
        lastInvitation: invitation === undefined ? null : { at: invitation.at.toISOString(), outcome: invitation.outcome, explanation: invitation.explanation },
        certificateProblems: certificateProblems(row.certificates, clock.now()),
      };
    });
  }

  async function one(tx: TenantTransaction, trunkId: string): Promise<Trunk> {
    const [trunk] = await read(tx, trunkId);
    if (trunk === undefined) throw unknownTrunk();
    return trunk;
  }

  async function locked(tx: TenantTransaction, trunkId: string): Promise<Row> {
    const row = await tx.selectFrom("trunks").selectAll().where("trunk_id", "=", trunkId).forUpdate().executeTakeFirst();
    if (row === undefined) throw unknownTrunk();
    return row;
  }

  async function write(tx: TenantTransaction, act: Act, row: Row, settings: TrunkSettings): Promise<void> {
    const [before, after] = [trunkColumns(trunkSettings(row)), trunkColumns(settings)];
    const change = difference(before, after);
    if (Object.keys(change).length === 0) return;
    await tx.updateTable("trunks").set(storedTrunk(after)).where("trunk_id", "=", row.trunk_id).execute();
    await tell(tx, act, "Modify", row.trunk_id, { name: settings.name, change });
  }

  /** Its password was made here by chance: nobody can guess it by its fingerprint. */
  async function writeDigest(tx: TenantTransaction, act: Act, row: Row, digest: TrunkDigest | null): Promise<void> {
    const columns = digestColumns(digest, clock.now());
    await tx.updateTable("trunks").set(columns).where("trunk_id", "=", row.trunk_id).execute();
    await tell(tx, act, "Modify", row.trunk_id, { name: row.name, change: { digest: { from: toldDigest(row), to: toldDigest(columns) } }, ...(digest !== null && { fingerprint: fingerprintOf(digest.ha1Md5, digest.ha1Sha256) }) });
  }

  return {
    takesTls: addressesOf("any").some((address) => address.startsWith("sips:")),
    list: (act) =>
      withTenant(db, act.tenantId, async (tx) => {
        await appendOnce(tx, evidenceOf(act, "Access", null, {}));
        return await read(tx);
      }),
    get: (act, trunkId) =>
      withTenant(db, act.tenantId, async (tx) => {
        const trunk = await one(tx, trunkId);
        await appendOnce(tx, evidenceOf(act, "View", trunkId, { name: trunk.settings.name }));
        return trunk;
      }),

    create: (act, wanted) =>
      changing(act, async (tx) => {
        const settings = await checked(tx, wanted, []);
        const { count } = await tx.selectFrom("trunks").select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
        if (count >= mostTrunks) throw new Refusal("TOO_MANY_TRUNKS", 409, `There are ${mostTrunks} trunks already; that is as many as there can be.`);
        const trunkId = newUuid();
        const recordingUser = newRecordingUser();
        await tx.insertInto("trunks").values({ tenant_id: tx.tenantId, trunk_id: trunkId, recording_user: recordingUser, ...storedTrunk(trunkColumns(settings)) }).execute();
        await tell(tx, act, "Add", trunkId, { name: settings.name, change: difference(null, { ...trunkColumns(settings), recording_user: recordingUser }) });
        return await one(tx, trunkId);
      }),

    change: (act, trunkId, wanted, ifMatch) =>
      changing(act, async (tx) => {
        const row = await locked(tx, trunkId);
        refuseStale(ifMatch, entityTag(trunkSettings(row)), "trunk");
        await write(tx, act, row, await checked(tx, wanted, row.source_networks));
        return await one(tx, trunkId);
      }),

    allow: (act, trunkId, text) =>
      changing(act, async (tx) => {
        const row = await locked(tx, trunkId);
        const read = readNetwork(text);
        if (!read.ok) throw invalid([{ where: "network", message: read.message }]);
        const before = trunkSettings(row);
        if (before.sourceNetworks.includes(read.network)) return await one(tx, trunkId);
        if (before.sourceNetworks.length >= mostNetworks) throw invalid([{ where: "network", message: `is one too many: a trunk may have ${mostNetworks}` }]);
        const [mistake] = await claimedElsewhere(tx, [{ where: "network", network: read.network }]);
        if (mistake !== undefined) throw invalid([mistake]);
        await write(tx, act, row, { ...before, sourceNetworks: [...before.sourceNetworks, read.network].sort() });
        return await one(tx, trunkId);
      }),

    remove: (act, trunkId) =>
      changing(act, async (tx) => {
        const row = await locked(tx, trunkId);
        await tx.deleteFrom("trunk_invitations").where("trunk_id", "=", trunkId).execute();
        await tx.deleteFrom("trunks").where("trunk_id", "=", trunkId).execute();
        await tell(tx, act, "Delete", trunkId, { name: row.name, was: { ...trunkColumns(trunkSettings(row)), recording_user: row.recording_user, digest: toldDigest(row) } });
      }),

    setDigest: (act, trunkId) =>
      changing(act, async (tx) => {
        const row = await locked(tx, trunkId);
        const password = newPassword();
        const digest = digestOf(row.recording_user, password);
        await writeDigest(tx, act, row, digest);
        return { username: digest.username, password, realm: digest.realm };
      }),

    removeDigest: (act, trunkId) =>
      changing(act, async (tx) => {
        const row = await locked(tx, trunkId);
        if (row.digest_username !== null) await writeDigest(tx, act, row, null);
      }),
  };
}

/** The settings in one spelling, or a refusal with every mistake. `known`: networks that the trunk has already. */
async function checked(tx: TenantTransaction, wanted: TrunkSettings, known: readonly string[]): Promise<TrunkSettings> {
  const { settings, mistakes } = checkTrunkSettings(wanted);
  const added = wanted.sourceNetworks.flatMap((text, at) => {
    const read = readNetwork(text);
    return read.ok && !known.includes(read.network) ? [{ where: `sourceNetworks.${at}`, network: read.network }] : [];
  });
  const all = [...mistakes, ...(added.length === 0 ? [] : await claimedElsewhere(tx, added))];
  if (all.length > 0) throw invalid(all);
  return settings;
}

/**
 * Whoever could claim a part of another tenant's network would get that tenant's calls. So it is refused, without saying
 * whose it is; the operator's provision file may do it. Of the sandbox's made-up tenant only the very same network counts.
 */
async function claimedElsewhere(tx: TenantTransaction, added: readonly { readonly where: string; readonly network: string }[]): Promise<SettingsMistake[]> {
  // One at a time, so that of two tenants who claim it at the same moment the second sees the first.
  await sql`select pg_advisory_xact_lock(hashtext('earwitness.trunk_networks'))`.execute(tx);
  const others = await asSystem(tx, (system) =>
    system.selectFrom("trunks").innerJoin("tenants", "tenants.tenant_id", "trunks.tenant_id").select(["source_networks", "sandbox"]).where("trunks.tenant_id", "<>", tx.tenantId).execute(),
  );
  const claims = others.flatMap(({ source_networks, sandbox }) => source_networks.map((network) => ({ network, sandbox })));
  return added
    .filter(({ network }) => claims.some((claim) => (claim.sandbox ? claim.network === network : networksOverlap(claim.network, network))))
    .map(({ where, network }) => ({ where, message: `${network} belongs, in whole or in part, to another customer of this installation. Name the addresses of your own client only, or ask the operator` }));
}

const unknownTrunk = () => new Refusal("TRUNK_NOT_FOUND", 404, "There is no such trunk.");

/** Mistakes of a form, each with its field; `prefix` is where the settings stand in the body. */
export function invalid(mistakes: readonly SettingsMistake[], prefix = "body"): Refusal {
  const errors = mistakes.map(({ where, message }) => ({ where: `${prefix}.${where}`, message }));
  return new Refusal("VALIDATION", 400, errors.map(({ where, message }) => `${where.slice("body.".length)} ${message}.`).join(" "), errors);
}

function nameTaken(error: unknown): Refusal | null {
  const { code, constraint } = error as { code?: string; constraint?: string };
  if (code !== "23505" || constraint !== "trunks_name_unique") return null;
  const message = "is the name of another trunk already";
  return new Refusal("TRUNK_NAME_TAKEN", 409, `This ${message}. Choose a name that tells them apart.`, [{ where: "body.name", message }]);
}

function difference<Columns extends Record<string, unknown>>(before: Columns | null, after: Columns): Record<string, { from: unknown; to: unknown }> {
  const different = Object.keys(after).filter((column) => before === null || JSON.stringify(before[column]) !== JSON.stringify(after[column]));
  return Object.fromEntries(different.map((column) => [column, { from: before?.[column] ?? null, to: after[column] }]));
}
