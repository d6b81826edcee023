import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { DirectoryCredentials, DirectoryGroupChoice, DirectoryGroupsFound, DirectoryRun, DirectoryRunPage, DirectoryTrial, NewDirectorySettings, Replication } from "@earwitness/contract";
import { actorOf, principalOf, type PortalApp } from "#access";
import type { ConnectionStore } from "./connection-store.ts";
import type { Act } from "./replicating.ts";

const access = { permission: "tenant.manage" } as const;
const tags = ["directory"];

const actOf = (request: FastifyRequest): Act => {
  const principal = principalOf(request);
  return { tenantId: principal.tenantId, by: actorOf(principal), remoteAddress: request.ip };
};

export const replicationRoutes = (store: ConnectionStore) => (app: PortalApp): void => {
  app.get(
    "/api/v1/directory",
    { config: { access }, schema: { summary: "The Microsoft 365 directory", description: "How it is reached, which of its groups are chosen, and its newest runs. The client secret is never in it.", tags, response: { 200: Replication } } },
    async (request) => await store.get(actOf(request)),
  );
  app.put(
    "/api/v1/directory/settings",
    {
      config: { access, perMinute: 20 },
      schema: { summary: "Connect the directory", description: "The whole of the settings. New credentials are tried first; if they do not work, nothing is changed (409, with what Microsoft said). Without `clientSecret` the one that is kept stays. The first time, everything is read at once.", tags, body: NewDirectorySettings, response: { 200: Replication } },
    },
    async (request) => await store.put(actOf(request), request.body),
  );
  app.delete(
    "/api/v1/directory/settings",
    { config: { access }, schema: { summary: "Disconnect the directory", description: "The credentials are destroyed, and nothing is read any more. People and groups stay as they are.", tags, response: { 204: Type.Null() } } },
    async (request, reply) => {
      await store.remove(actOf(request));
      return await reply.code(204).send(null);
    },
  );
  app.post(
    "/api/v1/directory/test",
    { config: { access, perMinute: 20 }, schema: { summary: "Try the connection", description: "Says in words what Microsoft answers: with the credentials given, else with those that are kept. Nothing is changed.", tags, body: Type.Union([DirectoryCredentials, Type.Object({}, { additionalProperties: false })]), response: { 200: DirectoryTrial } } },
    async (request) => await store.try(actOf(request), "clientId" in request.body ? request.body : null),
  );
  app.post(
    "/api/v1/directory/runs",
    {
      config: { access },
      schema: { summary: "Read the directory now", description: "One run at a time; 409 while one is under way.", tags, body: Type.Object({ everything: Type.Optional(Type.Boolean({ default: false, description: "true: all users and chosen groups; false: what changed since the run before." })) }, { additionalProperties: false }), response: { 202: DirectoryRun } },
    },
    async (request, reply) => await reply.code(202).send(await store.run(actOf(request), request.body.everything === true)),
  );
  app.get(
    "/api/v1/directory/runs",
    {
      config: { access },
      schema: {
        summary: "List runs of the directory",
        description: "The newest first. A look that found nothing new leaves none.",
        tags,
        querystring: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "How many at most." })), before: Type.Optional(Type.String({ format: "date-time", description: "`askedAt` of the last one of the page before." })) }),
        response: { 200: DirectoryRunPage },
      },
    },
    async (request) => ({ runs: await store.runs(actOf(request), request.query.limit ?? 50, request.query.before === undefined ? undefined : new Date(request.query.before)) }),
  );
  app.get(
    "/api/v1/directory/groups",
    { config: { access, perMinute: 60 }, schema: { summary: "Search the directory's groups", description: "Up to 25 whose name has words that begin like those of `q`. Microsoft's index lags a little behind.", tags, querystring: Type.Object({ q: Type.String({ maxLength: 100, description: "Beginnings of words of its name." }) }), response: { 200: DirectoryGroupsFound } } },
    async (request) => await store.search(actOf(request), request.query.q),
  );
  app.put(
    "/api/v1/directory/groups",
    { config: { access, perMinute: 20 }, schema: { summary: "Choose groups", description: "All that are to be groups here. Whoever is in a new one, directly or through groups in it, comes within minutes and follows from then on. One that is left out stays as a group of our own, with the people in it.", tags, body: DirectoryGroupChoice, response: { 200: Replication } } },
    async (request) => await store.choose(actOf(request), request.body.objectIds),
  );
};
