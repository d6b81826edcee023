import { Type } from "typebox";
import { Checkpoint, CheckpointPage, ConsistencyProof, EvidenceProof, LogState } from "@earwitness/contract";
import { originOf, principalOf, type PortalApp } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { appendOnce, listCheckpoints } from "#evidence";
import type { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { describeCheckpoint, readLogState } from "./log-state.ts";
import { proveGrowth, proveRow } from "./proofs.ts";
import { publicLogRoutes } from "./public-routes.ts";

export interface TransparencyOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  /** Null on a node that keeps no logs. */
  readonly keeper: CheckpointKeeper | null;
  /** Why this node signs nothing for the tenant; null when all is well. */
  readonly stopped: (tenantId: string) => string | null;
}

const access = { permission: "evidence.read" } as const;
const tags = ["evidence"];
const size = (description: string) => Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });

export function transparencyRoutes(options: TransparencyOptions) {
  const { db, keeper } = options;
  return (app: PortalApp): void => {
    publicLogRoutes(app, options);

    app.get(
      "/api/v1/log",
      { config: { access }, schema: { summary: "The signed log of evidence", description: "How far it is, what waits, and the keys to check it with. Checkpoints and tiles are public, under `/log/<tenant id>/` (C2SP tlog-tiles).", tags, response: { 200: LogState } } },
      async (request) => {
        const { tenantId } = principalOf(request);
        return await withTenant(db, tenantId, (tx) => readLogState(tx, options.stopped(tenantId)));
      },
    );

    app.get(
      "/api/v1/log/checkpoints",
      {
        config: { access },
        schema: {
          summary: "Kept checkpoints",
          description: "The newest first.",
          tags,
          querystring: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "How many at most." })), before: Type.Optional(size("`next` of the page before.")) }),
          response: { 200: CheckpointPage },
        },
      },
      async (request) => {
        const { limit = 50, before } = request.query;
        const found = await withTenant(db, principalOf(request).tenantId, (tx) => listCheckpoints(tx, { limit, ...(before === undefined ? {} : { before }) }));
        return { items: found.map(describeCheckpoint), next: found.length === limit ? found.at(-1)!.size : null };
      },
    );

    app.post(
      "/api/v1/log/checkpoints",
      {
        config: { access, perMinute: 30 },
        schema: { summary: "Keep a checkpoint now", description: "It covers everything that was committed before, and the row that says who asked for it. Witnesses and the timestamp authority, where there are such, have signed it when this answers, or could not be reached.", tags, response: { 201: Checkpoint } },
      },
      async (request, reply) => {
        if (keeper === null) throw new Refusal("LOG_NOT_HERE", 503, "This node keeps no logs: ask one with the role worker.");
        return await reply.code(201).send(describeCheckpoint(await keeper.keepFor(principalOf(request).tenantId, originOf(request, options))));
      },
    );

    app.get(
      "/api/v1/evidence/:id/proof",
      {
        config: { access },
        schema: { summary: "One row of evidence, proved", description: "The row, its salt, and the proof that it is in the log; `entry` is SHA-256 over both, as packages/verify defines it.", tags, params: Type.Object({ id: Type.String({ format: "uuid" }) }), response: { 200: EvidenceProof } },
      },
      async (request) => {
        const { id } = request.params;
        return await withTenant(db, principalOf(request).tenantId, async (tx) => {
          const proof = await proveRow(tx, id.toLowerCase());
          await appendOnce(tx, { ...originOf(request, options), action: "View", item: "Evidence", subject: id });
          return proof;
        });
      },
    );

    app.get(
      "/api/v1/log/consistency",
      {
        config: { access },
        schema: { summary: "Proof that the log only grew", tags, querystring: Type.Object({ first: Type.Optional(size("Rows of the earlier checkpoint; 0 if left out, which proves nothing.")), second: Type.Optional(size("Rows of the later one; the newest kept if left out.")) }), response: { 200: ConsistencyProof } },
      },
      async (request) => await withTenant(db, principalOf(request).tenantId, (tx) => proveGrowth(tx, request.query.first ?? 0, request.query.second)),
    );
  };
}
