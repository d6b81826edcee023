// Writes every generated file: packages/contract/openapi.json, docs/configuration.md, docs/torture.md, docs/access-matrix.md, docs/coverage.md.
import { join } from "node:path";
import { install, modernNode, projectDir, run } from "./bootstrap.mjs";

install();
const node = modernNode();
for (const file of ["packages/server/src/generate.ts", "scripts/coverage.mjs"]) {
  const code = await run(node, ["--disable-warning=ExperimentalWarning", join(projectDir, file)]);
  if (code !== 0) process.exit(code);
}
