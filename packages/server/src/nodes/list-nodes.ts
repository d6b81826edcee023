import { withSystem, type Db } from "#db";

export interface KnownNode {
  readonly nodeId: string;
  readonly roles: string[];
  readonly version: string;
  readonly startedAt: string;
  readonly seenAt: string;
}

/** Every node that ever said it was alive, the latest first. */
export async function listNodes(db: Db): Promise<KnownNode[]> {
  const rows = await withSystem(db, (tx) => tx.selectFrom("nodes").selectAll().orderBy("seen_at", "desc").execute());
  return rows.map((row) => ({ nodeId: row.node_id, roles: row.roles, version: row.version, startedAt: row.started_at.toISOString(), seenAt: row.seen_at.toISOString() }));
}
