import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { InteractionDetail, InteractionId, InteractionPage, InteractionQuery, Verification, VerificationReport } from "@earwitness/contract";
import { createQuota, originOf, principalKey, principalOf, type PortalApp, type Principal } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { noSuchInteraction, readDetail } from "./detail.ts";
import type { Live } from "./live.ts";
import { listInteractions } from "./query.ts";
import { findRow } from "./rows.ts";
import { recordVerification } from "./verifications.ts";

export interface InteractionRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly live: Live;
  /** Tells open lists and pages of a change, after its commit. */
  readonly announce: (tenantId: string, interactionId: string) => void;
  /** The principal of the same credentials as they are now; null when they are no longer good. */
  readonly recheck: (request: Pick<FastifyRequest, "headers" | "cookies">) => Promise<Principal | null>;
}

const tags = ["interactions"];
const access = { permission: "interaction.list" } as const;
/** Tabs of one person share a stream; scripts need one. */
const mostStreams = 20;

export function interactionRoutes({ db, clock, nodeId, live, announce, recheck }: InteractionRoutesOptions) {
  const streams = createQuota(mostStreams);

  return (app: PortalApp): void => {
    app.get(
      "/api/v1/interactions",
      {
        config: { access },
        schema: {
          summary: "List interactions",
          description: "Newest first, of those the caller may see. A page is continued with `after`, so that rows that come in meanwhile move nothing.",
          tags,
          querystring: InteractionQuery,
          response: { 200: InteractionPage },
        },
      },
      async (request) => await listInteractions(db, principalOf(request), request.query, originOf(request, { clock, nodeId })),
    );

    app.get(
      "/api/v1/interactions/:id",
      {
        config: { access },
        schema: {
          summary: "One interaction",
          description: "With its recording's tracks and what happened in the call. 404 also for what the caller may not see.",
          tags,
          params: Type.Object({ id: InteractionId }),
          response: { 200: InteractionDetail },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        return await withTenant(db, principal.tenantId, (tx) => readDetail(tx, principal, request.params.id, originOf(request, { clock, nodeId })));
      },
    );

    app.post(
      "/api/v1/interactions/:id/verifications",
      {
        config: { access: { permission: "evidence.read" } },
        schema: {
          summary: "Say what a verification found",
          description: "What the caller's browser found when it held the interaction against its proof (`POST …/proof`). It stands under the caller's name, as the caller says it; it proves nothing to others, who check for themselves.",
          tags,
          params: Type.Object({ id: InteractionId }),
          body: VerificationReport,
          response: { 201: Verification },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { id } = request.params;
        const { checkpoint, ...said } = request.body;
        if ((said.result === "differs") !== said.differing.length > 0) throw new Refusal("VALIDATION", 400, "`differing` names what differs where `result` is `differs`, and is empty otherwise.", [{ where: "body.differing", message: "does not fit the result" }]);
        const verification = await withTenant(db, principal.tenantId, async (tx) => {
          if ((await findRow(tx, principal, id)) === null) throw noSuchInteraction();
          return await recordVerification(tx, originOf(request, { clock, nodeId }), { ...said, interactionId: id, means: "browser", checkpoint: checkpoint === null ? null : { size: checkpoint.size, root: Buffer.from(checkpoint.root, "hex") } });
        });
        if (verification === null) throw noSuchInteraction();
        announce(principal.tenantId, id);
        return await reply.code(201).send(verification);
      },
    );

    app.get(
      "/api/v1/live",
      {
        config: { access, produces: ["text/event-stream"] },
        schema: {
          summary: "Follow interactions live",
          description:
            "Server-sent events: `interaction` (a row appeared or changed), `activity` (speaking levels of running calls), `reset` (read the page again). A comment every 15 seconds keeps the connection open; it ends within 5 seconds of the session or key.",
          tags,
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const giveBack = streams.take(principalKey(principal));
        if (giveBack === null) throw new Refusal("TOO_MANY_STREAMS", 429, `There are ${mostStreams} live streams of yours already.`);
        const { headers, cookies } = request;
        const client = await live.open(principal, originOf(request, { clock, nodeId }), () => recheck({ headers, cookies }), headers["last-event-id"] !== undefined).catch((error: unknown) => {
          giveBack();
          throw error;
        });
        client.stream.once("close", giveBack);
        return reply
          .type("text/event-stream; charset=utf-8")
          .header("cache-control", "no-store")
          .header("connection", "close") // nothing comes after the end of it
          .header("x-accel-buffering", "no") // a proxy that collects events would make them late
          .send(client.stream);
      },
    );
  };
}
