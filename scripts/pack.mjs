// npm run pack: writes @earwitness/verify and the command line as packages of plain JavaScript that Node 20 runs, each whole in itself.
//   npm run pack [-- DIRECTORY]     where the .tgz files are to lie; the project's folder otherwise
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fail, install, modernNode, projectDir } from "./bootstrap.mjs";

install();
const node = modernNode();
const target = resolve(process.argv[2] ?? projectDir);
mkdirSync(target, { recursive: true });

const verify = stage("verify");
must(node, [join(projectDir, "node_modules/typescript/bin/tsc"), "-p", join(projectDir, "packages/verify/tsconfig.build.json")]);
describe(verify, { exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } } });
pack(verify);

// Bundled, so that an auditor installs one file and nothing else. What restores a database needs the server, and says so.
const cli = stage("cli");
const bundling = `
  import { build } from "vite";
  await build({
    configFile: false, root: ${JSON.stringify(projectDir)}, logLevel: "warn", ssr: { noExternal: true, external: ["@earwitness/server"] },
    build: { ssr: "packages/cli/src/main.ts", target: "node20", outDir: ${JSON.stringify(cli.folder)}, emptyOutDir: false, rollupOptions: { external: ["@earwitness/server/operate"], output: { entryFileNames: "earwitness.js", codeSplitting: false, banner: "#!/usr/bin/env node" } } },
  });`;
must(node, ["--input-type=module", "--eval", bundling]);
chmodSync(join(cli.folder, "earwitness.js"), 0o755);
describe(cli, { bin: { earwitness: "./earwitness.js" } });
cpSync(join(projectDir, "packages/cli/README.md"), join(cli.folder, "README.md"));
pack(cli);

function stage(name) {
  const folder = join(projectDir, "packages", name, "dist");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return { name, folder };
}

function describe({ name, folder }, more) {
  const { version, license } = JSON.parse(readFileSync(join(projectDir, "packages", name, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ name: `@earwitness/${name}`, version, license, type: "module", engines: { node: ">=20.12" }, ...more }, null, 2)}\n`);
  cpSync(join(projectDir, "LICENSE"), join(folder, "LICENSE"));
}

function pack({ folder }) {
  must("npm", ["pack", "--silent", "--pack-destination", target], folder);
}

function must(command, args, cwd = projectDir) {
  const done = spawnSync(command, args, { cwd, encoding: "utf8", env: { ...process.env, NODE_ENV: "production" } });
  if (done.status !== 0) fail(`${command} ${args[0]} failed:\n${done.stdout}${done.stderr}`);
}
