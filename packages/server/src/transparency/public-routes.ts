/**
 * A tenant's log for everybody who knows its id: checkpoint, tiles and entry bundles as C2SP tlog-tiles lays them out, and the keys.
 * They are hashes of salted commitments: they tell how much happened and nothing of what. Only what a kept checkpoint covers is there.
 */
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { hashBytes, parseTilePath, tileWidth, type Tile } from "@earwitness/verify";
import type { PortalApp } from "#access";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { newestCheckpoint, readEntries, readTiles } from "#evidence";

const tenantId = Type.String({ maxLength: 40, description: "Id of the tenant whose log it is." });
const Params = Type.Object({ tenantId });
const TileParams = Type.Object({ tenantId, "*": Type.String({ maxLength: 80, description: "`<level>/<index>` or `entries/<index>`, the index in groups of three digits, with `.p/<width>` where the tile is partial." }) });
const tags = ["evidence"];
/** Of one address. A monitor that reads a log of a million rows from the beginning needs some 8,000 tiles and bundles. */
const perMinute = { checkpoint: 600, tile: 6_000 };

const forEver = "public, max-age=31536000, immutable";

export function publicLogRoutes(app: PortalApp, { db }: { readonly db: Db }): void {
  app.get(
    "/log/:tenantId/checkpoint",
    { config: { access: "public", perMinute: perMinute.checkpoint, produces: ["text/plain"] }, schema: { summary: "Newest checkpoint of a log", description: "C2SP tlog-tiles; a signed note, with the lines of witnesses.", tags, params: Params } },
    async (request, reply) => {
      const kept = await onLog(request.params.tenantId, (tx) => newestCheckpoint(tx));
      return await open(reply).type("text/plain; charset=utf-8").header("cache-control", "public, max-age=1").send(kept.note);
    },
  );

  app.get(
    "/log/:tenantId/keys",
    { config: { access: "public", perMinute: perMinute.checkpoint, produces: ["text/plain"] }, schema: { summary: "Keys of a log", description: "One vkey (C2SP signed-note) a line, the oldest first; then the notes by which each handed over to the next.", tags, params: Params } },
    async (request, reply) => {
      const keys = await onLog(request.params.tenantId, async (tx) => {
        const found = await tx.selectFrom("log_keys").select(["vkey", "handover"]).orderBy("from_size").orderBy("created_at").execute();
        return found.length === 0 ? null : found;
      });
      const text = [`${keys.map(({ vkey }) => `${vkey}\n`).join("")}`, ...keys.flatMap(({ handover }) => (handover === null ? [] : [handover]))].join("\n");
      return await open(reply).type("text/plain; charset=utf-8").header("cache-control", "public, max-age=60").send(text);
    },
  );

  app.get(
    "/log/:tenantId/tile/*",
    { config: { access: "public", perMinute: perMinute.tile, produces: ["application/octet-stream"] }, schema: { summary: "Hashes of a log", description: "A tile or an entry bundle (C2SP tlog-tiles). Entries are salted commitments to rows of evidence, 32 bytes each.", tags, params: TileParams } },
    async (request, reply) => {
      const { tenantId, "*": path } = request.params;
      const isEntries = path.startsWith("entries/");
      const tile = parseTilePath(`tile/${isEntries ? path.replace("entries", "0") : path}`);
      if (tile === null) throw nothing();
      const bytes = await onLog(tenantId, (tx) => readCovered(tx, tile, isEntries));
      return await open(reply).type("application/octet-stream").header("cache-control", forEver).send(bytes);
    },
  );

  async function onLog<T>(tenantId: string, read: (tx: TenantTransaction) => Promise<T | null>): Promise<T> {
    // A tenant that does not exist, one that has no log and one that has not published anything look the same.
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(tenantId)) throw nothing();
    const found = await withTenant(db, tenantId, read);
    if (found === null) throw nothing();
    return found;
  }
}

/** Null for what the newest kept checkpoint does not cover. */
async function readCovered(tx: TenantTransaction, tile: Tile, isEntries: boolean): Promise<Buffer | null> {
  const kept = await newestCheckpoint(tx);
  const hashes = Math.floor((kept?.size ?? 0) / tileWidth ** tile.level);
  if (tile.index * tileWidth + tile.width > hashes) return null;
  const bytes = isEntries ? await readEntries(tx, tile.index, tile.width) : (await readTiles(tx, [tile]))[0]!;
  if (bytes.length !== tile.width * hashBytes) throw new Error(`the database lacks a part of tile ${tile.level}/${tile.index}`);
  return isEntries ? bundle(bytes) : Buffer.from(bytes);
}

/** Entries behind their lengths, two bytes each; all of ours are 32 bytes long. */
function bundle(entries: Uint8Array): Buffer {
  const count = entries.length / hashBytes;
  const bytes = Buffer.alloc(count * (2 + hashBytes));
  for (let at = 0; at < count; at += 1) {
    bytes.writeUInt16BE(hashBytes, at * (2 + hashBytes));
    bytes.set(entries.subarray(at * hashBytes, (at + 1) * hashBytes), at * (2 + hashBytes) + 2);
  }
  return bytes;
}

/** Monitors may run in a browser, on anybody's page: nothing of this depends on who asks. */
const open = (reply: FastifyReply): FastifyReply => reply.header("access-control-allow-origin", "*").header("cross-origin-resource-policy", "cross-origin");

const nothing = () => new Refusal("NOT_FOUND", 404, "There is nothing at this address.");
