import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatVkey, parseVkey, proveConsistency, proveInclusion, rowCommitment, toBase64, treeRoot, type NoteKey } from "@earwitness/verify";
import { runCommand } from "@earwitness/witness";
import { withLog, withTenant } from "#db";
import { addToCheckpoint, appendMany, readHashes, rowsOf, sha256 } from "#evidence";
import { addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { cosign } from "./cosign.ts";

/*
 * Somebody else's word for it: tests/foreign/log-verifier.go checks our log with Go's own note and tlog packages, over HTTP.
 */
const source = resolve(import.meta.dirname, "../../../../tests/foreign/log-verifier.go");
const gopath = "/usr/share/gocode";
const isThere = spawnSync("go", ["version"]).status === 0 && existsSync(join(gopath, "src/golang.org/x/mod/sumdb/tlog"));

interface Claims {
  readonly Inclusion: readonly { readonly Index: number; readonly Entry: string; readonly Proof: readonly string[] }[];
  readonly Consistency: readonly { readonly First: number; readonly Second: number; readonly FirstRoot: string; readonly SecondRoot: string; readonly Proof: readonly string[] }[];
}

describe.skipIf(!isThere)("MON-21 PLT-14 a verifier that we did not write", () => {
  let stage: TestPortal;
  let dir: string;
  let url: string;
  let vkey: string;
  let witness: { readonly url: string; readonly key: NoteKey };
  let closeWitness: () => Promise<void>;
  let tenantId: string;
  let size: number;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "ew-foreign-"));
    const built = spawnSync("go", ["build", "-o", join(dir, "verifier"), source], { encoding: "utf8", env: { ...process.env, GO111MODULE: "off", GOPATH: gopath, GOFLAGS: "", GOCACHE: process.env["GOCACHE"] ?? join(tmpdir(), "ew-go-cache") } });
    expect(built.status, built.stderr).toBe(0);
    stage = await createTestPortal({ keepsLogs: true });
    tenantId = await addSealingTenant(stage, "contoso");
    const { port } = await stage.portal.listen({ host: "127.0.0.1", port: 0 });
    url = `http://127.0.0.1:${port}/log/${tenantId}`;
    for (const [from, count] of [[0, 300], [300, 500]] as const) {
      await withTenant(stage.db, tenantId, (tx) => appendMany(tx, Array.from({ length: count }, (_, at) => ({ actor: { kind: "person", id: "p1", name: "Adele Vance" }, action: "Play", item: "Call", subject: `call-${from + at}`, occurredAt: new Date(), nodeId: "n1" }) as const)));
      await stage.sequencer!.keep(tenantId);
    }
    const kept = (await stage.sequencer!.keep(tenantId))!;
    size = kept.size;
    ({ vkey } = await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("log_keys").select("vkey").executeTakeFirstOrThrow()));

    // Our witness cosigns, and Go checks that too.
    let own = "";
    const quiet = { print: (line: string) => (own = line), report: () => undefined, env: {} };
    await runCommand(["trust", vkey, "--dir", join(dir, "witness")], quiet);
    const server = (await runCommand(["--dir", join(dir, "witness"), "--name", "witness.example/w1", "--listen", "127.0.0.1:0"], quiet))!;
    closeWitness = () => server.close();
    witness = { url: `http://127.0.0.1:${server.address.port}`, key: parseVkey(own) };
    const done = await cosign(kept.note, (subtrees) => withTenant(stage.db, tenantId, (tx) => readHashes(tx)(subtrees)), witness);
    expect(done.kind).toBe("cosigned");
    if (done.kind === "cosigned") await withLog(stage.db, tenantId, (tx) => addToCheckpoint(tx, size, { lines: [done.line] }));
  }, 120_000);
  afterAll(async () => {
    await closeWitness?.();
    await stage?.close();
    rmSync(dir, { recursive: true });
  });

  async function claims(): Promise<Claims> {
    return await withTenant(stage.db, tenantId, async (tx) => {
      const read = readHashes(tx);
      const rows = (await rowsOf(tx, {})).filter(({ treeIndex }) => treeIndex !== null && treeIndex < size && treeIndex % 37 === 0);
      const base64 = (hashes: readonly Uint8Array[]): string[] => hashes.map(toBase64);
      return {
        Inclusion: await Promise.all(rows.map(async ({ row, salt, treeIndex }) => ({ Index: treeIndex!, Entry: toBase64(rowCommitment(sha256, row, salt!)), Proof: base64(await proveInclusion(sha256, treeIndex!, size, read)) }))),
        Consistency: await Promise.all(
          [[1, size], [255, 256], [256, size], [300, 777], [512, 513], [size - 1, size], [size, size]].map(async ([first, second]) => ({ First: first!, Second: second!, FirstRoot: toBase64(await treeRoot(sha256, first!, read)), SecondRoot: toBase64(await treeRoot(sha256, second!, read)), Proof: base64(await proveConsistency(sha256, first!, second!, read)) })),
        ),
      };
    });
  }

  const verify = (given: Claims, key = vkey, witnessed = formatVkey(witness.key)): Promise<{ code: number; said: string }> =>
    new Promise((done) => {
      const child = execFile(join(dir, "verifier"), ["-url", url, "-key", key, "-witness", witnessed], (error, stdout, stderr) => done({ code: error === null ? 0 : 1, said: stdout + stderr }));
      child.stdin!.end(JSON.stringify(given));
    });

  test("agrees: signatures of log and witness, every tile and entry, inclusion and consistency, and makes the same proofs itself", async () => {
    const ours = await claims();
    expect(ours.Inclusion.length).toBeGreaterThan(20);
    const { code, said } = await verify(ours);
    expect([code, said]).toEqual([0, `checkpoint of ${size} entries, signed by 2\n${size} entries are where the tree has them\n${ours.Inclusion.length} proofs of inclusion\n7 proofs of consistency\n`]);
  });

  test("sees what is wrong: a changed entry, a bent proof, another place, another key", async () => {
    const ours = await claims();
    const bent = (text: string): string => `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
    const [first, ...rest] = ours.Inclusion;
    const [one, two] = ours.Consistency;
    for (const [wrong, expected] of [
      [{ ...ours, Inclusion: [{ ...first!, Entry: bent(first!.Entry) }, ...rest] }, /inclusion of 0/],
      [{ ...ours, Inclusion: [{ ...first!, Proof: [bent(first!.Proof[0]!), ...first!.Proof.slice(1)] }] }, /inclusion of 0/],
      [{ ...ours, Inclusion: [{ ...first!, Index: 1 }] }, /inclusion of 1/],
      [{ ...ours, Consistency: [{ ...one!, FirstRoot: two!.FirstRoot }] }, /consistency of 1/],
      [{ ...ours, Consistency: [{ ...one!, Proof: one!.Proof.slice(1) }] }, /consistency of 1/],
    ] as const) expect(await verify(wrong)).toEqual({ code: 1, said: expect.stringMatching(expected) as string });
    const { key: other } = witness;
    expect((await verify(ours, vkey.replace(/[^+]+$/, (material) => bent(material.slice(0, -1)) + material.slice(-1)))).code).toBe(1);
    expect((await verify(ours, vkey, formatVkey({ ...other, id: other.id ^ 1 }))).said).toContain("does not belong to its own hash");
  });

  test("sees a tile that a superuser changed", async () => {
    const superuser = new Client({ connectionString: stage.database.superuserUrl });
    await superuser.connect();
    const bend = (at: number) => superuser.query("update log_tiles set hashes = set_byte(hashes, $2, get_byte(hashes, $2) # 1) where tenant_id = $1 and level = 0 and index = 1", [tenantId, at]);
    try {
      await bend(40);
      expect((await verify(await claims().catch(() => ({ Inclusion: [], Consistency: [] })))).code).toBe(1);
      await bend(40);
      expect((await verify({ Inclusion: [], Consistency: [] })).code).toBe(0);
    } finally {
      await superuser.end();
    }
  });
});
