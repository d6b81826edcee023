/** SIP over TLS with a password, against a client of another make: baresip, whose own TLS, digest and dialogs these are. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createSiprecServer } from "#ingest";
import { digestHa1, encodeG711, wavHeader } from "@earwitness/media";
import { createLog } from "#log";
import type { AnsweredInvitation, Claim, DigestCredentials, TraceEntry } from "#trunks";
import { createFakeRecorder } from "../../src/ingest/siprec/fake-recorder.ts";
import { certificateFiles, makeCertificate } from "../../src/ingest/siprec/test-certificates.ts";

const present = spawnSync("baresip", ["-h"]).error === undefined;
const realm = "rec.example";
const digest: DigestCredentials = { username: "sbc", realm, ha1Md5: digestHa1("MD5", "sbc", realm, "s3cret"), ha1Sha256: digestHa1("SHA-256", "sbc", realm, "s3cret") };

/** One call of two seconds. */
async function call(uri: string, certificate: string, password: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "earwitness-baresip-"));
  const silence = encodeG711("PCMA", new Int16Array(8_000));
  await writeFile(join(directory, "silence.wav"), Buffer.concat([wavHeader({ format: "pcma", channels: 1, sampleRate: 8_000, samples: 8_000 }), silence]));
  await writeFile(join(directory, "contacts"), "");
  await writeFile(join(directory, "accounts"), `<sip:sbc@127.0.0.1;transport=tls>;auth_user=sbc;auth_pass=${password};regint=0\n`);
  const modules = ["module_path /usr/lib/baresip/modules", "module g711.so", "module aufile.so", "module_app account.so", "module_app menu.so"];
  const settings = ["sip_listen 127.0.0.1:0", `sip_certificate ${certificate}`, "sip_verify_server no", `audio_source aufile,${join(directory, "silence.wav")}`, `audio_player aufile,${join(directory, "heard.wav")}`];
  await writeFile(join(directory, "config"), [...settings, ...modules, ""].join("\n"));
  const baresip = spawn("baresip", ["-f", directory, "-t", "2", "-e", `/dial ${uri}`], { stdio: "ignore" });
  const late = setTimeout(() => baresip.kill("SIGKILL"), 10_000);
  await new Promise((ended) => baresip.once("close", ended));
  clearTimeout(late);
  await rm(directory, { recursive: true, force: true });
}

test("baresip is there when nothing may be skipped", () => {
  if (process.env["EARWITNESS_REQUIRE_ALL"] === "1") expect(present).toBe(true);
});

describe.skipIf(!present)("baresip as client", () => {
  test("over TLS with its certificate and a password: asked for what it can do, let in, recorded to its BYE; with a wrong password not", async () => {
    const client = await makeCertificate("sbc.example");
    await using ours = await certificateFiles(await makeCertificate("rec.example"));
    await using its = await certificateFiles(client);
    await its.write(client.pem + client.keyPem, client.keyPem);
    const claims: Claim[] = [];
    const invitations: (AnsweredInvitation & { readonly trace: TraceEntry[] })[] = [];
    const recorder = createFakeRecorder();
    const server = await createSiprecServer({
      host: "127.0.0.1",
      port: 0,
      tls: { port: 0, certificatePath: ours.certificatePath, keyPath: ours.keyPath, authoritiesPath: null },
      recorder,
      isTrunkAddress: () => true,
      identify(claim) {
        claims.push(claim);
        return { kind: "trunk", trunk: { tenantId: "tenant", trunkId: "trunk", trunkName: "baresip", media: "any", digest } };
      },
      invitations: {
        answered(invitation) {
          const trace = [...invitation.trace];
          invitations.push({ ...invitation, trace });
          return { continue: (entry) => void trace.push(entry) };
        },
      },
      log: createLog("silent"),
    });
    try {
      const uri = `sip:rec-1@127.0.0.1:${server.tlsAddress!.port};transport=tls`;
      // It gives up over SHA-256, whatever stands beside it.
      await call(uri, its.certificatePath, "s3cret");
      expect(recorder.calls).toHaveLength(0);
      await call(uri, its.certificatePath, "s3cret");
      expect(recorder.calls.map(({ ends }) => ends)).toEqual([["released"]]);
      expect(claims[0]).toMatchObject({ transport: "tls", recordingUser: "rec-1" });
      expect(claims.every(({ certificates }) => Buffer.from(certificates[0] ?? []).equals(client.der))).toBe(true);
      const recorded = invitations.find(({ outcome }) => outcome === "recorded")!;
      expect(recorded.trace.map(({ direction, text }) => `${direction} ${text.split(" ", 2).join(" ").slice(0, 11)}`)).toEqual(["in INVITE sip:", "out SIP/2.0 401", "in INVITE sip:", "out SIP/2.0 100", "out SIP/2.0 200", "in ACK sip:srs", "in BYE sip:srs", "out SIP/2.0 200"]);

      await call(uri, its.certificatePath, "guess");
      expect(recorder.calls).toHaveLength(1);
    } finally {
      await server.close();
    }
    expect(invitations.map(({ reason }) => reason).toSorted()).toEqual(["CREDENTIALS_MISSING", "CREDENTIALS_WRONG", "RECORDING"]);
  }, 60_000);
});
