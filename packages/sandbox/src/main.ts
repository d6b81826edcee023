import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { contosoApp, contosoItApp } from "./contoso.ts";
import { createContosoDirectory } from "./graph/contoso-directory.ts";
import { createGraph } from "./graph/server.ts";
import { createIdentity } from "./identity/provider.ts";
import { createOffice } from "./office.ts";

/** The sandbox as a process beside the server: Contoso's sign-in, its Microsoft 365 directory, and phones that ring. Says nothing while all is well. */

const problem = (text: string): void => void writeSync(2, `sandbox: ${text}\n`);

function port(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  if (Number.isInteger(value) && value >= 0 && value < 65_536) return value;
  problem(`${name} has to be a port number`);
  process.exit(2);
}

const calls = Number(process.env["EARWITNESS_SANDBOX_CALLS"] ?? 3);
if (!Number.isInteger(calls) || calls < 0 || calls > 8) {
  problem("EARWITNESS_SANDBOX_CALLS has to be a number from 0 to 8");
  process.exit(2);
}

const identity = await createIdentity({
  port: port("EARWITNESS_SANDBOX_PORT", 8090),
  publicUrl: process.env["EARWITNESS_PUBLIC_URL"] ?? "http://localhost:8080",
  directory: process.env["EARWITNESS_SANDBOX_DIR"] ?? "data/sandbox",
  // Without a secret from whoever starts us nobody can redeem a code, which is the right thing then.
  clientSecret: process.env["EARWITNESS_OIDC_CLIENT_SECRET"] ?? randomBytes(32).toString("base64url"),
  problem,
}).catch((error: unknown) => {
  problem(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
const graph = await createGraph({ port: port("EARWITNESS_SANDBOX_GRAPH_PORT", 8091), directory: createContosoDirectory(), apps: [contosoApp, contosoItApp], problem }).catch((error: unknown) => {
  problem(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
const office = calls === 0 ? null : await createOffice({ server: { host: "127.0.0.1", port: port("EARWITNESS_SIP_PORT", 5060) }, calls, problem });

process.send?.({ kind: "ready" });

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await Promise.all([office?.close(), graph.close(), identity.close()]);
  process.exit(0);
}
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
// Whoever started us is gone; nobody would ever stop us otherwise.
process.on("disconnect", () => void stop());
