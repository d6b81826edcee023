// docs/coverage.md: which requirement is proved by which test. Read off the test titles; committed and checked.
//   node scripts/coverage.mjs           writes it
//   node scripts/coverage.mjs --check   fails when it is not what the titles say
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const file = join(root, "docs/coverage.md");
const idPattern = /\b(?:CAP|OVR|PLT|REC|ACC|INT|ACT|M365|SET|MON|USR|INS|CON)-\d{2,3}\b/g;
const titlePattern = /\b(?:test|it|describe)(?:\.(?:skipIf|runIf|each|concurrent|prop)\([^)]*\))*\(\s*(["'`])((?:\\.|(?!\1).)*)\1/gs;

const proofs = new Map();
for (const path of testFiles(join(root, "packages")).concat(testFiles(join(root, "tests"))).sort()) {
  for (const [, , title] of readFileSync(path, "utf8").matchAll(titlePattern)) {
    for (const id of new Set(title.match(idPattern) ?? [])) {
      proofs.set(id, [...(proofs.get(id) ?? []), { path: relative(root, path), title: title.replace(/\\(.)/g, "$1") }]);
    }
  }
}

const ids = [...proofs.keys()].sort((a, b) => a.split("-")[0].localeCompare(b.split("-")[0]) || Number(a.split("-")[1]) - Number(b.split("-")[1]));
const rows = ids.flatMap((id) => proofs.get(id).map(({ path, title }) => `| ${id} | [${path}](../${path}) | ${title.replaceAll("|", "\\|")} |`));
const text = `# Requirements and the tests that prove them

Generated from test titles by \`npm run coverage\`; do not edit. ${ids.length} requirements are named by ${rows.length} tests.

| id | test file | title |
| --- | --- | --- |
${rows.join("\n")}
`;

if (process.argv.includes("--check")) {
  let committed = "";
  try {
    committed = readFileSync(file, "utf8");
  } catch {
    // said below
  }
  if (committed !== text) {
    console.error("docs/coverage.md is not what the test titles say. Run: npm run coverage");
    process.exit(1);
  }
} else writeFileSync(file, text);

function testFiles(dir) {
  let entries = [];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    if (entry.name === "node_modules" || entry.name === "dist") return [];
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}
