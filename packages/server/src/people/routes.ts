import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Group, GroupPage, GroupSettings, ImportResult, Person, PersonPage, PersonSettings } from "@earwitness/contract";
import { actorOf, can, principalOf, type PortalApp } from "#access";
import { withTenant } from "#db";
import { append } from "#evidence";
import { evidenceOf, type Act, type PeopleOptions } from "./act.ts";
import { createGroupStore } from "./group-store.ts";
import { createImport } from "./import-people.ts";
import { writeCsv } from "./people-csv.ts";
import { readPeople } from "./person-rows.ts";
import { createPersonStore, personTag } from "./person-store.ts";

const access = { permission: "tenant.manage" } as const;
const Params = Type.Object({ id: Type.String({ format: "uuid" }) });
const ifMatch = Type.Object({ "if-match": Type.Optional(Type.String({ maxLength: 500, description: "The `ETag` of what was changed; 412 when somebody else has changed it since." })) });
/** 50,000 people with a few hundred characters each. */
const importBytes = 24 * 1024 * 1024;

export function peopleRoutes(options: PeopleOptions) {
  const people = createPersonStore(options);
  const groups = createGroupStore(options);
  const importPeople = createImport(options);

  const actOf = (request: FastifyRequest): Act => {
    const principal = principalOf(request);
    return { tenantId: principal.tenantId, by: actorOf(principal), mayGiveAccess: can(principal, "access.manage"), remoteAddress: request.ip };
  };

  return (app: PortalApp): void => {
    const peopleTags = ["people"];
    app.get(
      "/api/v1/people",
      {
        config: { access },
        schema: {
          summary: "List people",
          description: "By name. `q` is looked for in names, UPNs, addresses and extensions.",
          tags: peopleTags,
          querystring: Type.Object({
            q: Type.Optional(Type.String({ maxLength: 200, description: "What to look for." })),
            group: Type.Optional(Type.String({ format: "uuid", description: "Only people in this group." })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "How many at most." })),
            after: Type.Optional(Type.String({ maxLength: 2_000, description: "`next` of the page before." })),
          }),
          response: { 200: PersonPage },
        },
      },
      async (request) => await people.list(actOf(request), { ...request.query, limit: request.query.limit ?? 50 }),
    );

    app.post(
      "/api/v1/people",
      { config: { access }, schema: { summary: "Add a person", description: "Calls know them within a second. Role, managed groups, and groups that an access profile names, need the permission access.manage as well.", tags: peopleTags, body: PersonSettings, response: { 201: Person } } },
      async (request, reply) => {
        const person = await people.create(actOf(request), request.body);
        return await reply.code(201).header("location", `/api/v1/people/${person.id}`).header("etag", personTag(person)).send(person);
      },
    );

    app.get(
      "/api/v1/people/:id",
      { config: { access }, schema: { summary: "One person", description: "The `ETag` goes into `If-Match` of a change.", tags: peopleTags, params: Params, response: { 200: Person } } },
      async (request, reply) => {
        const person = await people.get(actOf(request), request.params.id);
        return await reply.header("etag", personTag(person)).send(person);
      },
    );

    app.put(
      "/api/v1/people/:id",
      { config: { access }, schema: { summary: "Change a person", description: "The whole of the settings.", tags: peopleTags, params: Params, headers: ifMatch, body: PersonSettings, response: { 200: Person } } },
      async (request, reply) => {
        const person = await people.change(actOf(request), request.params.id, request.body, request.headers["if-match"]);
        return await reply.header("etag", personTag(person)).send(person);
      },
    );

    app.delete(
      "/api/v1/people/:id",
      { config: { access }, schema: { summary: "Remove a person", description: "Out of lists and calls from now on; what was recorded of them stays.", tags: peopleTags, params: Params, response: { 204: Type.Null() } } },
      async (request, reply) => {
        await people.remove(actOf(request), request.params.id);
        return await reply.code(204).send(null);
      },
    );

    app.get(
      "/api/v1/people/export",
      { config: { access, produces: ["text/csv"] }, schema: { summary: "People as CSV", description: "Everybody, as the import takes it back. Fields that a spreadsheet would run as a formula begin with an apostrophe, which the import takes off again.", tags: peopleTags } },
      async (request, reply) => {
        const act = actOf(request);
        const csv = await withTenant(options.db, act.tenantId, async (tx) => {
          const names = new Map((await tx.selectFrom("people_groups").select(["group_id", "name"]).execute()).map(({ group_id, name }) => [group_id, name]));
          const everybody = (await readPeople(tx, null)).toSorted((a, b) => (a.settings.upn.toLowerCase() < b.settings.upn.toLowerCase() ? -1 : 1));
          await append(tx, evidenceOf(options, act, "Export", "User", null, { people: everybody.length }));
          return writeCsv(everybody, (id) => names.get(id) ?? "");
        });
        return await reply.type("text/csv; charset=utf-8").header("cache-control", "no-store").header("content-disposition", 'attachment; filename="people.csv"').send(csv);
      },
    );

    // The only route that takes CSV; what it takes is not parsed by anybody else's rules.
    void app.register(async (scope: PortalApp) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser("text/csv", { parseAs: "buffer", bodyLimit: importBytes }, (_request, body, done) => done(null, body));
      scope.post(
        "/api/v1/people/import",
        {
          bodyLimit: importBytes,
          config: { access, consumes: ["text/csv"] },
          schema: {
            summary: "Import people from CSV",
            description:
              "`text/csv` in UTF-8, comma or semicolon, at most 50,000 people. Columns by header, in any order: upn, displayName, givenName, familyName, role, recorded, addresses, extensions (each parted by spaces), groups, managedGroups (parted by `|`; groups that do not exist are made). A column that is missing leaves what it is about as it is. Whoever is not in the file stays as they are. All or nothing.",
            tags: peopleTags,
            querystring: Type.Object({ apply: Type.Optional(Type.Boolean({ default: false, description: "false: only tell what would happen." })) }),
            response: { 200: ImportResult },
          },
        },
        async (request) => await importPeople(actOf(request), Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), request.query.apply === true),
      );
    });

    const groupTags = ["groups"];
    app.get(
      "/api/v1/groups",
      { config: { access }, schema: { summary: "List groups", description: "All of the tenant's, by name.", tags: groupTags, response: { 200: GroupPage } } },
      async (request) => ({ groups: await groups.list(actOf(request)) }),
    );
    app.post(
      "/api/v1/groups",
      { config: { access }, schema: { summary: "Make a group", description: "People are put into it by their own settings, or by import.", tags: groupTags, body: GroupSettings, response: { 201: Group } } },
      async (request, reply) => {
        const group = await groups.create(actOf(request), request.body);
        return await reply.code(201).header("location", `/api/v1/groups/${group.id}`).send(group);
      },
    );
    app.get(
      "/api/v1/groups/:id",
      { config: { access }, schema: { summary: "One group", description: "With the number of its people.", tags: groupTags, params: Params, response: { 200: Group } } },
      async (request) => await groups.get(actOf(request), request.params.id),
    );
    app.put(
      "/api/v1/groups/:id",
      { config: { access }, schema: { summary: "Rename a group", description: "Its people stay in it.", tags: groupTags, params: Params, body: GroupSettings, response: { 200: Group } } },
      async (request) => await groups.rename(actOf(request), request.params.id, request.body),
    );
    app.delete(
      "/api/v1/groups/:id",
      { config: { access }, schema: { summary: "Remove a group", description: "Its people stay.", tags: groupTags, params: Params, response: { 204: Type.Null() } } },
      async (request, reply) => {
        await groups.remove(actOf(request), request.params.id);
        return await reply.code(204).send(null);
      },
    );
  };
}
