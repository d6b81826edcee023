import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { accessMatrixFile, describeAccess } from "./describe-access.ts";
import { describeApi } from "./describe-api.ts";
import { openApiFile } from "./generate.ts";

const generated = await describeApi();
const document = JSON.parse(generated);

test("PLT-20 packages/contract/openapi.json is what the routes say (npm run generate writes it)", async () => {
  expect(await readFile(openApiFile, "utf8")).toBe(generated);
});

test("ACC-01 USR-01 docs/access-matrix.md is what routes and roles say (npm run generate writes it), with no route missing", async () => {
  const matrix = describeAccess(generated);
  expect(await readFile(join(openApiFile, "../../..", accessMatrixFile), "utf8")).toBe(matrix);
  for (const [path, methods] of Object.entries<object>(document.paths)) for (const method of Object.keys(methods)) expect(matrix).toContain(`| \`${method.toUpperCase()} ${path}\` |`);
  expect(matrix).toContain("| `GET /api/v1/people` | List people | `tenant.manage` | yes |  |  |  |  |");
});

test("PLT-20 the description holds every operation with its answers, and every reference leads somewhere", () => {
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toEqual([
    "/api/v1/access-grants",
    "/api/v1/access-grants/{id}",
    "/api/v1/access-profiles",
    "/api/v1/access-profiles/{id}",
    "/api/v1/access-profiles/choices",
    "/api/v1/audit",
    "/api/v1/audit/{id}",
    "/api/v1/audit/as-of",
    "/api/v1/audit/export",
    "/api/v1/directory",
    "/api/v1/directory/groups",
    "/api/v1/directory/runs",
    "/api/v1/directory/settings",
    "/api/v1/directory/test",
    "/api/v1/enrollments/accept",
    "/api/v1/enrollments/look",
    "/api/v1/evidence-bundles",
    "/api/v1/evidence/{id}/proof",
    "/api/v1/groups",
    "/api/v1/groups/{id}",
    "/api/v1/health",
    "/api/v1/interactions",
    "/api/v1/interactions/{id}",
    "/api/v1/interactions/{id}/manifest",
    "/api/v1/interactions/{id}/media",
    "/api/v1/interactions/{id}/media/{track}",
    "/api/v1/interactions/{id}/peaks",
    "/api/v1/interactions/{id}/plays",
    "/api/v1/interactions/{id}/proof",
    "/api/v1/interactions/{id}/verifications",
    "/api/v1/live",
    "/api/v1/log",
    "/api/v1/log/checkpoints",
    "/api/v1/log/consistency",
    "/api/v1/metrics",
    "/api/v1/openapi.json",
    "/api/v1/people",
    "/api/v1/people/{id}",
    "/api/v1/people/{id}/access",
    "/api/v1/people/{id}/accounts",
    "/api/v1/people/{id}/enrollments",
    "/api/v1/people/{id}/local-account",
    "/api/v1/people/{id}/sessions",
    "/api/v1/people/{id}/sessions/{sessionId}",
    "/api/v1/people/{id}/sign-in",
    "/api/v1/people/export",
    "/api/v1/people/import",
    "/api/v1/roles",
    "/api/v1/session",
    "/api/v1/session-limits",
    "/api/v1/session/access",
    "/api/v1/sessions",
    "/api/v1/sessions/{id}",
    "/api/v1/sign-in",
    "/api/v1/sign-in/callback",
    "/api/v1/sign-in/local",
    "/api/v1/sign-in/ways",
    "/api/v1/sign-out",
    "/api/v1/trunks",
    "/api/v1/trunks/{id}",
    "/api/v1/trunks/{id}/digest",
    "/api/v1/trunks/{id}/networks",
    "/api/v1/trunks/invitations",
    "/api/v1/trunks/invitations/{id}/trace",
    "/api/v1/trunks/try",
    "/log/{tenantId}/checkpoint",
    "/log/{tenantId}/keys",
    "/log/{tenantId}/tile/{path}",
  ]);
  for (const [path, methods] of Object.entries<Record<string, { summary: string; parameters: { name: string; in: string }[]; responses: object }>>(document.paths)) {
    for (const operation of Object.values(methods)) {
      expect(operation.summary.length, path).toBeGreaterThan(5);
      expect(Object.keys(operation.responses).length, path).toBeGreaterThanOrEqual(2);
      expect(operation.parameters.filter((parameter) => parameter.in === "path").map((parameter) => `{${parameter.name}}`), path).toEqual(path.match(/\{\w+\}/g) ?? []);
    }
  }
  const references = [...generated.matchAll(/"\$ref": "#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]!);
  expect(new Set(references)).toContain("Interaction");
  for (const name of references) expect(document.components.schemas[name], name).toBeDefined();
  // JSON Schema 2020-12, on which OpenAPI 3.1 stands, has no arrays of items.
  expect(generated).not.toMatch(/"items": \[/);
  expect(document.components.schemas.Track.properties.speech.items.prefixItems).toHaveLength(2);
});

test("PLT-20 every number of the interaction says its unit", () => {
  for (const [name, schema] of Object.entries<{ properties?: Record<string, { type?: string; description?: string }> }>(document.components.schemas)) {
    for (const [property, { type, description = "" }] of Object.entries(schema.properties ?? {})) {
      if (type !== "integer") continue;
      expect(property.endsWith("Ms") || description.length > 10, `${name}.${property}`).toBe(true);
    }
  }
});
