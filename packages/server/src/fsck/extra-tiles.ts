/** Hashes in the log's table that the log does not have. A walk up the tree does not come by them; whoever is served tiles may. */
import { sql } from "kysely";
import { hashBytes, tileWidth } from "@earwitness/verify";
import type { TenantTransaction } from "#db";
import type { Finder } from "./checking.ts";
import type { Finding } from "./finding.ts";

const namedTiles = 50;
/** Levels above this would need more rows than a number counts. */
const levels = 6;
const tileBits = Math.log2(tileWidth);

/** Tiles and the log's size are read at once: what grows meanwhile is none of them. */
export async function extraTiles(tx: TenantTransaction, finding: Finder): Promise<Finding[]> {
  const { rows } = await sql<{ level: number; index: string; bytes: number; width: number }>`
    select level, index::text as index, bytes, width from (
      select t.level, t.index, octet_length(t.hashes) as bytes,
             greatest(0, least(${tileWidth}, (case when t.level <= 0 then l.size when t.level <= ${levels} then l.size >> (${tileBits} * t.level) else 0 end)::numeric - t.index::numeric * ${tileWidth}))::int as width
        from log_tiles t join logs l on l.tenant_id = t.tenant_id
       where t.tenant_id = ${tx.tenantId}
    ) as tile
    where index < 0 or level < -1 or bytes > width * ${hashBytes}
    order by level, tile.index limit ${namedTiles + 1}`.execute(tx);
  return [
    ...rows.slice(0, namedTiles).map(({ level, index, bytes, width }) => finding("TILE_EXTRA", `tile ${level}/${index}`, `The tile holds ${Math.ceil(bytes / hashBytes)} hashes, and the log has ${width} for it.`)),
    ...(rows.length > namedTiles ? [finding("TILE_EXTRA", "more tiles", "More tiles beside these hold hashes that the log does not have.")] : []),
  ];
}
