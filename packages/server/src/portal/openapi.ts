import { STATUS_CODES } from "node:http";
import type { RouteOptions } from "fastify";
import { Problem } from "@earwitness/contract";
import type { RouteAccess } from "#access";
import { isOfApi } from "./not-found.ts";

/** As much of a route as the description needs. */
export type DescribedRoute = Pick<RouteOptions, "method" | "url" | "schema" | "config">;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const description = [
  "Recorded calls of one tenant: find them, listen to them, follow them live, prove them.",
  "All times are UTC with milliseconds; what ends in `Ms` is milliseconds. Errors are problem details (RFC 9457).",
  "Every request acts within the tenant of its API key or session; ids of other tenants are not found.",
].join(" ");

/** The OpenAPI 3.1 document of the routes as they were registered: what is not declared is not described, and not served. */
export function describeRoutes(routes: readonly DescribedRoute[], version: string): JsonObject {
  const schemas: JsonObject = {};
  const paths: { [path: string]: JsonObject } = {};
  for (const route of routes.toSorted((a, b) => (a.url < b.url ? -1 : a.url > b.url ? 1 : 0))) {
    if (!isOfApi(route.url)) continue;
    const path = route.url.replace(/:(\w+)/g, "{$1}").replace(/\*$/, "{path}");
    for (const method of [route.method].flat()) {
      if (method === "HEAD" && [route.method].flat().includes("GET")) continue; // goes without saying
      (paths[path] ??= {})[method.toLowerCase()] = operation(route, schemas);
    }
  }
  refer(Problem as unknown as Json, schemas);
  return {
    openapi: "3.1.0",
    info: { title: "Earwitness", version, description, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: sortKeys(schemas),
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: "An API key, made with `earwitness api-key create`." },
        session: { type: "apiKey", in: "cookie", name: "__Host-earwitness", description: "The portal's own session, by signing in. Without TLS the name is `earwitness`." },
      },
    },
  };
}

/** The document as it is committed. */
export function formatOpenApi(document: JsonObject): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

function operation({ schema = {}, config, url, method }: DescribedRoute, schemas: JsonObject): JsonObject {
  const access = config?.access as RouteAccess;
  const { summary, description: text, tags, params, querystring, headers, body, response } = schema as {
    summary?: string;
    description?: string;
    tags?: readonly string[];
    params?: JsonObject;
    querystring?: JsonObject;
    headers?: JsonObject;
    body?: Json;
    response?: { [status: string]: Json };
  };
  if (summary === undefined) throw new Error(`${String(method)} ${url} has no summary`);
  const permission = typeof access === "object" ? access.permission : null;
  return {
    summary,
    ...(text === undefined ? {} : { description: text }),
    ...(tags === undefined ? {} : { tags: [...tags] }),
    ...(permission === null ? {} : { "x-permission": permission }),
    security: access === "public" ? [] : [{ apiKey: [] }, { session: [] }],
    parameters: [...parameters("path", params, schemas), ...parameters("query", querystring, schemas), ...parameters("header", headers, schemas)],
    ...(config?.consumes === undefined ? {} : { requestBody: { required: true, content: Object.fromEntries(config.consumes.map((type) => [type, {}])) } }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { "application/json": { schema: refer(body, schemas) } } } }),
    responses: { ...answers(response, config?.produces, schemas), default: { description: "Refused or failed.", content: { "application/problem+json": { schema: refer(Problem as unknown as Json, schemas) } } } },
  };
}

function parameters(place: "path" | "query" | "header", schema: JsonObject | undefined, schemas: JsonObject): Json[] {
  const properties = (schema?.["properties"] ?? {}) as JsonObject;
  const required = (schema?.["required"] ?? []) as string[];
  return Object.entries(properties).map(([name, property]) => {
    const { description: text, ...rest } = property as JsonObject;
    return {
      name: name === "*" ? "path" : name, // the rest of an address
      in: place,
      required: place === "path" || required.includes(name),
      ...(text === undefined ? {} : { description: text }),
      schema: refer(rest, schemas),
    };
  });
}

function answers(response: { [status: string]: Json } | undefined, produces: readonly string[] | undefined, schemas: JsonObject): JsonObject {
  const described: JsonObject = {};
  for (const [status, schema] of Object.entries(response ?? {})) {
    const isEmpty = (schema as JsonObject)["type"] === "null";
    described[status] = {
      description: STATUS_CODES[status] ?? status,
      ...(isEmpty ? {} : { content: { "application/json": { schema: refer(schema, schemas) } } }),
    };
  }
  if (produces !== undefined) {
    described["200"] = { description: "OK", content: Object.fromEntries(produces.map((type) => [type, {}])) };
    if (produces.some((type) => type.startsWith("audio/"))) described["206"] = { description: "The range asked for.", content: Object.fromEntries(produces.map((type) => [type, {}])) };
  }
  return described;
}

/** Schemas with a title become components; tuples are written as JSON Schema 2020-12 wants them. */
function refer(schema: Json, schemas: JsonObject): Json {
  if (Array.isArray(schema)) return schema.map((item) => refer(item, schemas));
  if (schema === null || typeof schema !== "object") return schema;
  const { title } = schema;
  const copied: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "items" && Array.isArray(value)) copied["prefixItems"] = refer(value, schemas);
    else if (key === "additionalItems") copied["items"] = value;
    else copied[key] = key === "properties" ? mapValues(value as JsonObject, (property) => refer(property, schemas)) : refer(value, schemas);
  }
  if (typeof title !== "string") return copied;
  schemas[title] = copied;
  return { $ref: `#/components/schemas/${title}` };
}

function mapValues(record: JsonObject, map: (value: Json) => Json): JsonObject {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function sortKeys(record: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
