// What every command needs first, in plain JavaScript that Node 20 runs: the packages, and the Node that comes with them.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export const projectDir = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const stampFile = join(projectDir, "node_modules/.earwitness-installed");
const oldestNode = [22, 18];

/** TypeScript is stripped and compiled once, not by every process and thread again: quicker, and why else: docs/decisions/0019. */
process.env.NODE_COMPILE_CACHE ??= join(projectDir, "node_modules/.cache/compiled");

/** Installs the packages when they are missing or the lock file has changed. Needs nothing but Node and npm. */
export function install() {
  const wanted = createHash("sha256").update(readFileSync(join(projectDir, "package-lock.json"))).digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return;
  say("Installing packages; this takes a minute or two, once …");
  const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: projectDir, stdio: ["ignore", "inherit", "inherit"] });
  if (npm.status !== 0) fail("npm could not install the packages; what it said stands above. The npm registry must be reachable for the first start.");
  writeFileSync(stampFile, wanted);
}

/** The Node to run with: the one among the packages, else the caller's own if it is new enough. */
export function modernNode() {
  const bundled = join(projectDir, "node_modules/.bin/node");
  for (const candidate of [bundled, process.execPath]) {
    if (!existsSync(candidate)) continue;
    const version = spawnSync(candidate, ["-p", "process.versions.node"], { encoding: "utf8" }).stdout?.trim() ?? "";
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return candidate;
  }
  return fail(`Earwitness needs Node ${oldestNode.join(".")} or newer here: for this machine (${process.platform} ${process.arch}) none comes with the packages. Install one and start again.`);
}

/** Builds the portal's pages, and the one that goes into evidence bundles, when their sources have changed. */
export function buildPortal(node) {
  buildPages(node, "The portal", "web", ["packages/contract/src", "packages/evidence-page/src", "packages/media/src", "packages/verify/src"]);
  buildEvidencePage(node);
}

export function buildEvidencePage(node) {
  buildPages(node, "The page of evidence bundles", "evidence-page", ["packages/media/src", "packages/verify/src"]);
}

function buildPages(node, what, name, uses) {
  const own = `packages/${name}`;
  const dist = join(projectDir, own, "dist");
  const stamp = join(dist, ".built-from");
  const wanted = hashOf([`${own}/src`, `${own}/public`, `${own}/index.html`, `${own}/vite.config.ts`, ...uses, "package-lock.json"]);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  say(`Building: ${what} …`);
  const vite = spawnSync(node, [join(projectDir, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn"], { cwd: join(projectDir, own), env: { ...process.env, NODE_ENV: "production" }, encoding: "utf8" });
  if (vite.status !== 0) fail(`${what} could not be built:\n${vite.stdout}${vite.stderr}`);
  mkdirSync(dist, { recursive: true });
  writeFileSync(stamp, wanted);
}

function hashOf(paths) {
  const hash = createHash("sha256");
  const walk = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) walk(join(path, name));
    else hash.update(path).update("\0").update(readFileSync(path));
  };
  for (const path of paths) walk(join(projectDir, path));
  return hash.digest("hex");
}

/** Runs a command to its end; answers its exit code. Signals go on to it. */
export function run(command, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: projectDir, stdio: "inherit", ...options });
    const forward = (signal) => child.kill(signal);
    process.on("SIGINT", forward).on("SIGTERM", forward);
    child.on("error", (error) => {
      console.error(error.message);
      done(127);
    });
    child.on("exit", (code, signal) => {
      process.off("SIGINT", forward).off("SIGTERM", forward);
      done(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

/** The same rule as the server's configuration. */
export function dataDir(env = process.env) {
  const set = env.EARWITNESS_DATA_DIR;
  if (set) return resolve(set.replace(/^~(?=\/|$)/, homedir()));
  return process.getuid?.() === 0 ? "/var/lib/earwitness" : join(projectDir, "data");
}

export function say(text) {
  console.error(text);
}

export function fail(text) {
  console.error(text);
  process.exit(1);
}
