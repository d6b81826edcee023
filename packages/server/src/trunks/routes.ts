import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { DigestSecret, invitationOutcomes, InvitationPage, Trunk, TrunkId, TrunkPage, TrunkSettings, TrunkTrial, TrunkTrialResult } from "@earwitness/contract";
import { actorOf, originOf, principalOf, type PortalApp } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import type { KnownPeople } from "#directory";
import { Refusal } from "#errors";
import { appendOnce } from "#evidence";
import { checkTrunkSettings, unstorableTexts } from "#tenants";
import { listInvitations, readTrace } from "./invitations.ts";
import { trySettings } from "./try-settings.ts";
import { invalid, trunkTag, type Act, type TrunkStore } from "./trunk-store.ts";

export interface TrunkRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly trunks: TrunkStore;
  /** The tenant's people as calls are matched with; null while they are not known. */
  readonly peopleOf: (tenantId: string) => KnownPeople | null | Promise<KnownPeople | null>;
}

const tags = ["trunks"];
const access = { permission: "tenant.manage" } as const;
const Params = Type.Object({ id: TrunkId });
/** Twenty chains of certificates. */
const bodyLimit = 1024 * 1024;
const ifMatch = Type.Object({ "if-match": Type.Optional(Type.String({ maxLength: 500, description: "The `ETag` of what was changed; 412 when somebody else has changed it since." })) });

export function trunkRoutes({ db, clock, nodeId, trunks, peopleOf }: TrunkRoutesOptions) {
  const actOf = (request: FastifyRequest): Act => {
    const principal = principalOf(request);
    return { tenantId: principal.tenantId, by: actorOf(principal), remoteAddress: request.ip };
  };

  return (app: PortalApp): void => {
    app.get(
      "/api/v1/trunks",
      { config: { access }, schema: { summary: "List trunks", description: "All of the tenant's, by name.", tags, response: { 200: TrunkPage } } },
      async (request) => ({ trunks: await trunks.list(actOf(request)), takesTls: trunks.takesTls }),
    );

    app.post(
      "/api/v1/trunks",
      { bodyLimit, config: { access }, schema: { summary: "Set up a trunk", description: "Its recording address and a place for its invitations are there at once. The answer's `ETag` names what it is now.", tags, body: TrunkSettings, response: { 201: Trunk } } },
      async (request, reply) => {
        const trunk = await trunks.create(actOf(request), request.body);
        return await reply.code(201).header("location", `/api/v1/trunks/${trunk.id}`).header("etag", trunkTag(trunk)).send(trunk);
      },
    );

    app.get(
      "/api/v1/trunks/:id",
      { config: { access }, schema: { summary: "One trunk", description: "Its `ETag` goes into `If-Match` of a change.", tags, params: Params, response: { 200: Trunk } } },
      async (request, reply) => {
        const trunk = await trunks.get(actOf(request), request.params.id);
        return await reply.header("etag", trunkTag(trunk)).send(trunk);
      },
    );

    app.put(
      "/api/v1/trunks/:id",
      { bodyLimit, config: { access }, schema: { summary: "Change a trunk", description: "The whole of its settings. Calls are taken by them within a second.", tags, params: Params, headers: ifMatch, body: TrunkSettings, response: { 200: Trunk } } },
      async (request, reply) => {
        const trunk = await trunks.change(actOf(request), request.params.id, request.body, request.headers["if-match"]);
        return await reply.header("etag", trunkTag(trunk)).send(trunk);
      },
    );

    app.delete(
      "/api/v1/trunks/:id",
      { config: { access }, schema: { summary: "Remove a trunk", description: "Its recordings stay; its calls are refused from now on.", tags, params: Params, response: { 204: Type.Null() } } },
      async (request, reply) => {
        await trunks.remove(actOf(request), request.params.id);
        return await reply.code(204).send(null);
      },
    );

    app.post(
      "/api/v1/trunks/:id/networks",
      {
        config: { access },
        schema: {
          summary: "Allow an address",
          description: "Adds an address or network to those that the trunk's calls may come from.",
          tags,
          params: Params,
          body: Type.Object({ network: Type.String({ minLength: 1, maxLength: 64, description: "Such as `192.0.2.7` or `192.0.2.0/24`." }) }, { additionalProperties: false }),
          response: { 200: Trunk },
        },
      },
      async (request, reply) => {
        const trunk = await trunks.allow(actOf(request), request.params.id, request.body.network);
        return await reply.header("etag", trunkTag(trunk)).send(trunk);
      },
    );

    app.post(
      "/api/v1/trunks/:id/digest",
      { config: { access }, schema: { summary: "Ask the client for a password", description: "Makes user name and password for digest authentication. The password is shown in this answer and kept nowhere; one made earlier holds no longer.", tags, params: Params, response: { 200: DigestSecret } } },
      async (request, reply) => await reply.header("cache-control", "no-store").send(await trunks.setDigest(actOf(request), request.params.id)),
    );

    app.delete(
      "/api/v1/trunks/:id/digest",
      { config: { access }, schema: { summary: "Ask for no password", description: "The client is known by its address, and its certificate where the trunk asks for one.", tags, params: Params, response: { 204: Type.Null() } } },
      async (request, reply) => {
        await trunks.removeDigest(actOf(request), request.params.id);
        return await reply.code(204).send(null);
      },
    );

    app.post(
      "/api/v1/trunks/try",
      {
        bodyLimit,
        config: { access },
        schema: { summary: "Try settings on sample participants", description: "What would stand in the interaction, who it would be, and which rule says so. Nothing is saved.", tags, body: TrunkTrial, response: { 200: TrunkTrialResult } },
      },
      async (request) => {
        const { settings: draft, samples } = request.body;
        const { settings, mistakes } = checkTrunkSettings(draft);
        if (mistakes.length > 0) throw invalid(mistakes, "body.settings");
        const unreadable = unstorableTexts(samples, "samples");
        if (unreadable.length > 0) throw invalid(unreadable);
        const { tenantId } = principalOf(request);
        const people = await peopleOf(tenantId);
        if (people === null) throw new Refusal("NOT_YET_KNOWN", 503, "This node does not know the tenant's people yet; try again in a moment.");
        // It tells whose an address is: trying addresses is looking people up.
        await withTenant(db, tenantId, (tx) => appendOnce(tx, { ...originOf(request, { clock, nodeId }), action: "Search", item: "User", detail: { with: "sample addresses" } }));
        return trySettings(people, settings, samples);
      },
    );

    app.get(
      "/api/v1/trunks/invitations",
      {
        config: { access },
        schema: {
          summary: "List invitations",
          description: "What came from the tenant's clients and what was answered, newest first: the last 200 of each trunk, and the last 500 that could be given to none.",
          tags,
          querystring: Type.Object({
            trunk: Type.Optional(Type.String({ pattern: "^([0-9a-fA-F-]{36}|none)$", description: "Id of a trunk; `none`: those that could be given to none." })),
            outcome: Type.Optional(Type.Array(Type.Enum(invitationOutcomes), { maxItems: invitationOutcomes.length, description: "Only those that became this: `recorded`; `ignored`, nobody in the call was to be recorded; `refused`. May be repeated." })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "How many at most." })),
            after: Type.Optional(Type.String({ format: "uuid", description: "Id of the last one of the page before." })),
          }),
          response: { 200: InvitationPage },
        },
      },
      async (request) => {
        const { trunk, outcome: outcomes = [], limit = 50, after } = request.query;
        if (trunk !== undefined && trunk !== "none" && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(trunk)) throw new Refusal("VALIDATION", 400, "`trunk` is the id of no trunk.", [{ where: "query.trunk", message: "is the id of no trunk" }]);
        return { invitations: await listInvitations(db, principalOf(request).tenantId, originOf(request, { clock, nodeId }), { trunk, outcomes, limit, after }) };
      },
    );

    app.get(
      "/api/v1/trunks/invitations/:id/trace",
      {
        config: { access, produces: ["text/plain"] },
        schema: { summary: "SIP messages of an invitation", description: "As they were on the wire, keys and credentials masked. They name who called whom.", tags, params: Type.Object({ id: Type.String({ format: "uuid" }) }) },
      },
      async (request, reply) => {
        const { text, fileName } = await readTrace(db, principalOf(request).tenantId, originOf(request, { clock, nodeId }), request.params.id);
        return await reply.type("text/plain; charset=utf-8").header("cache-control", "no-store").header("content-disposition", `attachment; filename="${fileName}"`).send(text);
      },
    );
  };
}
