/** docs/access-matrix.md: which right each route needs, and which roles have it. Out of the API's description, so that no route is missing. */
import { permissionWords, type GivenPermission } from "@earwitness/contract";
import { rolesGive } from "#access";

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary: string; readonly "x-permission"?: string; readonly security?: readonly unknown[] }>>>>;
}

const roles = Object.entries(rolesGive);

export function describeAccess(openApi: string): string {
  const { paths } = JSON.parse(openApi) as Described;
  const routes = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, ...operation })));
  const rows = routes.map(({ route, summary, "x-permission": permission, security }) => {
    const isPublic = permission === undefined && (security === undefined || security.length === 0);
    const right = permission === undefined ? (isPublic ? "anybody" : "signed in") : `\`${permission}\``;
    const marks = roles.map(([, { permissions, portal }]) => (isPublic ? "yes" : permission === undefined ? (portal ? "yes" : "") : permissions.some((one) => one === permission) ? "yes" : ""));
    return `| \`${route}\` | ${summary} | ${right} | ${marks.join(" | ")} |`;
  });
  const given = (Object.entries(permissionWords) as [GivenPermission, { label: string }][]).map(([permission, { label }]) => `| \`${permission}\` | ${label} | ${roles.map(([, { permissions }]) => (permissions.some((one) => one === permission) ? "yes" : "")).join(" | ")} |`);
  const head = (columns: readonly string[]) => `| ${columns.join(" | ")} |\n| ${columns.map(() => "---").join(" | ")} |`;
  const names = roles.map(([name]) => name);
  return `# Routes, rights and roles

Generated from the routes and from \`packages/server/src/access/permissions.ts\` by \`npm run generate\`; do not edit. What a role lacks an access profile may add; a right holds for the calls that somebody may see, and for no others. Whoever has no role that opens the portal is let in as soon as a profile gives them something.

## Rights

\`interaction.list\`, rows and details of calls, comes with every level but “No Call Access”.

${head(["right", "in the form", ...names])}
${given.join("\n")}

## Routes

${head(["route", "what it does", "right", ...names])}
${rows.join("\n")}
`;
}

export const accessMatrixFile = "docs/access-matrix.md";
