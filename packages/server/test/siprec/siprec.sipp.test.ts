/** The server against a foreign client: sipp plays the recording clients of the scenarios beside this file. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestHa1 } from "@earwitness/media";
import { createSiprecServer } from "#ingest";
import { createLog } from "#log";
import type { CallFacts } from "#recorder";
import type { DigestCredentials } from "#trunks";
import { createFakeRecorder } from "../../src/ingest/siprec/fake-recorder.ts";
import type { FakeCall, FakeRecorder } from "../../src/ingest/siprec/fake-recorder.ts";

/** sipp leaves with 99 after `-v`; what counts is that it can be started. */
function sippIsThere(): boolean {
  try {
    execFileSync("sipp", ["-v"], { stdio: "ignore" });
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

const present = sippIsThere();

async function withServer<T>(work: (port: number, recorder: FakeRecorder) => Promise<T>, digest: DigestCredentials | null = null): Promise<T> {
  const recorder = createFakeRecorder();
  const server = await createSiprecServer({
    host: "127.0.0.1",
    port: 0,
    recorder,
    tls: null,
    isTrunkAddress: () => true,
    identify: () => ({ kind: "trunk", trunk: { tenantId: "tenant", trunkId: "trunk", trunkName: "sipp", media: "any", digest } }),
    invitations: { answered: () => ({ continue: () => undefined }) },
    log: createLog("silent"),
  });
  try {
    return await work(server.address.port, recorder);
  } finally {
    await server.close();
  }
}

/** Plays `calls` calls and answers sipp's log: "answer <Call-ID> <port> <port>" per call. */
async function sipp(scenario: string, transport: "u1" | "t1" | "tn", port: number, calls: number, more: readonly string[] = []): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), "earwitness-sipp-"));
  const log = join(directory, "answers");
  const here = import.meta.dirname;
  const args = ["-sf", join(here, scenario), "-inf", join(here, "parties.csv"), "-m", String(calls), "-r", "50", "-d", "200", "-t", transport];
  args.push("-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", "30000", "-max_socket", "200", "-nostdin", "-timeout", "30", "-timeout_error", "-trace_logs", "-log_file", log, "-trace_err", "-error_file", join(directory, "errors"), ...more);
  try {
    await new Promise<void>((done, fail) => {
      execFile("sipp", [...args, `127.0.0.1:${port}`], { cwd: directory, timeout: 40_000 }, (error) => {
        if (error === null) return done();
        readFile(join(directory, "errors"), "utf8").then(
          (errors) => fail(new Error(`sipp: ${errors.slice(0, 3_000)}`)),
          () => fail(error),
        );
      });
    });
    return (await readFile(log, "utf8")).split("\n").filter((line) => line.startsWith("answer "));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function lastFacts(call: FakeCall): CallFacts {
  const update = call.told.findLast((told) => told.kind === "update");
  return update?.kind === "update" ? update.facts : call.offer.facts;
}

test("sipp is there when nothing may be skipped", () => {
  if (process.env["EARWITNESS_REQUIRE_ALL"] === "1") expect(present).toBe(true);
});

describe.skipIf(!present)("sipp as recording client", () => {
  test.each(["u1", "t1", "tn"] as const)("50 calls with two parties over %s", async (transport) => {
    await withServer(async (port, recorder) => {
      const answers = await sipp("call.xml", transport, port, 50);
      expect(answers).toHaveLength(50);
      expect(new Set(answers.flatMap((line) => line.split(" ").slice(2))).size).toBe(100);
      expect(recorder.calls.map(({ ends }) => ends)).toEqual(recorder.calls.map(() => ["released"]));
      expect(recorder.calls).toHaveLength(50);
      const [first] = recorder.calls;
      expect(first!.offer.streams.map(({ label, payloads, remote }) => [label, payloads[0]!.codec, remote!.rtpPort])).toEqual([
        ["1", "PCMA", 30_000],
        ["2", "PCMU", 30_002],
      ]);
      expect(first!.offer.facts.conversations[0]!.parties.map(({ name, address, sends }) => [name, address, sends])).toEqual([
        ["Trader One", "sip:trader1@bank.example", ["1"]],
        ["Client One", "+49301234567", ["2"]],
      ]);
    });
  }, 60_000);

  test.each(["u1", "t1"] as const)("50 calls that grow, hold and end with a document over %s", async (transport) => {
    await withServer(async (port, recorder) => {
      expect(await sipp("growing-call.xml", transport, port, 50)).toHaveLength(50);
      for (const call of recorder.calls) {
        expect(call.told.map(({ kind }) => kind)).toEqual(["add", "update", "update", "update", "end"]);
        expect(call.ends).toEqual(["released"]);
        const [conversation] = lastFacts(call).conversations;
        expect(conversation!.endedAt).toEqual(new Date("2026-11-20T09:20:00Z"));
        expect(conversation!.parties.map(({ sends }) => sends)).toEqual([["1"], []]);
      }
    });
  }, 60_000);

  test.each(["u1", "t1"] as const)("20 calls with a password over %s, and none with a wrong one", async (transport) => {
    const realm = "rec.example";
    const digest = { username: "sbc", realm, ha1Md5: digestHa1("MD5", "sbc", realm, "s3cret"), ha1Sha256: digestHa1("SHA-256", "sbc", realm, "s3cret") };
    await withServer(async (port, recorder) => {
      // It reads the first challenge alone and knows MD5 alone: its first call fails, and then it is asked for that.
      await expect(sipp("authenticated-call.xml", transport, port, 1, ["-au", "sbc", "-ap", "s3cret"])).rejects.toThrow("must use MD5");
      await new Promise((later) => setTimeout(later, 2_100));
      expect(await sipp("authenticated-call.xml", transport, port, 20, ["-au", "sbc", "-ap", "s3cret"])).toHaveLength(20);
      expect(recorder.calls.map(({ ends }) => ends)).toEqual(Array.from({ length: 20 }, () => ["released"]));
      await expect(sipp("authenticated-call.xml", transport, port, 1, ["-au", "sbc", "-ap", "guess", "-timeout", "3"])).rejects.toThrow("sipp");
      expect(recorder.calls).toHaveLength(20);
    }, digest);
  }, 60_000);
});
