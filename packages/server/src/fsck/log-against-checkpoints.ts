/** The log's tiles, made anew from its leaves up, against its signed head and every checkpoint that was ever kept of it. */
import { sql } from "kysely";
import { toHex } from "@earwitness/verify";
import { withTenant, type TenantTransaction } from "#db";
import { walkedLeaves, walkTree, type LogHead, type TileDifference, type TreeWalk } from "#evidence";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import { sentence, type Finding } from "./finding.ts";
import { missingCheckpoints } from "./counted-checkpoints.ts";
import { extraTiles } from "./extra-tiles.ts";
import { open, type LogAsFound } from "./log-as-found.ts";

export interface LogCursor {
  readonly walk: TreeWalk;
  /** Size of the last checkpoint that agreed with the tiles. */
  readonly agreed: number;
  /** Checkpoints since then that did not. */
  readonly differing: number;
}

const mostCheckpoints = 2_000;
const tileRows = 256;

/** How many tiles of one portion are named one by one. */
const namedTiles = 50;

export async function* logAgainstCheckpoints({ db, twice }: Checking, tenant: CheckedTenant, log: LogAsFound, head: LogHead, from: LogCursor): AsyncGenerator<Portion<LogCursor>> {
  const { tenantId } = tenant;
  const finding = finder("log", tenant);
  let cursor = from;

  /** From where the walk is to where the portion ends; a value, so that it can be looked at twice. */
  async function portion(tx: TenantTransaction, start: LogCursor): Promise<{ cursor: LogCursor; isStuck: boolean; findings: Finding[] }> {
    const furthest = Math.min(head.size, start.walk.size + walkedLeaves);
    const checkpoints = await tx.selectFrom("checkpoints").select(["size", "note"]).where("size", ">", start.walk.size).where("size", "<=", furthest).orderBy("size").limit(mostCheckpoints).execute();
    const to = checkpoints.length === mostCheckpoints ? checkpoints.at(-1)!.size : furthest;
    const wanted = new Set([...checkpoints.map(({ size }) => size), ...(log.remembered === null ? [] : [log.remembered.size]), head.size]);
    const { walk, roots, differences } = await walkTree(tx, start.walk, to, [...wanted].toSorted((a, b) => a - b));
    const findings = tilesOf(differences);
    let { agreed, differing } = start;
    for (const { size, note } of checkpoints) {
      const where = `checkpoint of ${size}`;
      const kept = open(note, log.origin, log.keys.keysAt(size));
      const root = roots.get(size) ?? null;
      if (typeof kept === "string") findings.push(finding("CHECKPOINT_FORGED", where, sentence(kept)));
      else if (kept.size !== size) findings.push(finding("CHECKPOINT_FORGED", where, `It is of ${kept.size} rows.`));
      else if (root === null) findings.push(finding("CHECKPOINT_NOT_CHECKED", where, "Hashes that its root is made of are missing."));
      else if (Buffer.compare(root, kept.root) === 0) {
        if (differing > 1) findings.push(further(agreed, differing - 1));
        [agreed, differing] = [size, 0];
      } else {
        if (differing === 0) findings.push(finding("CHECKPOINT_DIFFERS", where, `It was signed for the root ${toHex(kept.root)}, and the log of ${size} rows has ${toHex(root)}. ${agreed === 0 ? "No earlier checkpoint agrees" : `The last checkpoint that agrees is of ${agreed} rows`}: what was changed lies among places ${agreed} to ${size - 1}.`));
        differing += 1;
      }
    }
    const { remembered } = log;
    if (remembered !== null && remembered.size > start.walk.size && remembered.size <= walk.size) {
      const root = roots.get(remembered.size) ?? null;
      if (root !== null && Buffer.compare(root, remembered.root) !== 0) findings.push(finding("LOG_REWRITTEN", `head of ${remembered.size} that this node remembers`, `This node signed the root ${toHex(remembered.root)} at ${remembered.size} rows, and the log has ${toHex(root)} there.`));
    }
    if (walk.size === head.size || walk.size < to) {
      const root = roots.get(head.size) ?? null;
      if (walk.size === head.size && root !== null && Buffer.compare(root, head.root) !== 0) findings.push(finding("HEAD_DIFFERS", `head of ${head.size}`, `The head says the root ${toHex(head.root)}, and the tiles make up ${toHex(root)}.`));
      if (differing > 1) findings.push(further(agreed, differing - 1));
    }
    return { cursor: { walk, agreed, differing }, isStuck: walk.size < to, findings };
  }

  const further = (agreed: number, more: number): Finding => finding("CHECKPOINT_DIFFERS", `${more} later ${more === 1 ? "checkpoint" : "checkpoints"}`, `${more === 1 ? "Another one" : `${more} more`} behind the last that agrees (${agreed} rows) ${more === 1 ? "was" : "were"} signed for another log too.`);

  function tilesOf(differences: readonly TileDifference[]): Finding[] {
    const named = differences.slice(0, namedTiles).map((difference) => {
      const { level, index } = difference;
      const width = tileRows ** (level + 1);
      const where = `tile ${level}/${index}`;
      const places = `places ${index * width} to ${Math.min(head.size, (index + 1) * width) - 1}`;
      return difference.kind === "missing"
        ? finding("TILE_MISSING", where, `The tile over ${places} holds ${difference.holds} hashes and should hold ${difference.needs}.`)
        : finding("TILE_ALTERED", where, `The tile over ${places} does not make up its hash in level ${level + 1}.`);
    });
    return differences.length <= namedTiles ? named : [...named, finding(differences[namedTiles]!.kind === "missing" ? "TILE_MISSING" : "TILE_ALTERED", `${differences.length - namedTiles} more tiles`, "More tiles beside these do not fit.")];
  }

  for (let isStuck = false; cursor.walk.size < head.size && !isStuck; ) {
    const start = cursor;
    const { findings, ...next } = await twice(async () => await withTenant(db, tenantId, (tx) => portion(tx, start)));
    ({ cursor, isStuck } = next);
    yield { cursor, findings, done: cursor.walk.size, of: head.size };
  }
  const { findings } = await twice(async () => ({ findings: await withTenant(db, tenantId, async (tx) => [...(await beside(tx)), ...(await extraTiles(tx, finding)), ...(await missingCheckpoints(tx, head.size, finding))]) }));
  yield { cursor, findings, done: head.size, of: head.size };

  /** Checkpoints that no size of the log can have. Their sizes and the log's are read at once: one that is kept meanwhile is none of them. */
  async function beside(tx: TenantTransaction): Promise<Finding[]> {
    const { rows } = await sql<{ size: number; log_size: number }>`
      select least(c.size, ${Number.MAX_SAFE_INTEGER}) as size, least(l.size, ${Number.MAX_SAFE_INTEGER}) as log_size from checkpoints c join logs l on l.tenant_id = c.tenant_id
       where c.tenant_id = ${tenantId} and (c.size > l.size or c.size < 1) order by c.size desc limit 100`.execute(tx);
    return rows.map(({ size, log_size }) =>
      size < 1 ? finding("CHECKPOINT_FORGED", `checkpoint of ${size}`, "No log has this size.") : finding("LOG_SET_BACK", `checkpoint of ${size}`, `A checkpoint of ${size} rows was kept, and the log has ${log_size}.`),
    );
  }
}
