// npm start: sets up what is missing, starts the platform, and beside it the sandbox unless told otherwise.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { buildPortal, dataDir, fail, install, modernNode, projectDir, run, say } from "./bootstrap.mjs";
import { nodeFlags } from "./node-flags.mjs";

const known = ["--no-sandbox", "--verbose", "--help"];
const flags = process.argv.slice(2);
const strange = flags.filter((flag) => !known.includes(flag));
if (strange.length > 0) fail(`npm start does not know ${strange.join(" ")}. It knows: ${known.join(" ")}`);
if (flags.includes("--help")) {
  console.log(`npm start [-- FLAG …]

  --no-sandbox  start clean: no sandbox tenant, no sandbox sign-in, no sandbox calls
  --verbose     write the server's log to this terminal instead of a file

Everything else is set in the environment: docs/configuration.md lists every key.`);
  process.exit(0);
}
const sandbox = !flags.includes("--no-sandbox");
const verbose = flags.includes("--verbose") || !sandbox;

install();
const node = modernNode();
buildPortal(node);

// Journals and pieces are synced by the threads of Node's pool; four are too few for disk and keys at once.
const env = { UV_THREADPOOL_SIZE: "8", ...process.env, NODE_ENV: "production" };
const httpPort = Number(env.EARWITNESS_HTTP_PORT || 8080);
const publicUrl = env.EARWITNESS_PUBLIC_URL || `http://localhost:${httpPort}`;
// A port that cannot be is the server's to refuse, in one list with every other mistake; nothing is derived from it here.
const portCanBe = Number.isInteger(httpPort) && httpPort > 0 && httpPort < 65_535;
const data = dataDir();
makeDirectory(data);
if (!sandbox) delete env.EARWITNESS_SANDBOX;
if (sandbox) {
  const own = ["EARWITNESS_PROVISION_FILE", "EARWITNESS_OIDC_ISSUER", "EARWITNESS_OIDC_CLIENT_ID", "EARWITNESS_OIDC_CLIENT_SECRET", "EARWITNESS_OIDC_TENANT", "EARWITNESS_GRAPH_URL", "EARWITNESS_MICROSOFT_LOGIN_URL"].filter((key) => env[key]);
  if (own.length > 0) fail(`${own.join(" and ")} cannot be set with the sandbox, which brings its own. Start without it: npm start -- --no-sandbox`);
  const sandboxDir = join(data, "sandbox", "contoso");
  makeDirectory(sandboxDir);
  const identityPort = Number(env.EARWITNESS_SANDBOX_PORT || httpPort + 1);
  const graphPort = Number(env.EARWITNESS_SANDBOX_GRAPH_PORT || httpPort + 2);
  const provisionFile = join(sandboxDir, "contoso.json");
  if ((await run(node, [join(projectDir, "packages/sandbox/src/provision.ts"), provisionFile, join(sandboxDir, "graph-secret")])) !== 0) fail("The sandbox's tenant could not be written.");
  Object.assign(env, {
    EARWITNESS_SANDBOX: "1",
    EARWITNESS_SANDBOX_DIR: sandboxDir,
    EARWITNESS_SANDBOX_PORT: String(identityPort),
    EARWITNESS_SANDBOX_GRAPH_PORT: String(graphPort),
    EARWITNESS_PROVISION_FILE: provisionFile,
  });
  if (portCanBe) {
    Object.assign(env, {
      EARWITNESS_OIDC_ISSUER: `http://localhost:${identityPort}`,
      EARWITNESS_OIDC_CLIENT_ID: "earwitness-portal",
      EARWITNESS_OIDC_CLIENT_SECRET: randomBytes(32).toString("base64url"),
      EARWITNESS_PUBLIC_URL: publicUrl,
      EARWITNESS_GRAPH_URL: `http://localhost:${graphPort}/v1.0`,
      EARWITNESS_MICROSOFT_LOGIN_URL: `http://localhost:${graphPort}`,
    });
  }
}

const children = new Set();
let stopping = false;

function makeDirectory(path) {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    fail(`${path} cannot be made: ${error.message}. Set EARWITNESS_DATA_DIR to a directory that this user may write to.`);
  }
}

function start(name, file, stdio) {
  const child = spawn(node, [...nodeFlags, join(projectDir, file)], { cwd: projectDir, env, stdio: [...stdio, "ipc"] });
  children.add(child);
  child.on("exit", (code, signal) => {
    children.delete(child);
    if (!stopping) {
      say(`The ${name} stopped (${signal ?? `exit code ${code}`}).`);
      stop(code ?? 1);
    } else if (children.size === 0) {
      say("Stopped.");
      process.exit(exitCode);
    }
  });
  return child;
}

let exitCode = 0;
function stop(code) {
  if (stopping) return;
  stopping = true;
  exitCode = code;
  if (children.size === 0) process.exit(code);
  // No new calls; then the sandbox, whose phones hang up; then the platform that recorded them.
  if (server.connected) server.send({ kind: "drain" });
  const ordered = [...children].toReversed();
  ordered.forEach((child, index) => setTimeout(() => child.kill("SIGTERM"), index * 1_500));
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(0));

let logFile = null;
const server = start("server", "packages/server/src/main.ts", verbose ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "inherit"]);
if (!verbose) {
  makeDirectory(join(data, "logs"));
  logFile = join(data, "logs/server.log");
  server.stdout.pipe(createWriteStream(logFile, { flags: "a", mode: 0o600 }));
}

server.on("message", (message) => {
  if (message?.kind !== "ready") return;
  if (sandbox) {
    const office = start("sandbox", "packages/sandbox/src/main.ts", ["ignore", "inherit", "inherit"]);
    office.on("message", (note) => note?.kind === "ready" && welcome(message));
  } else welcome(message);
});

function welcome({ sipPort, databaseAway }) {
  const lines = [
    "",
    `  Earwitness is ready:  ${publicUrl}`,
    "",
    ...(sandbox
      ? [
          "  SANDBOX: a made-up company, Contoso, whose phones are talking on this machine only.",
          "  Sign in:  open the address, choose “Sign in”, pick MOD Administrator. There is no password.",
          "  A call of your own:  npm run call -- --help",
          "  Without the sandbox:  npm start -- --no-sandbox",
        ]
      : [
          env.EARWITNESS_OIDC_ISSUER ? "  Sign in:  open the address; your identity provider takes over." : "  Sign in:  set EARWITNESS_OIDC_ISSUER and EARWITNESS_OIDC_CLIENT_ID, or make an administrator: earwitness admin enroll (docs/operate/sign-in.md).",
          "  First tenant:  npm run -s earwitness -- tenant create --help",
        ]),
    ...(databaseAway ? ["", `  The database cannot be reached (${databaseAway}).`, "  Calls are recorded; nobody can sign in until it is there."] : []),
    "",
    `  SIP (UDP and TCP):  port ${sipPort}`,
    `  Data:  ${sandbox ? join(data, "sandbox") : data}`,
    ...(logFile === null ? [] : [`  Log:   ${logFile}`]),
    "",
    "  Stop with Ctrl-C.",
    "",
  ];
  console.log(lines.join("\n"));
}
