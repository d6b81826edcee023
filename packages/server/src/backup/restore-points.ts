import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { withDirect } from "#db";
import { makeDirectory, writeFileDurably } from "#vault";
import { parseJson } from "./archive-state.ts";
import { formatLsn, parseLsn } from "./lsn.ts";

/** A moment with a name, to which the database can be put back exactly: before an upgrade of the schema. */
const RestorePoint = Type.Object({ format: Type.Literal(1), name: Type.String(), reason: Type.String(), timeline: Type.Integer(), lsn: Type.String(), at: Type.String(), schema: Type.Union([Type.String(), Type.Null()]) });
export type RestorePoint = Static<typeof RestorePoint>;

const homeOf = (clusterDir: string): string => join(clusterDir, "points");

/** Made in the write-ahead log itself. `archived` waits until the archive holds it. */
export async function makeRestorePoint(
  { superuserUrl, dir, at, reason, schema }: { superuserUrl: string; dir: string; at: Date; reason: string; schema: string | null },
  archived: (lsn: bigint) => Promise<void>,
): Promise<RestorePoint> {
  const name = `upgrade-${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  const { rows } = await withDirect(superuserUrl, "restore point", (sql) =>
    sql.query("select pg_create_restore_point($1) as lsn, (select timeline_id from pg_control_checkpoint()) as timeline", [name]),
  );
  const point: RestorePoint = { format: 1, name, reason, timeline: rows[0].timeline, lsn: formatLsn(parseLsn(rows[0].lsn)), at: at.toISOString(), schema };
  await archived(parseLsn(point.lsn));
  await makeDirectory(homeOf(dir));
  await writeFileDurably(join(homeOf(dir), `${name}.json`), [Buffer.from(`${JSON.stringify(point)}\n`)]);
  return point;
}

export async function listRestorePoints(clusterDir: string): Promise<RestorePoint[]> {
  const names = (await readdir(homeOf(clusterDir)).catch(() => [])).filter((name) => name.endsWith(".json")).sort();
  return await Promise.all(
    names.map(async (name) => {
      const path = join(homeOf(clusterDir), name);
      const point = parseJson(await readFile(path, "utf8"));
      if (!Value.Check(RestorePoint, point)) throw new Error(`${path} is damaged, or of another version of Earwitness`);
      return point;
    }),
  );
}

export async function removeRestorePoint(clusterDir: string, { name }: RestorePoint): Promise<void> {
  await rm(join(homeOf(clusterDir), `${name}.json`), { force: true });
}
