// npm test: sets up what is missing and runs everything: types, lint, doors, units, database suites on the embedded engine
// and on a real PostgreSQL server, calls over real SIP and RTP, and the browser. Ends with one line of counts.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildPortal, fail, install, modernNode, projectDir, run, say } from "./bootstrap.mjs";
import { startPostgres } from "./test-postgres.mjs";

const only = process.argv.slice(2); // kinds to run: types lint unit database calls browser; none = all
const wants = (kind) => only.length === 0 || only.includes(kind);
const requireAll = process.env.EARWITNESS_REQUIRE_ALL === "1";

/** Files of calls that mostly wait for what is said in real time, and ask of nothing how fast it is: two of them run at once. */
const together = ["at-rest", "backup", "database-away", "fsck", "keys-lost", "no-sandbox", "two-nodes"];

/** Tools of Debian that some tests need: command, package, what needs it. */
const tools = [
  { name: "sipp", packages: ["sip-tester"], present: () => onPath("sipp"), needs: "calls placed by a foreign SIP client" },
  { name: "baresip", packages: ["baresip-core"], present: () => onPath("baresip"), needs: "SIP over TLS by a foreign client" },
  { name: "ffmpeg", packages: ["ffmpeg"], present: () => onPath("ffmpeg"), needs: "media sent and decoded by a foreign program" },
  { name: "GStreamer with SRTP", packages: ["gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good", "gstreamer1.0-plugins-bad"], present: () => onPath("gst-launch-1.0") && spawnSync("gst-inspect-1.0", ["srtpenc"]).status === 0, needs: "SRTP by a foreign program (libsrtp), GCM and MKI too" },
  { name: "Chromium", packages: ["chromium"], present: () => onPath("chromium"), needs: "browser tests" },
  { name: "age", packages: ["age"], present: () => onPath("age"), needs: "keys in escrow, opened by a foreign program" },
  { name: "openssl", packages: ["openssl"], present: () => onPath("openssl"), needs: "timestamps by a real authority" },
  { name: "Go with its sumdb packages", packages: ["golang-go", "golang-golang-x-mod-dev"], present: () => onPath("go") && existsSync("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog"), needs: "the log checked by a verifier that we did not write" },
  { name: "faketime", packages: ["faketime"], present: () => onPath("faketime"), needs: "clocks that jump in mid-call" },
  { name: "PostgreSQL server", packages: ["postgresql"], present: () => postgresBin() !== null, needs: "database suites on a real server" },
];

// Debian's tools come while packages of npm are installed and types are checked.
const arriving = installTools();
install();
const node = modernNode();
process.env.PATH = `${join(projectDir, "node_modules/.bin")}:${process.env.PATH}`;
const notRun = [];
const notRight = []; // what the end of the output says again, for whoever sees no more than that
const counts = [];
let failed = 0;

if (wants("types")) await check("types", [join(projectDir, "node_modules/.bin/tsc"), "-p", "."], [join(projectDir, "node_modules/.bin/tsc"), "-p", "packages/web"], [join(projectDir, "node_modules/.bin/tsc"), "-p", "packages/evidence-page"], [join(projectDir, "node_modules/.bin/tsc"), "-p", "tests/browser"]);
if (wants("lint")) await check("lint", [node, join(projectDir, "node_modules/oxlint/bin/oxlint"), "--deny-warnings"], [node, "scripts/coverage.mjs", "--check"]);
const missing = await arriving;
if (wants("unit")) await suite("unit", "unit", {}, ["--maxWorkers=3"]); // more than cores: audio that is spoken, and servers that begin, are mostly waited for
if (wants("database")) {
  await suite("database", "database (embedded PostgreSQL 18)");
  const bin = postgresBin();
  if (bin === null) skip("database (real PostgreSQL)", "no PostgreSQL server");
  else {
    const server = await startPostgres(bin);
    try {
      // Not again: the command line as a process, the walk over all routes, providers and passwords, an import of thousands, and the check of an
      // installation, which are slow by themselves. They ask of a database only what other files ask of this one too.
      await suite("database", `database (PostgreSQL ${server.version})`, { EARWITNESS_TEST_DB_URL: server.url }, ["portal/control", "fsck/*", "people/people", "audit/as-of", "portal/evidence-walk", "portal/odd-requests", "access/hostile-provider", "access/local-accounts"].map((name) => `--exclude=**/${name}.db.test.ts`));
    } finally {
      await server.stop();
    }
  }
}
if (wants("calls") || wants("browser")) buildPortal(node);
if (wants("calls")) {
  if (missing.some((tool) => tool.name === "sipp" || tool.name === "ffmpeg")) skip("calls", "no sipp or ffmpeg");
  else {
    await suite("calls", "calls (SIP, RTP, whole platform)", {}, together.map((name) => `--exclude=**/calls/${name}.test.ts`));
    await suite("calls", "calls (two files at a time)", {}, ["--fileParallelism", "--maxWorkers=2", ...together.map((name) => `tests/calls/${name}.test.ts`)]);
  }
}
if (wants("browser")) {
  if (missing.some((tool) => tool.name === "Chromium")) skip("browser", "no Chromium");
  else await suite("browser", "browser");
}

if (notRight.length > 0) console.log(`\nFailed, unfinished or skipped\n${notRight.map((one) => `  ${one}`).join("\n")}`);
const passed = counts.reduce((sum, count) => sum + count.passed, 0);
console.log("\nTests by kind");
for (const count of counts) console.log(`  ${count.name.padEnd(40)} ${String(count.passed).padStart(5)} passed  ${String(count.failed).padStart(3)} failed${count.skipped > 0 ? `  ${count.skipped} skipped` : ""}  ${(count.ms / 1000).toFixed(0)} s`);
for (const { name, why } of notRun) console.log(`  ${name.padEnd(40)}       not run: ${why}`);
const skipped = counts.reduce((sum, count) => sum + count.skipped, 0);
if (skipped > 0) notRun.push({ name: `${skipped} skipped tests`, why: "a tool they need is missing; they say which" });
console.log(`${passed} passed, ${failed} failed`);
if (notRun.length > 0) console.log(`INCOMPLETE: ${notRun.length} not run (${notRun.map(({ name, why }) => `${name}: ${why}`).join("; ")})`);
process.exit(failed > 0 || (requireAll && notRun.length > 0) ? 1 : 0);

/** Commands that pass or fail as a whole; each counts as one. */
async function check(name, ...commands) {
  say(`\n== ${name}`);
  const started = Date.now();
  let bad = 0;
  for (const [command, ...args] of commands) {
    if ((await run(command, args)) === 0) continue;
    bad += 1;
    notRight.push(`${name}: ${args.join(" ")}`);
  }
  failed += bad;
  counts.push({ name, passed: commands.length - bad, failed: bad, skipped: 0, ms: Date.now() - started });
}

async function suite(project, name, env = {}, flags = []) {
  say(`\n== ${name}`);
  const started = Date.now();
  const results = join(projectDir, `test-results/${name.replace(/\W+/g, "-")}.json`);
  mkdirSync(join(projectDir, "test-results"), { recursive: true });
  rmSync(results, { force: true });
  const code = await run(node, ["--disable-warning=ExperimentalWarning", join(projectDir, "node_modules/vitest/vitest.mjs"), "run", `--project=${project}`, "--reporter=default", `--reporter=${join(projectDir, "scripts/tally.mjs")}`, ...flags], {
    env: { ...process.env, ...env, EARWITNESS_TEST_TALLY: results },
  });
  const tally = existsSync(results) ? JSON.parse(readFileSync(results, "utf8")) : { passed: 0, failed: [], unfinished: [], skipped: [], errors: ["    It ended before it could say what it had done."] };
  const wrong = [...tally.failed, ...tally.unfinished.map((test) => `did not end: ${test}`), ...tally.errors.map((error) => `outside of a test:\n${error}`)];
  if (wrong.length === 0 && (code !== 0 || tally.passed === 0)) wrong.push(`ended with ${code}, and ${tally.passed} tests had passed`);
  failed += wrong.length;
  for (const one of wrong) notRight.push(`${name}: ${one}`);
  for (const one of tally.skipped) notRight.push(`${name}: skipped: ${one}`);
  counts.push({ name, passed: tally.passed, failed: wrong.length, skipped: tally.skipped.length, ms: Date.now() - started });
}

function skip(name, why) {
  notRun.push({ name, why });
}

function onPath(command) {
  return spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
}

function postgresBin() {
  const found = spawnSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1"], { encoding: "utf8" }).stdout.trim();
  return found !== "" && existsSync(join(found, "initdb")) ? found : null;
}

async function installTools() {
  const wanted = tools.filter((tool) => !tool.present());
  const debianRoot = process.getuid?.() === 0 && existsSync("/etc/debian_version") && onPath("apt-get");
  if (wanted.length > 0 && debianRoot) {
    say(`Installing ${wanted.map((tool) => tool.name).join(", ")} with apt …`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    // One command for both, so that it goes on while npm keeps this process from looking.
    const packages = wanted.flatMap((tool) => tool.packages).join(" ");
    const apt = spawn("sh", ["-c", `apt-get update -qq; apt-get install -y -qq --no-install-recommends ${packages}`], { stdio: ["ignore", "ignore", "inherit"], env });
    await new Promise((ended) => apt.once("exit", ended).once("error", ended));
  }
  const still = tools.filter((tool) => !tool.present());
  for (const tool of still) say(`Missing: ${tool.name} (Debian: apt-get install ${tool.packages.join(" ")}). Needed for ${tool.needs}.`);
  if (still.length > 0 && requireAll) fail("EARWITNESS_REQUIRE_ALL=1: every tool must be there.");
  return still;
}
