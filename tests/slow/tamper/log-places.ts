/** What a superuser of the database can do to a log, each in a transaction of its own that is rolled back once it was looked at. */
import { hashBytes, rowCommitment } from "@earwitness/verify";
import { sql } from "kysely";
import { systemClock } from "../../../packages/server/src/clock/index.ts";
import { createDb, withTenant, type Db, type TenantTransaction } from "../../../packages/server/src/db/index.ts";
import { appendMany, changeLogKey, commandLine, createLogSigner, erase, openHead, rowsOf, sha256, type LogSigner } from "../../../packages/server/src/evidence/index.ts";
import { emptyEdge, entryLevel, growTree } from "../../../packages/server/src/evidence/tree-edge.ts";
import { addTenant, createTestLogs, quietLog } from "../../../packages/server/src/testing/index.ts";
import { checkLog, type LogDifference, type Trust } from "./check-log.ts";
import type { Random, Tallies } from "./tally.ts";

export interface TamperedLog {
  /** Makes so many changes, of every kind in turn. */
  tamper(count: number, tallies: Tallies): Promise<void>;
  /** Looks so many times at a log that nobody touched, each time in another state. */
  look(count: number, tallies: Tallies): Promise<void>;
  close(): Promise<void>;
}

interface Stage {
  readonly tenantId: string;
  readonly otherTenantId: string;
  readonly size: number;
  readonly trust: Trust;
  readonly signer: LogSigner;
  readonly entries: readonly Uint8Array[];
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[];
  readonly random: Random;
}

/** What was done, and whether the differences name it. */
interface Done {
  readonly what: string;
  readonly names: (differences: readonly LogDifference[]) => boolean;
}

type Change = (tx: TenantTransaction, stage: Stage) => Promise<Done>;

class RolledBack extends Error {}

/** `rows`: of the log; more than a tile of them, so that the tree has two levels. */
export async function createTamperedLog({ db, superuserUrl, random, rows = 300 }: { readonly db: Db; readonly superuserUrl: string; readonly random: Random; readonly rows?: number }): Promise<TamperedLog> {
  const superuser = createDb({ url: superuserUrl, log: quietLog, poolSize: 2 });
  const logs = createTestLogs();
  const sequencer = logs.sequencer(db, { beatMs: 5 });
  const tenantId = await addTenant(db);
  const otherTenantId = await addTenant(db);
  const act = { actor: commandLine, occurredAt: new Date(), nodeId: "n1" };
  let [size, erasedUpTo] = [0, 0];
  while (size < rows) {
    const some = 1 + random.below(8);
    await withTenant(db, tenantId, (tx) => appendMany(tx, Array.from({ length: some }, () => entryOf(random))));
    size = (await sequencer.keep(tenantId))!.size;
    if (size > rows / 2 && (await logs.seeds.read(tenantId)).length === 1 && random.below(10) === 0) await changeLogKey({ db, seeds: logs.seeds, clock: systemClock, nodeId: "n1" }, tenantId, { reason: "yearly", by: commandLine, isLost: false });
    if (size < rows / 3 || erasedUpTo > 0) continue;
    await withTenant(db, tenantId, (tx) => erase(tx, { ...act, which: { actorId: "leaver" }, reason: "Article 17" }));
    erasedUpTo = size = (await sequencer.keep(tenantId))!.size;
  }
  await sequencer.close();
  const known = await withTenant(db, tenantId, async (tx) => ({
    vkeys: (await tx.selectFrom("log_keys").select("vkey").orderBy("created_at").execute()).map(({ vkey }) => vkey),
    origin: (await tx.selectFrom("logs").select("origin").executeTakeFirstOrThrow()).origin,
    checkpoints: await tx.selectFrom("checkpoints").select(["size", "note"]).orderBy("size").execute(),
    entries: await entriesOf(tx),
  }));
  const stage: Stage = { tenantId, otherTenantId, size, random, ...known, trust: { vkeys: known.vkeys, remembered: logs.remembered.get(tenantId)! }, signer: createLogSigner(known.origin, (await logs.seeds.read(tenantId)).at(-1)!) };

  /** Above every rule of the database, and then the check with the rights that it has. */
  async function tryOne(kind: string, change: Change, tallies: Tallies): Promise<boolean> {
    let isTaken = true;
    await withTenant(superuser, tenantId, async (tx) => {
      await sql`select set_config('role', 'none', true), set_config('session_replication_role', 'replica', true)`.execute(tx);
      let done: Done;
      try {
        done = await change(tx, stage);
      } catch (error) {
        if (!/^(22|23)/.test(String((error as { code?: unknown }).code))) throw error;
        isTaken = false; // a rule of the table refuses it
        throw new RolledBack();
      }
      await sql`select set_config('role', 'earwitness_app', true)`.execute(tx);
      const differences = await checkLog(tx, stage.trust);
      tallies.tried(kind, { noticed: differences.length > 0, named: done.names(differences), what: `${done.what}; said: ${JSON.stringify(differences.slice(0, 4))}` });
      throw new RolledBack();
    }).catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
    return isTaken;
  }

  return {
    async tamper(count, tallies) {
      for (let n = 0; n < count; ) {
        const [kind, change] = random.pick(weighted);
        if (await tryOne(kind, change, tallies)) n += 1;
      }
    },
    async look(count, tallies) {
      for (let n = 0; n < count; n += 1) {
        await withTenant(superuser, tenantId, async (tx) => {
          await sql`select set_config('role', 'none', true), set_config('session_replication_role', 'replica', true)`.execute(tx);
          // As it was when it had so many rows, and was signed then; what is another tenant's does not matter to it.
          const kept = random.pick(stage.checkpoints.filter((one) => one.size >= erasedUpTo));
          await setBack(tx, stage, kept.size, kept.note);
          if (random.below(2) === 0) await sql`delete from evidence where tenant_id = ${otherTenantId}`.execute(tx);
          await sql`select set_config('role', 'earwitness_app', true)`.execute(tx);
          tallies.honest("a log in any state it had", await checkLog(tx, { ...stage.trust, remembered: kept.note }));
          throw new RolledBack();
        }).catch((error: unknown) => {
          if (!(error instanceof RolledBack)) throw error;
        });
      }
    },
    close: () => superuser.close(),
  };
}

const names = ["Adele Vance", "Megan Bowen", "ΑΒΓ", "Zoë 🎧", "O'Neil", ""];
const entryOf = (random: Random) =>
  ({
    actor: { kind: random.pick(["person", "api_key", "machine", "job"] as const), id: random.pick(["a", "b", "leaver"]), name: random.pick(names) },
    action: random.pick(["View", "Modify", "Play", "Piece Stored"] as const),
    item: random.pick(["Call", "User", "Trunk"] as const),
    ...(random.below(3) === 0 ? {} : { subject: random.bytes(6).toString("hex") }),
    ...(random.below(2) === 0 ? {} : { reason: `Case ${random.below(100)}` }),
    ...(random.below(2) === 0 ? {} : { remoteAddress: `192.0.2.${random.below(255)}` }),
    occurredAt: new Date(Date.now() - random.below(100_000)),
    nodeId: random.pick(["n1", "n2"]),
    detail: { name: random.pick(names), n: random.below(1_000_000) / 100, list: [random.below(5), null, "x"], deep: { is: random.below(2) === 0 } },
  }) as const;

async function entriesOf(tx: TenantTransaction): Promise<Uint8Array[]> {
  const { rows } = await sql<{ hashes: Buffer }>`select hashes from log_tiles where tenant_id = ${tx.tenantId} and level = ${entryLevel} order by index`.execute(tx);
  return rows.flatMap(({ hashes }) => Array.from({ length: hashes.length / hashBytes }, (_, at) => hashes.subarray(at * hashBytes, (at + 1) * hashBytes)));
}

async function writeTree(tx: TenantTransaction, entries: readonly Uint8Array[]): Promise<{ size: number; root: Uint8Array }> {
  const { tiles, edge } = await growTree(emptyEdge, entries);
  await sql`delete from log_tiles where tenant_id = ${tx.tenantId}`.execute(tx);
  await sql`insert into log_tiles (tenant_id, level, index, hashes) select ${tx.tenantId}, * from unnest(${tiles.map(({ level }) => level)}::int[], ${tiles.map(({ index }) => index)}::bigint[], ${tiles.map(({ hashes }) => Buffer.from(hashes))}::bytea[])`.execute(tx);
  return edge;
}

/** The database as a backup of it had it. */
async function setBack(tx: TenantTransaction, { entries, trust, signer }: Stage, size: number, note: string): Promise<void> {
  const { root } = await writeTree(tx, entries.slice(0, size));
  await sql`delete from evidence where tenant_id = ${tx.tenantId} and tree_index >= ${size}`.execute(tx);
  await sql`delete from checkpoints where tenant_id = ${tx.tenantId} and size > ${size}`.execute(tx);
  const isSigned = openHead(note, signer.key.name, trust.vkeys);
  await sql`update logs set size = ${isSigned.size}, root = ${Buffer.from(root)}, head = ${note} where tenant_id = ${tx.tenantId}`.execute(tx);
}

/** One character more, less or another. */
function otherText(random: Random, text: string): string {
  const characters = [...text];
  const at = random.below(characters.length + 1);
  const added = random.pick(["a", "Z", "0", " ", "ß", "’", "🎧"]);
  if (characters.length === 0 || random.below(3) === 0) return [...characters.slice(0, at), added, ...characters.slice(at)].join("");
  const where = Math.min(at, characters.length - 1);
  if (random.below(2) === 0) return characters.toSpliced(where, 1).join("");
  return characters.with(where, characters[where] === added ? `${added}.` : added).join("");
}

/** One value somewhere in it is another, or one more is there, or one is not there any more. */
function otherJson(random: Random, value: unknown): unknown {
  if (typeof value === "string") return otherText(random, value);
  if (typeof value === "number") return random.pick([value + 1, -value - 1, value + 0.5, String(value)]);
  if (typeof value === "boolean") return !value;
  if (value === null) return random.pick([0, "", false]);
  if (Array.isArray(value)) return value.length === 0 || random.below(3) === 0 ? [...value, null] : random.below(3) === 0 ? value.slice(1) : value.with(...indexed(random, value));
  const fields = Object.entries(value as object);
  if (fields.length === 0 || random.below(4) === 0) return { ...(value as object), [`more${random.below(9)}`]: null };
  const [field, inner] = random.pick(fields);
  return random.below(4) === 0 ? Object.fromEntries(fields.filter(([name]) => name !== field)) : { ...(value as object), [field]: otherJson(random, inner) };
}
function indexed(random: Random, list: readonly unknown[]): [number, unknown] {
  const at = random.below(list.length);
  return [at, otherJson(random, list[at])];
}

const flipped = (random: Random, bytes: Uint8Array): Buffer => {
  const changed = Buffer.from(bytes);
  changed[random.below(changed.length)]! ^= 1 << random.below(8);
  return changed;
};

const rowKinds: ReadonlySet<string> = new Set(["altered", "missing", "moved", "doubled", "erased without certificate"]);
const namesRow = (differences: readonly LogDifference[], place: number): boolean => differences.some((one) => rowKinds.has(one.kind) && "place" in one && one.place === place);
const namesAll = (places: readonly number[]) => (differences: readonly LogDifference[]): boolean => places.every((place) => namesRow(differences, place));
const textColumns = ["node_id", "actor_kind", "actor_id", "actor_name", "action", "item", "subject", "remote_address", "reason"] as const;

const rowChanged: Change = async (tx, { tenantId, otherTenantId, size, random }) => {
  const place = random.below(size);
  const at = sql`tenant_id = ${tenantId} and tree_index = ${place}`;
  const column = random.pick([...textColumns, ...textColumns, "detail", "detail", "detail", "salt", "salt", "recorded_at", "occurred_at", "evidence_id", "tenant_id"] as const);
  const { rows: [row] } = await sql<Record<string, unknown>>`select ${sql.ref(column)} as value, salt from evidence where ${at}`.execute(tx);
  const was = row!["value"];
  if (column === "detail") await sql`update evidence set detail = ${JSON.stringify(otherJson(random, was))}::jsonb where ${at}`.execute(tx);
  else if (column === "salt") await sql`update evidence set salt = ${was === null ? random.bytes(32) : flipped(random, was as Buffer)} where ${at}`.execute(tx);
  else if (column === "recorded_at" || column === "occurred_at") await sql`update evidence set ${sql.ref(column)} = ${sql.ref(column)} + ${`${random.pick([-1, 1]) * (1 + random.below(10 ** (1 + random.below(9))))} microseconds`}::interval where ${at}`.execute(tx);
  else if (column === "tenant_id") await sql`update evidence set tenant_id = ${otherTenantId} where ${at}`.execute(tx);
  else if (column === "evidence_id") await sql`update evidence set evidence_id = ${String(was).replace(/.$/, (digit) => (digit === "0" ? "1" : "0"))}::uuid where ${at}`.execute(tx);
  else await sql`update evidence set ${sql.ref(column)} = ${was === null ? "" : random.below(6) === 0 && ["subject", "remote_address", "reason"].includes(column) ? null : otherText(random, String(was))} where ${at}`.execute(tx);
  return { what: `${column} of row ${place}, which was ${JSON.stringify(was)}`, names: namesAll([place]) };
};

const rowDeleted: Change = async (tx, { tenantId, size, random }) => {
  const place = random.below(size);
  await sql`delete from evidence where tenant_id = ${tenantId} and tree_index = ${place}`.execute(tx);
  return { what: `row ${place}`, names: namesAll([place]) };
};

const rowsSwapped: Change = async (tx, { tenantId, size, random }) => {
  const one = random.below(size);
  const other = (one + 1 + random.below(size - 1)) % size;
  await sql`update evidence set tree_index = ${one + other} - tree_index where tenant_id = ${tenantId} and tree_index in (${one}, ${other})`.execute(tx);
  return { what: `rows ${one} and ${other}`, names: namesAll([one, other]) };
};

const rowsReordered: Change = async (tx, { tenantId, size, random }) => {
  const count = 3 + random.below(20);
  const from = random.below(size - count);
  const by = 1 + random.below(count - 1);
  await sql`update evidence set tree_index = ${from} + (tree_index - ${from} + ${by}) % ${count} where tenant_id = ${tenantId} and tree_index >= ${from} and tree_index < ${from + count}`.execute(tx);
  return { what: `${count} rows from ${from} on, by ${by}`, names: namesAll(Array.from({ length: count }, (_, at) => from + at)) };
};

const rowsTruncated: Change = async (tx, { tenantId, size, random }) => {
  const from = size - 1 - random.below(50);
  await sql`delete from evidence where tenant_id = ${tenantId} and tree_index >= ${from}`.execute(tx);
  return { what: `rows from ${from} on`, names: namesAll(Array.from({ length: size - from }, (_, at) => from + at)) };
};

const rowAdded: Change = async (tx, { tenantId, size, random }) => {
  const [like, isBeyond] = [random.below(size), random.below(2) === 0];
  const place = isBeyond ? size + random.below(100) : like;
  await sql`insert into evidence select (jsonb_populate_record(null::evidence, to_jsonb(e) || jsonb_build_object('evidence_id', gen_random_uuid(), 'tree_index', ${place}::bigint))).* from evidence e where tenant_id = ${tenantId} and tree_index = ${like}`.execute(tx);
  return { what: `a row at ${place}`, names: (found) => found.some((one) => one.kind === (isBeyond ? "beyond" : "doubled") && "place" in one && one.place === place) };
};

/** With entry, leaf and every tile made to fit: only who signed can tell. */
const rowRewritten: Change = async (tx, { tenantId, entries, checkpoints, random, size }) => {
  const whole = (await rowsOf(tx, { places: [0, size] })).filter(({ salt }) => salt !== null);
  const place = random.pick(whole).treeIndex!;
  await sql`update evidence set actor_name = ${`Nobody ${random.below(1e9)}`} where tenant_id = ${tenantId} and tree_index = ${place}`.execute(tx);
  const [row] = await rowsOf(tx, { places: [place, place + 1] });
  const { root } = await writeTree(tx, entries.with(place, rowCommitment(sha256, row!.row, row!.salt!)));
  if (random.below(2) === 0) await sql`update logs set root = ${Buffer.from(root)} where tenant_id = ${tenantId}`.execute(tx);
  const first = checkpoints.find((one) => one.size > place)!.size;
  // The first checkpoint behind it and none before: between the two it was.
  return { what: `row ${place} and its tree`, names: (found) => found.some(({ kind }) => kind === "head") && found.every((one) => one.kind !== "checkpoint" || one.size >= first) && found.some((one) => one.kind === "checkpoint" && one.size === first) };
};

const tileChanged: Change = async (tx, { tenantId, random }) => {
  const { rows } = await sql<{ level: number; index: number; hashes: Buffer }>`select level, index, hashes from log_tiles where tenant_id = ${tenantId} order by level, index`.execute(tx);
  const { level, index, hashes } = random.pick(rows);
  const how = random.below(8);
  const at = sql`tenant_id = ${tenantId} and level = ${level} and index = ${index}`;
  if (how === 0) await sql`delete from log_tiles where ${at}`.execute(tx);
  else await sql`update log_tiles set hashes = ${how === 1 ? hashes.subarray(0, hashes.length - hashBytes * (1 + random.below(hashes.length / hashBytes))) : how === 2 ? Buffer.concat([hashes, random.bytes(hashBytes)]) : flipped(random, hashes)} where ${at}`.execute(tx);
  // Of entries that are changed, the rows and every tile that they do not make are named.
  return { what: `tile ${level}/${index}`, names: (found) => found.some((one) => (one.kind === "tile" && (one.level === level || level === entryLevel) && one.index === index) || (level === entryLevel && (one.kind === "tiles" || one.kind === "altered"))) };
};

const headChanged: Change = async (tx, { tenantId, random }) => {
  const { rows: [log] } = await sql<{ origin: string; size: number; root: Buffer; head: string }>`select origin, size, root, head from logs where tenant_id = ${tenantId}`.execute(tx);
  const column = random.pick(["origin", "size", "root", "head"] as const);
  const value = column === "size" ? log!.size + random.pick([-1, 1]) * (1 + random.below(500)) : column === "root" ? flipped(random, log!.root) : otherText(random, log![column]);
  await sql`update logs set ${sql.ref(column)} = ${value} where tenant_id = ${tenantId}`.execute(tx);
  return { what: `${column} of the log`, names: (found) => found.some(({ kind }) => kind === "head") };
};

const checkpointChanged: Change = async (tx, { tenantId, checkpoints, random }) => {
  const { size, note } = random.pick(checkpoints);
  const isSize = random.below(4) === 0;
  const now = isSize ? size + 10_000 : size;
  if (isSize) await sql`update checkpoints set size = ${now} where tenant_id = ${tenantId} and size = ${size}`.execute(tx);
  else await sql`update checkpoints set note = ${otherText(random, note)} where tenant_id = ${tenantId} and size = ${size}`.execute(tx);
  return { what: `the checkpoint of ${size} rows`, names: (found) => found.some((one) => one.kind === "checkpoint" && one.size === now) };
};

const keyChanged: Change = async (tx, { tenantId, trust, random }) => {
  const vkey = random.pick(trust.vkeys);
  await sql`update log_keys set vkey = ${otherText(random, vkey)} where tenant_id = ${tenantId} and vkey = ${vkey}`.execute(tx);
  return { what: `the key ${vkey}`, names: (found) => found.some(({ kind }) => kind === "keys") };
};

/** An older copy of the database, with everything in it as it was signed then; or gone on from there with the log's own key. */
const rolledBack: Change = async (tx, stage) => {
  const { tenantId, checkpoints, random, signer, entries } = stage;
  const { size, note } = random.pick(checkpoints.slice(0, -1));
  await setBack(tx, stage, size, note);
  const added = random.below(2) === 0 ? 0 : 1 + random.below(stage.size - size + 20);
  if (added > 0) {
    const edge = await writeTree(tx, [...entries.slice(0, size), ...Array.from({ length: added }, () => random.bytes(hashBytes))]);
    await sql`update logs set size = ${edge.size}, root = ${Buffer.from(edge.root)}, head = ${signer.sign(edge)} where tenant_id = ${tenantId}`.execute(tx);
  }
  return { what: `back to ${size} rows, and on by ${added}`, names: (found) => found.some(({ kind }) => kind === "set back") };
};

const changes: readonly (readonly [kind: string, weight: number, change: Change])[] = [
  ["a value of a row", 30, rowChanged],
  ["a row deleted", 8, rowDeleted],
  ["two rows swapped", 8, rowsSwapped],
  ["rows in another order", 6, rowsReordered],
  ["the last rows cut off", 3, rowsTruncated],
  ["a row added", 6, rowAdded],
  ["a row rewritten with its tree", 6, rowRewritten],
  ["a tile", 12, tileChanged],
  ["the head", 5, headChanged],
  ["a checkpoint", 6, checkpointChanged],
  ["a key of the log", 3, keyChanged],
  ["the database set back", 7, rolledBack],
];
const weighted: readonly (readonly [string, Change])[] = changes.flatMap(([kind, weight, change]) => Array.from({ length: weight }, () => [kind, change] as const));
