import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { createFakeRecorder, type FakeRecorder, type FakeRecorderOptions } from "./phone/fake-recorder.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).toReversed()) await each();
});

async function recorder(options?: FakeRecorderOptions): Promise<FakeRecorder> {
  const fake = await createFakeRecorder(options);
  cleanUp.push(async () => await fake.close());
  return fake;
}

function start(file: string, args: readonly string[], env: Record<string, string> = {}, ipc = false): { child: ChildProcess; output: () => string; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ipc ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
  });
  cleanUp.push(() => child.kill("SIGKILL"));
  // After `disconnect` Node gives no "close", so output is waited for a little beyond "exit".
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text, ended: new Promise((resolve) => child.once("exit", (code) => setTimeout(resolve, 50, code))) };
}

test("npm run call says its words, names the Call-ID and hangs up", async () => {
  const fake = await recorder();
  const call = start("./call.ts", ["--port", String(fake.port), "--from", "adele", "--to", "206-555-0142", "--codec", "pcma", "--say", "Hello.", "Hi!"]);
  expect(await call.ended).toBe(0);
  expect(call.output()).toContain("Adele Vance <sip:adelev@contoso.example>  calls  Debra Berger <tel:+12065550142>");
  expect(call.output()).toContain(`Call-ID ${fake.requests[0]?.headers.get("Call-ID")}`);
  expect(call.output()).toMatch(/Hung up after \d\.\d s/);
  expect(fake.count("BYE")).toBe(1);
  for (const label of ["1", "2"]) expect((fake.audio.get(label) ?? []).some(({ packet }) => packet.payloadType === 8 && packet.payload.some((byte) => byte !== 0xd5))).toBe(true);
}, 20_000);

test("npm run call ends with a code that says what went wrong", async () => {
  const busy = await recorder({ before: (request) => (request.method === "INVITE" ? { status: 503, reason: "Draining", headers: [["Retry-After", "7"]] } : null) });
  const refused = start("./call.ts", ["--port", String(busy.port), "--tone", "--duration", "1"]);
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toContain("503 Draining (come again in 7 s)");
  for (const wrong of [["--from", "nobody"], ["--from", "adele", "--to", "Adele Vance"], ["--script", "none"], ["--frequency", "1"]]) expect(await start("./call.ts", wrong).ended).toBe(2);
  const gone = await createFakeRecorder();
  await gone.close();
  const alone = start("./call.ts", ["--port", String(gone.port), "--transport", "tcp", "--tone", "--duration", "1"]);
  expect(await alone.ended).toBe(3);
  expect(alone.output()).toContain("Nobody answers");
  const list = start("./call.ts", ["--list"]);
  expect(await list.ended).toBe(0);
  expect(list.output()).toContain("care-transfer");
}, 30_000);

for (const how of ["SIGTERM", "disconnect"] as const) {
  test(`the sandbox hangs up before it ends on ${how}, and prints nothing while all is well`, async () => {
    const fake = await recorder();
    const directory = mkdtempSync(join(tmpdir(), "earwitness-sandbox-"));
    cleanUp.push(() => rmSync(directory, { recursive: true }));
    const sandbox = start("./main.ts", [], { EARWITNESS_SANDBOX_PORT: "0", EARWITNESS_SANDBOX_GRAPH_PORT: "0", EARWITNESS_SIP_PORT: String(fake.port), EARWITNESS_SANDBOX_DIR: directory, EARWITNESS_SANDBOX_CALLS: "1" }, true);
    await expect.poll(() => fake.count("ACK"), { timeout: 15_000 }).toBe(1);
    const from = performance.now();
    if (how === "SIGTERM") sandbox.child.kill("SIGTERM");
    else sandbox.child.disconnect();
    expect(await sandbox.ended).toBe(0);
    expect(performance.now() - from).toBeLessThan(2500);
    expect(fake.count("BYE")).toBe(1);
    expect(sandbox.output()).toBe("");
  }, 30_000);
}
