// Runs one of the project's TypeScript programs: node scripts/run.mjs FILE [ARGUMENT …]
import { install, modernNode, projectDir, run } from "./bootstrap.mjs";
import { join } from "node:path";

const [file, ...args] = process.argv.slice(2);
install();
process.exit(await run(modernNode(), [join(projectDir, file), ...args], { cwd: process.cwd() }));
