import { createHash, randomUUID } from "node:crypto";
import { EvidenceBundleRequest, mostBundledInteractions } from "@earwitness/contract";
import { createQuota, originOf, principalKey, principalOf, type PortalApp } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { messageOf, Refusal } from "#errors";
import { append, type Sequencer } from "#evidence";
import { callName, findInteractions } from "#interactions";
import type { Vault } from "#vault";
import { prepare, type Prepared } from "./prepare.ts";
import { readEvidencePage, sendBundle } from "./send-bundle.ts";
import { createZipStream } from "./zip-stream.ts";

export interface ExportRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly vault: Vault;
  /** Keeps the log's head behind the rows of the export; null on a node that keeps no logs. */
  readonly log: Pick<Sequencer, "keep"> | null;
  /** The page that goes into every bundle; null where it was not built. */
  readonly pageHtml: string | null;
}

/** Recorded time of all interactions of a bundle together: what is sent in one go, and what a person can make use of. */
const mostHours = 200;
/** A bundle is decrypted, decoded and sent by the thread that also answers calls. */
const mostExportsOfOne = 1;
const mostExports = 3;

export function exportRoutes({ db, clock, nodeId, vault, log, pageHtml }: ExportRoutesOptions) {
  const page = pageHtml === null ? null : readEvidencePage(pageHtml);
  const ofOne = createQuota(mostExportsOfOne);
  const ofAll = createQuota(mostExports);

  return (app: PortalApp): void => {
    app.post(
      "/api/v1/evidence-bundles",
      {
        config: { access: { permission: "evidence.export" }, produces: ["application/zip"] },
        schema: {
          summary: "Export an evidence bundle",
          description: `One ZIP archive with the recordings, metadata and proofs of up to ${mostBundledInteractions} finished interactions, meetings included, and of at most ${mostHours} recorded hours, streamed while it is made. Leaves a row of evidence for each interaction, with the reason. An archive that is cut off has no end and cannot be opened; ask again. The format is described in docs/integrate/evidence-bundle.md; \`earwitness verify\` checks it.`,
          tags: ["evidence"],
          body: EvidenceBundleRequest,
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { reason, interactions, filter, vcon = false } = request.body;
        if ((interactions === undefined) === (filter === undefined)) throw new Refusal("VALIDATION", 400, "Name either `interactions` or a `filter`.", [{ where: "body", message: "names either interactions or a filter" }]);
        if (log === null || page === null) throw new Refusal("LOG_NOT_HERE", 503, log === null ? "This node keeps no logs: ask one with the role worker." : "This node has no page for bundles: it was not built.");
        const giveBack = [ofOne.take(principalKey(principal)), ofAll.take("all")];
        reply.raw.once("close", () => giveBack.forEach((back) => back?.()));
        if (giveBack.includes(null)) throw new Refusal("TOO_MANY_EXPORTS", 429, "An export is running already; wait for its end.");

        const origin = originOf(request, { clock, nodeId });
        const ids = interactions ?? (await findInteractions(db, principal, filter!, mostBundledInteractions));
        if (ids.length === 0) throw new Refusal("NOTHING_FOUND", 404, "No interaction matches the filter.");
        if (ids.length > mostBundledInteractions) throw new Refusal("TOO_MUCH", 413, `More than ${mostBundledInteractions} interactions match; export them in parts.`);
        const prepared: Prepared[] = [];
        let leftMs = mostHours * 3_600_000;
        for (const id of ids) {
          const one = await prepare({ db, vault, principal, now: origin.occurredAt }, id);
          leftMs -= one.recording === null ? 0 : Math.max(0, Math.min(one.recording.part.toMs, one.recording.manifest.durationMs) - one.recording.part.fromMs);
          if (leftMs < 0) throw new Refusal("TOO_MUCH", 413, `These interactions are more than ${mostHours} recorded hours; export them in parts.`);
          prepared.push(one);
        }

        const { tenantId } = principal;
        const bundleId = randomUUID();
        const about = await withTenant(db, tenantId, async (tx) => {
          const tenant = await tx.selectFrom("tenants").select("display_name").executeTakeFirstOrThrow();
          for (const { row, metadata } of prepared) {
            const interactionSha256 = createHash("sha256").update(metadata).digest("hex");
            await append(tx, { ...origin, action: "Export", item: "Call", subject: row.interaction_id, reason, detail: { ...callName(row), bundle: bundleId, tenant: tenant.display_name, page: page.sha256, interactionSha256 } });
          }
          return { bundleId, exportedAt: origin.occurredAt.toISOString(), exportedBy: origin.actor, reason, tenant: { id: tenantId, name: tenant.display_name } };
        });
        const checkpoint = await log.keep(tenantId);
        if (checkpoint === null) throw new Error("the log is empty behind the rows of the export");
        const keys = await withTenant(db, tenantId, (tx) => tx.selectFrom("log_keys").select(["vkey", "handover"]).orderBy("from_size").orderBy("created_at").execute());
        const { origin: name } = await withTenant(db, tenantId, (tx) => tx.selectFrom("logs").select("origin").executeTakeFirstOrThrow());

        const zip = createZipStream(origin.occurredAt);
        const bundle = {
          db,
          tenantId,
          size: checkpoint.size,
          about: { ...about, origin: name, vkeys: keys.map(({ vkey }) => vkey) },
          interactions: prepared,
          log: { checkpoint, handovers: keys.flatMap(({ handover }) => (handover === null ? [] : [handover])) },
          vcon,
          page,
        };
        void sendBundle(bundle, zip).catch((error: unknown) => {
          request.log.error({ err: messageOf(error), bundleId }, "an evidence bundle was cut off");
          zip.fail(error instanceof Error ? error : new Error(String(error)));
        });
        const day = about.exportedAt.slice(0, 10);
        return reply.type("application/zip").header("cache-control", "no-store").header("content-disposition", `attachment; filename="evidence-${day}-${bundleId.slice(0, 8)}.zip"`).send(zip.bytes);
      },
    );
  };
}
