/** Access profiles, roles, grants, and why somebody may. */
import { Type } from "typebox";
import { AccessChoices, AccessExplanation, AccessGrant, AccessGrantPage, AccessGrantSettings, AccessProfile, AccessProfilePage, AccessProfileSettings, RolePage } from "@earwitness/contract";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { appendOnce } from "#evidence";
import { choices } from "./choices.ts";
import { explainAccess } from "./explain.ts";
import { createGrantStore } from "./grant-store.ts";
import { originOf, principalOf, type PortalApp } from "./http.ts";
import { roleInfos } from "./permissions.ts";
import { createProfileStore, profileTag } from "./profile-store.ts";

export interface ProfileRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
}

const access = { permission: "access.manage" } as const;
const Params = Type.Object({ id: Type.String({ format: "uuid" }) });
const ifMatch = Type.Object({ "if-match": Type.Optional(Type.String({ maxLength: 500, description: "The `ETag` of what was changed; 412 when somebody else has changed it since." })) });
const Asked = Type.Object({ interaction: Type.Optional(Type.String({ maxLength: 100, description: "Id of a call: whether they see it, and by what." })) });

export function profileRoutes(options: ProfileRoutesOptions) {
  const { db, clock } = options;
  const profiles = createProfileStore(options);
  const grants = createGrantStore(options);
  const tags = ["access"];

  return (app: PortalApp): void => {
    app.get(
      "/api/v1/roles",
      { config: { access: "signed-in" }, schema: { summary: "List roles", description: "What each gives. They are the same in every tenant, and nothing changes them.", tags, response: { 200: RolePage } } },
      async () => ({ roles: roleInfos() }),
    );

    app.get(
      "/api/v1/access-profiles",
      { config: { access }, schema: { summary: "List access profiles", description: "By name, with how many people have each, and who has full access by their role.", tags, response: { 200: AccessProfilePage } } },
      async (request) => await profiles.list(principalOf(request).tenantId, originOf(request, options)),
    );
    app.post(
      "/api/v1/access-profiles",
      { config: { access }, schema: { summary: "Make an access profile", description: "Whoever it is mapped to has it from their next request on. Nobody can give themselves more than they have.", tags, body: AccessProfileSettings, response: { 201: AccessProfile } } },
      async (request, reply) => {
        const profile = await profiles.create(principalOf(request).tenantId, request.body, originOf(request, options));
        return await reply.code(201).header("location", `/api/v1/access-profiles/${profile.id}`).header("etag", profileTag(profile)).send(profile);
      },
    );
    app.get(
      "/api/v1/access-profiles/choices",
      {
        config: { access },
        schema: { summary: "Groups and people to choose from", description: "Names only: whoever gives access need not be allowed to change people.", tags, querystring: Type.Object({ q: Type.Optional(Type.String({ maxLength: 200, description: "Part of a person's name or UPN." })) }), response: { 200: AccessChoices } },
      },
      async (request) => {
        const { tenantId } = principalOf(request);
        return await withTenant(db, tenantId, async (tx) => {
          await appendOnce(tx, { ...originOf(request, options), action: "Access", item: "Directory" });
          return await choices(tx, request.query.q ?? "");
        });
      },
    );
    app.get(
      "/api/v1/access-profiles/:id",
      { config: { access }, schema: { summary: "One access profile", description: "The `ETag` goes into `If-Match` of a change.", tags, params: Params, response: { 200: AccessProfile } } },
      async (request, reply) => {
        const profile = await profiles.get(principalOf(request).tenantId, request.params.id, originOf(request, options));
        return await reply.header("etag", profileTag(profile)).send(profile);
      },
    );
    app.put(
      "/api/v1/access-profiles/:id",
      { config: { access }, schema: { summary: "Change an access profile", description: "The whole of the settings. It holds for open sessions with their next request.", tags, params: Params, headers: ifMatch, body: AccessProfileSettings, response: { 200: AccessProfile } } },
      async (request, reply) => {
        const profile = await profiles.change(principalOf(request).tenantId, request.params.id, request.body, originOf(request, options), request.headers["if-match"]);
        return await reply.header("etag", profileTag(profile)).send(profile);
      },
    );
    app.delete(
      "/api/v1/access-profiles/:id",
      { config: { access }, schema: { summary: "Remove an access profile", description: "Whoever had it loses what it gave, with their next request.", tags, params: Params, response: { 204: Type.Null() } } },
      async (request, reply) => {
        await profiles.remove(principalOf(request).tenantId, request.params.id, originOf(request, options));
        return await reply.code(204).send(null);
      },
    );

    app.get(
      "/api/v1/access-grants",
      { config: { access }, schema: { summary: "List grants", description: "Access profiles that one person has for a time; newest first, at most 1,000, those that are over too.", tags, response: { 200: AccessGrantPage } } },
      async (request) => ({ grants: await grants.list(principalOf(request).tenantId, originOf(request, options)) }),
    );
    app.post(
      "/api/v1/access-grants",
      { config: { access }, schema: { summary: "Grant an access profile for a time", description: "To one person, such as an auditor from outside, until a moment at most a year ahead.", tags, body: AccessGrantSettings, response: { 201: AccessGrant } } },
      async (request, reply) => await reply.code(201).send(await grants.create(principalOf(request).tenantId, request.body, originOf(request, options))),
    );
    app.delete(
      "/api/v1/access-grants/:id",
      { config: { access }, schema: { summary: "Take a grant back", description: "Before its time; with the person's next request.", tags, params: Params, response: { 204: Type.Null() } } },
      async (request, reply) => {
        await grants.end(principalOf(request).tenantId, request.params.id, originOf(request, options));
        return await reply.code(204).send(null);
      },
    );

    app.get(
      "/api/v1/people/:id/access",
      { config: { access }, schema: { summary: "Why may this person?", description: "Everything that they have and where it is from; what they lack, and what would give it; of one call, whether they see it.", tags, params: Params, querystring: Asked, response: { 200: AccessExplanation } } },
      async (request) => {
        const { tenantId } = principalOf(request);
        return await withTenant(db, tenantId, async (tx) => {
          const explanation = await explainAccess(tx, request.params.id, request.query.interaction ?? null, clock.now());
          await appendOnce(tx, { ...originOf(request, options), action: "View", item: "User", subject: explanation.person.id, detail: { name: explanation.person.name, part: "access" } });
          return explanation;
        });
      },
    );
    app.get(
      "/api/v1/session/access",
      { config: { access: "signed-in" }, schema: { summary: "Why may I?", description: "The same for whoever asks. A program's key has its rights from its profile alone.", tags, response: { 200: AccessExplanation } } },
      async (request) => {
        const { tenantId, personId } = principalOf(request);
        if (personId === null) throw new Refusal("NOT_A_PERSON", 409, "An API key is nobody; GET /api/v1/session says what it may do.");
        return await withTenant(db, tenantId, (tx) => explainAccess(tx, personId, null, clock.now()));
      },
    );
  };
}
