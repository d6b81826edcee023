/** Writes what is generated from our own tables: docs/configuration.md, docs/torture.md, docs/access-matrix.md and packages/contract/openapi.json. */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { keys } from "./config.ts";

const project = resolve(import.meta.dirname, "../../..");

/** Every key, what it means, and what holds without it. */
export function describeConfiguration(): string {
  const rows = Object.entries(keys).map(([key, { about, fallback }]) => `| \`${key}\` | ${about} | ${fallback} |`);
  return `# Configuration

Generated from \`packages/server/src/config.ts\` by \`npm run generate\`; do not edit. Everything is set in the environment; a key that is not known, and every value that cannot be right, is printed before anything starts.

| key | meaning | default |
| --- | --- | --- |
${rows.join("\n")}

The sandbox, which \`npm start\` runs beside the server, also reads \`EARWITNESS_SANDBOX_PORT\` (its identity provider; default: the HTTP port plus one), \`EARWITNESS_SANDBOX_GRAPH_PORT\` (its Microsoft Graph; default: the HTTP port plus two) and \`EARWITNESS_SANDBOX_CALLS\` (how many of its calls run at once; 0 for none).
`;
}

export const configurationFile = join(project, "docs/configuration.md");
export const openApiFile = join(project, "packages/contract/openapi.json");

if (import.meta.main) {
  const { describeApi } = await import("./describe-api.ts");
  const { describeTorture } = await import("../../media/src/testing/torture-verdicts.ts");
  await writeFile(configurationFile, describeConfiguration());
  await writeFile(join(project, "docs/torture.md"), describeTorture());
  const openApi = await describeApi();
  const { accessMatrixFile, describeAccess } = await import("./describe-access.ts");
  await writeFile(join(project, accessMatrixFile), describeAccess(openApi));
  if (openApi !== (await readFile(openApiFile, "utf8").catch(() => ""))) await writeFile(openApiFile, openApi);
}
