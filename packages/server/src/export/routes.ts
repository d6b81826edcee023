import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { EvidenceBundleRequest, InteractionId, mostBundledInteractions } from "@earwitness/contract";
import { parseCheckpoint, parseNote } from "@earwitness/verify";
import { can, createQuota, originOf, principalKey, principalOf, type PortalApp, type Principal } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { messageOf, Refusal } from "#errors";
import type { Sequencer } from "#evidence";
import { findInteractions, recordVerification } from "#interactions";
import type { Vault } from "#vault";
import { handOut } from "./hand-out.ts";
import { prepare, withUnopened, type Prepared } from "./prepare.ts";
import { readEvidencePage, sendBundle, type BundleToSend, type Checked } from "./send-bundle.ts";
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
  /** Tells open lists and pages of a change, after its commit. */
  readonly announce: (tenantId: string, interactionId: string) => void;
}

/** Recorded time of all interactions of a bundle together: what is sent in one go, and what a person can make use of. */
const mostHours = 200;
/** A bundle is decrypted, decoded and sent by the thread that also answers calls. */
const mostExportsOfOne = 1;
const mostExports = 3;

export function exportRoutes({ db, clock, nodeId, vault, log, pageHtml, announce }: ExportRoutesOptions) {
  const page = pageHtml === null ? null : readEvidencePage(pageHtml);
  const ofOne = createQuota(mostExportsOfOne);
  const ofAll = createQuota(mostExports);

  function takeTurn(reply: FastifyReply, principal: Principal): void {
    const giveBack = [ofOne.take(principalKey(principal)), ofAll.take("all")];
    reply.raw.once("close", () => giveBack.forEach((back) => back?.()));
    if (giveBack.includes(null)) throw new Refusal("TOO_MANY_EXPORTS", 429, "An export is running already; wait for its end.");
  }

  /** Sends the archive while it is made; `record` writes down what its check came to, when it was sent whole or could not be. */
  function send(request: FastifyRequest, reply: FastifyReply, bundle: BundleToSend, record: (result: "holds" | "differs", checked: Checked) => Promise<void>): FastifyReply {
    const zip = createZipStream(new Date(bundle.about.exportedAt));
    void sendBundle(bundle, zip, (broken) => record("differs", broken))
      .catch((error: unknown) => {
        request.log.error({ err: messageOf(error), bundleId: bundle.about.bundleId }, "an evidence bundle was cut off");
        zip.fail(error instanceof Error ? error : new Error(String(error)));
        return [];
      })
      .then(async (all) => {
        for (const one of all) await record(one.differing.length === 0 ? "holds" : "differs", one);
      })
      .catch((error: unknown) => request.log.error({ err: messageOf(error), bundleId: bundle.about.bundleId }, "what an export's check came to could not be written down"));
    return reply.type("application/zip").header("cache-control", "no-store").send(zip.bytes);
  }

  return (app: PortalApp): void => {
    app.post(
      "/api/v1/interactions/:id/proof",
      {
        config: { access: { permission: "evidence.read" }, produces: ["application/zip"] },
        schema: {
          summary: "What proves an interaction, to be checked on the spot",
          description: "A ZIP archive in the format of evidence bundles, with packets, metadata and proofs and without audio files and page: what the portal's own check reads. Takes the right to listen as well. Seconds that the store cannot open are left out, named in the row of evidence that this leaves, and reported by whoever checks; where nothing can be read at all, that is written down as a verification that differs.",
          tags: ["evidence"],
          params: Type.Object({ id: InteractionId }),
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { id } = request.params;
        if (!can(principal, "recording.listen")) throw new Refusal("FORBIDDEN", 403, "This needs the permission recording.listen beside evidence.read: it hands out what was said.");
        if (log === null) throw new Refusal("LOG_NOT_HERE", 503, "This node keeps no logs: ask one with the role worker.");
        takeTurn(reply, principal);
        const origin = originOf(request, { clock, nodeId });
        const prepared = await prepare({ db, vault, principal, now: origin.occurredAt }, id).catch(async (error: unknown) => {
          if (!(error instanceof Refusal && error.code === "INTEGRITY")) throw error;
          await withTenant(db, principal.tenantId, (tx) => recordVerification(tx, origin, { interactionId: id, means: "browser", result: "differs", checked: [], differing: [error.message], checkpoint: null }));
          announce(principal.tenantId, id);
          throw error;
        });
        const bundle = await handOut({ db, log, tenantId: principal.tenantId, origin, action: "Verify", reason: "To be checked in the portal", interactions: [await withUnopened(prepared)], page: null, vcon: false });
        return send(request, reply, bundle, async () => undefined); // whoever asked says what they found
      },
    );

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
        takeTurn(reply, principal);

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
        const bundle = await handOut({ db, log, tenantId: principal.tenantId, origin, action: "Export", reason, interactions: prepared, page, vcon });
        const { root } = parseCheckpoint(parseNote(bundle.log.checkpoint.note).text);
        const record = async (result: "holds" | "differs", { interactionId, checked, differing }: Checked): Promise<void> => {
          await withTenant(db, principal.tenantId, (tx) => recordVerification(tx, { ...origin, occurredAt: clock.now() }, { interactionId, means: "export", result, checked, differing, checkpoint: { size: bundle.size, root } }));
          announce(principal.tenantId, interactionId);
        };
        const day = bundle.about.exportedAt.slice(0, 10);
        reply.header("content-disposition", `attachment; filename="evidence-${day}-${bundle.about.bundleId.slice(0, 8)}.zip"`);
        return send(request, reply, bundle, record);
      },
    );
  };
}
