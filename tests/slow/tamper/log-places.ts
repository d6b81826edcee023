/** What a superuser of the database can do to a log. */
import { hashBytes, rowCommitment, tileWidth } from "@earwitness/verify";
import { sql } from "kysely";
import { rowsOf, sha256 } from "../../../packages/server/src/evidence/index.ts";
import type { Finding, FindingCode } from "../../../packages/server/src/fsck/index.ts";
import { flipped, otherJson, otherText, otherwhileMicroseconds } from "./changed-values.ts";
import { setBack, writeTree, type Change, type Changes } from "./stage.ts";

const rowCodes: ReadonlySet<FindingCode> = new Set<FindingCode>(["ROW_ALTERED", "ROW_MISSING", "ROW_MOVED", "ROW_DOUBLED", "ROW_ERASED_WITHOUT_CERTIFICATE"]);
const namesRow = (findings: readonly Finding[], place: number): boolean => findings.some(({ code, where }) => rowCodes.has(code) && where === `row ${place}`);
const has = (...wanted: readonly FindingCode[]) => (findings: readonly Finding[]): boolean => findings.some(({ code }) => wanted.includes(code));
const hasAt = (findings: readonly Finding[], where: string, ...wanted: readonly FindingCode[]): boolean => findings.some((one) => wanted.includes(one.code) && one.where === where);
const namesAll = (places: readonly number[]) => (findings: readonly Finding[]): boolean => places.every((place) => namesRow(findings, place));
const textColumns = ["node_id", "actor_kind", "actor_id", "actor_name", "action", "item", "subject", "remote_address", "reason"] as const;

const rowChanged: Change = async (tx, { tenantId, otherTenantId, size, random }) => {
  const place = random.below(size);
  const at = sql`tenant_id = ${tenantId} and tree_index = ${place}`;
  const column = random.pick([...textColumns, ...textColumns, "detail", "detail", "detail", "salt", "salt", "recorded_at", "occurred_at", "evidence_id", "tenant_id"] as const);
  const { rows: [row] } = await sql<Record<string, unknown>>`select ${sql.ref(column)} as value, salt from evidence where ${at}`.execute(tx);
  const was = row!["value"];
  if (column === "detail") await sql`update evidence set detail = ${JSON.stringify(otherJson(random, was))}::jsonb where ${at}`.execute(tx);
  else if (column === "salt") await sql`update evidence set salt = ${was === null ? random.bytes(32) : flipped(random, was as Buffer)} where ${at}`.execute(tx);
  else if (column === "recorded_at" || column === "occurred_at") await sql`update evidence set ${sql.ref(column)} = ${sql.ref(column)} + ${otherwhileMicroseconds(random)}::interval where ${at}`.execute(tx);
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
  return { what: `a row at ${place}`, names: (found) => hasAt(found, `row ${place}`, isBeyond ? "ROW_BEYOND_HEAD" : "ROW_DOUBLED") };
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
  return { what: `row ${place} and its tree`, names: (found) => has("HEAD_DIFFERS", "HEAD_FORGED")(found) && hasAt(found, `checkpoint of ${first}`, "CHECKPOINT_DIFFERS") && checkpoints.every((one) => one.size >= first || !hasAt(found, `checkpoint of ${one.size}`, "CHECKPOINT_DIFFERS")) };
};

const tileChanged: Change = async (tx, { tenantId, random }) => {
  const { rows } = await sql<{ level: number; index: number; hashes: Buffer }>`select level, index, hashes from log_tiles where tenant_id = ${tenantId} order by level, index`.execute(tx);
  const { level, index, hashes } = random.pick(rows);
  const how = random.below(8);
  const at = sql`tenant_id = ${tenantId} and level = ${level} and index = ${index}`;
  if (how === 0) await sql`delete from log_tiles where ${at}`.execute(tx);
  else await sql`update log_tiles set hashes = ${how === 1 ? hashes.subarray(0, hashes.length - hashBytes * (1 + random.below(hashes.length / hashBytes))) : how === 2 ? Buffer.concat([hashes, random.bytes(hashBytes)]) : flipped(random, hashes)} where ${at}`.execute(tx);
  const places = Array.from({ length: tileWidth }, (_, here) => index * tileWidth + here);
  // Of an entry or a leaf, its row; of a hash above, the tile that it stands for.
  return {
    what: `tile ${level}/${index}`,
    names: (found) =>
      hasAt(found, `tile ${level}/${index}`, "TILE_ALTERED", "TILE_MISSING", "TILE_EXTRA") ||
      places.some((place) => (level <= 0 ? hasAt(found, `row ${place}`, "ENTRY_ALTERED", "ROW_ALTERED") : hasAt(found, `tile ${level - 1}/${place}`, "TILE_ALTERED"))),
  };
};

const headChanged: Change = async (tx, { tenantId, random }) => {
  const { rows: [log] } = await sql<{ origin: string; size: number; root: Buffer; head: string }>`select origin, size, root, head from logs where tenant_id = ${tenantId}`.execute(tx);
  const column = random.pick(["origin", "size", "root", "head"] as const);
  const value = column === "size" ? log!.size + random.pick([-1, 1]) * (1 + random.below(500)) : column === "root" ? flipped(random, log!.root) : otherText(random, log![column]);
  await sql`update logs set ${sql.ref(column)} = ${value} where tenant_id = ${tenantId}`.execute(tx);
  return { what: `${column} of the log`, names: has("HEAD_FORGED", "HEAD_DIFFERS", "LOG_RENAMED") };
};

const checkpointChanged: Change = async (tx, { tenantId, checkpoints, random }) => {
  const { size, note } = random.pick(checkpoints);
  const isSize = random.below(4) === 0;
  const now = isSize ? size + 10_000 : size;
  if (isSize) await sql`update checkpoints set size = ${now} where tenant_id = ${tenantId} and size = ${size}`.execute(tx);
  else await sql`update checkpoints set note = ${otherText(random, note)} where tenant_id = ${tenantId} and size = ${size}`.execute(tx);
  return { what: `the checkpoint of ${size} rows`, names: (found) => hasAt(found, `checkpoint of ${now}`, isSize ? "LOG_SET_BACK" : "CHECKPOINT_FORGED") };
};

/** One that a check had counted. */
const checkpointDeleted: Change = async (tx, { tenantId, checkpoints, random }) => {
  const { size } = random.pick(checkpoints.slice(0, -1));
  await sql`delete from checkpoints where tenant_id = ${tenantId} and size = ${size}`.execute(tx);
  return { what: `the checkpoint of ${size} rows`, names: has("CHECKPOINT_MISSING") };
};

const keyChanged: Change = async (tx, { tenantId, vkeys, random }) => {
  const vkey = random.pick(vkeys);
  const how = random.below(8);
  const at = sql`tenant_id = ${tenantId} and vkey = ${vkey}`;
  if (how === 0) await sql`delete from log_keys where ${at}`.execute(tx);
  else if (how === 1) await sql`update log_keys set from_size = from_size + ${1 + random.below(300)} where ${at}`.execute(tx);
  else if (how === 2) await sql`update log_keys set retired_at = case when retired_at is null then now() end where ${at}`.execute(tx);
  else await sql`update log_keys set vkey = ${otherText(random, vkey)} where ${at}`.execute(tx);
  return { what: `the key ${vkey}, ${["deleted", "its first size", "whether it is retired"][how] ?? "a character of it"}`, names: has("HANDOVER_BROKEN", "KEY_FOREIGN") };
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
  return { what: `back to ${size} rows, and on by ${added}`, names: has("LOG_SET_BACK", "LOG_REWRITTEN") };
};

export const logChanges: Changes<Change> = [
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
  ["a checkpoint deleted", 3, checkpointDeleted],
  ["a key of the log", 3, keyChanged],
  ["the database set back", 7, rolledBack],
];
