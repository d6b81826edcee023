/** An act of handing out: its rows first, then the log's head behind them, then what is sent. */
import { createHash, randomUUID } from "node:crypto";
import type { Origin } from "#access";
import { withTenant, type Db } from "#db";
import { append, type Sequencer } from "#evidence";
import { callName } from "#interactions";
import type { Prepared } from "./prepare.ts";
import type { BundleToSend, EvidencePage } from "./send-bundle.ts";

export interface HandOut {
  readonly db: Db;
  readonly log: Pick<Sequencer, "keep">;
  readonly tenantId: string;
  readonly origin: Origin;
  /** `Verify`: to be checked on the spot, packets and proofs alone. */
  readonly action: "Export" | "Verify";
  readonly reason: string;
  readonly interactions: readonly Prepared[];
  readonly page: EvidencePage | null;
  readonly vcon: boolean;
}

const noPage = createHash("sha256").digest("hex");
/** Seconds that a row names; a store in which more are damaged is damaged. */
const mostUnopened = 1_000;

export async function handOut({ db, log, tenantId, origin, action, reason, interactions, page, vcon }: HandOut): Promise<BundleToSend> {
  const bundleId = randomUUID();
  const pageSha256 = page?.sha256 ?? noPage;
  const about = await withTenant(db, tenantId, async (tx) => {
    const tenant = await tx.selectFrom("tenants").select("display_name").executeTakeFirstOrThrow();
    for (const { row, metadata, recording } of interactions) {
      const interactionSha256 = createHash("sha256").update(metadata).digest("hex");
      const unopened = (recording?.unopened ?? []).slice(0, mostUnopened).map(({ track, second }) => [track, second]);
      await append(tx, { ...origin, action, item: "Call", subject: row.interaction_id, reason, detail: { ...callName(row), bundle: bundleId, tenant: tenant.display_name, page: pageSha256, interactionSha256, ...(unopened.length === 0 ? {} : { unopened }) } });
    }
    return { bundleId, exportedAt: origin.occurredAt.toISOString(), exportedBy: origin.actor, reason, tenant: { id: tenantId, name: tenant.display_name } };
  });
  const checkpoint = await log.keep(tenantId);
  if (checkpoint === null) throw new Error("the log is empty behind the rows of what is handed out");
  return await withTenant(db, tenantId, async (tx) => {
    const keys = await tx.selectFrom("log_keys").select(["vkey", "handover"]).orderBy("from_size").orderBy("created_at").execute();
    const { origin: name } = await tx.selectFrom("logs").select("origin").executeTakeFirstOrThrow();
    return {
      db,
      tenantId,
      size: checkpoint.size,
      about: { ...about, origin: name, vkeys: keys.map(({ vkey }) => vkey) },
      interactions,
      log: { checkpoint, handovers: keys.flatMap(({ handover }) => (handover === null ? [] : [handover])) },
      audio: action === "Export",
      vcon,
      page,
      pageSha256,
    };
  });
}
