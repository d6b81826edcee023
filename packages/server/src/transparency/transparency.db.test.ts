import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ConsistencyProof, EvidenceProof, LogState } from "@earwitness/contract";
import { formatVkey, fromBase64, leafHash, parseCheckpoint, parseNote, parseTlogProof, parseVkey, readFromTiles, rowCommitment, tilePath, toBase64, treeRoot, verifyConsistency, verifyInclusion, verifyNote, type Hash } from "@earwitness/verify";
import { withTenant } from "#db";
import { append, appendMany, erase, type EvidenceEntry } from "#evidence";
import { quietLog } from "#testing";
import { addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { createCheckpointKeeper, type AfterKept } from "./checkpoint-keeper.ts";

let stage: TestPortal;
let tenantId: string;
let key: string;
const by = { kind: "machine", id: "t", name: "t" } as const;
const sha256: Hash = (bytes) => createHash("sha256").update(bytes).digest();

beforeAll(async () => {
  stage = await createTestPortal({ keepsLogs: true, publicUrl: "https://portal.example" });
  tenantId = await addSealingTenant(stage, "contoso");
  ({ key } = await stage.apiKeys.create(tenantId, { name: "auditor", profile: "Admin" }, by));
});
afterAll(() => stage?.close());

const entry = (n: number): EvidenceEntry => ({ actor: { kind: "person", id: "p1", name: "Adele Vance" }, action: "Play", item: "Call", subject: `call-${n}`, occurredAt: new Date(), nodeId: "n1", detail: { n } });
const get = (url: string, headers: Record<string, string> = {}) => stage.portal.app.inject({ url, headers });
const ask = async <T>(url: string, method: "GET" | "POST" = "GET"): Promise<T> => {
  const answer = await stage.portal.app.inject({ method, url, headers: { authorization: `Bearer ${key}` } });
  expect([answer.statusCode, url], answer.body).toEqual([method === "POST" ? 201 : 200, url]);
  return answer.json() as T;
};
const acts = (tenant: string, from: number, count: number) => withTenant(stage.db, tenant, (tx) => appendMany(tx, Array.from({ length: count }, (_, at) => entry(from + at))));

describe("a log for everybody", () => {
  test("PLT-14 from checkpoint, keys, tiles and bundles alone, anybody computes the signed root again", async () => {
    await acts(tenantId, 0, 700);
    await stage.sequencer!.keep(tenantId);
    const checkpoint = await get(`/log/${tenantId}/checkpoint`);
    expect([checkpoint.statusCode, checkpoint.headers["content-type"], checkpoint.headers["cache-control"]]).toEqual([200, "text/plain; charset=utf-8", "public, max-age=1"]);
    const keys = await get(`/log/${tenantId}/keys`);
    const vkeys = keys.body.split("\n").filter((line) => line !== "").map(parseVkey);
    expect(vkeys.map(({ name }) => name)).toEqual([`portal.example/log/${tenantId}`]);
    const note = parseNote(checkpoint.body);
    expect((await verifyNote(note, vkeys)).map(({ key: one }) => formatVkey(one))).toEqual(vkeys.map(formatVkey));
    const { size, root, origin } = parseCheckpoint(note.text);
    expect([size >= 700, origin]).toEqual([true, `portal.example/log/${tenantId}`]);

    const read = readFromTiles(sha256, size, async (tile) => {
      const answer = await get(`/log/${tenantId}/${tilePath(tile)}`);
      expect([answer.statusCode, answer.headers["content-type"], answer.headers["cache-control"], answer.headers["content-encoding"], answer.headers["access-control-allow-origin"]]).toEqual([200, "application/octet-stream", "public, max-age=31536000, immutable", undefined, "*"]);
      return answer.rawPayload;
    });
    expect(toBase64(await treeRoot(sha256, size, read))).toBe(toBase64(root));

    const leaves = (await get(`/log/${tenantId}/tile/0/001`)).rawPayload;
    const bundle = await get(`/log/${tenantId}/tile/entries/001`);
    expect([bundle.headers["content-type"], bundle.rawPayload.length]).toEqual(["application/octet-stream", 256 * 34]);
    for (let at = 0; at < 256; at += 1) {
      expect(bundle.rawPayload.readUInt16BE(at * 34)).toBe(32);
      expect(leafHash(sha256, bundle.rawPayload.subarray(at * 34 + 2, at * 34 + 34))).toEqual(leaves.subarray(at * 32, at * 32 + 32));
    }
    expect((await get(`/log/${tenantId}/tile/entries/002.p/188`)).rawPayload.length).toBe(188 * 34);
  });

  test("nothing is there that no kept checkpoint covers, whatever the database holds already", async () => {
    const { size } = parseCheckpoint(parseNote((await get(`/log/${tenantId}/checkpoint`)).body).text);
    const id = await withTenant(stage.db, tenantId, (tx) => append(tx, entry(1_000)));
    await stage.sequencer!.place(tenantId, [id]);
    const width = size % 256;
    const index = `00${Math.floor(size / 256)}`;
    for (const kind of ["0", "entries"]) {
      expect((await get(`/log/${tenantId}/tile/${kind}/${index}.p/${width}`)).statusCode).toBe(200);
      expect((await get(`/log/${tenantId}/tile/${kind}/${index}.p/${width + 1}`)).statusCode).toBe(404);
      expect((await get(`/log/${tenantId}/tile/${kind}/${index}`)).statusCode).toBe(404);
    }
  });

  test("what is no tile's name, and tenants that do not exist, have no log, or have published none, look the same", async () => {
    const empty = await addSealingTenant(stage, "empty");
    const unpublished = await addSealingTenant(stage, "unpublished");
    const id = await withTenant(stage.db, unpublished, (tx) => append(tx, entry(1)));
    await stage.sequencer!.place(unpublished, [id]);
    const bodies = new Set<string>();
    for (const tenant of [empty, unpublished, crypto.randomUUID(), tenantId.toUpperCase(), "contoso", "..", "%00", "'"]) {
      for (const path of ["checkpoint", "tile/0/000", "tile/entries/000", "tile/0/000.p/1"]) {
        const answer = await get(`/log/${tenant}/${path}`);
        expect([tenant, path, answer.statusCode]).toEqual([tenant, path, 404]);
        const { instance: _instance, ...problem } = answer.json() as Record<string, unknown>;
        bodies.add(JSON.stringify(problem));
      }
    }
    expect(bodies.size).toBe(1);
    for (const path of ["tile/0/0", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/x000/001", "tile/entries/0", "tile/entries/entries/000", "tile/0/000/", "tile/", "tile/0/999/999", "tile/0/x999/x999/x999/x999/999", "nothing"]) {
      expect([path, (await get(`/log/${tenantId}/${path}`)).statusCode]).toEqual([path, 404]);
    }
    expect((await stage.portal.app.inject({ method: "POST", url: `/log/${tenantId}/checkpoint` })).statusCode).toBe(405);
  });

  test("one address may not ask without end", async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 610; n += 1) statuses.push((await stage.portal.app.inject({ url: `/log/${tenantId}/keys`, remoteAddress: "198.51.100.7" })).statusCode);
    expect(statuses.at(-1)).toBe(429);
    expect((await stage.portal.app.inject({ url: `/log/${tenantId}/keys`, remoteAddress: "198.51.100.8" })).statusCode).toBe(200);
  });
});

describe("the log by the API", () => {
  test("MON-21 a row of evidence is proved with nothing but its own bytes, the checkpoint and the log's public key", async () => {
    const id = await withTenant(stage.db, tenantId, (tx) => append(tx, entry(2_000)));
    await ask("/api/v1/log/checkpoints", "POST");
    const proved = await ask<EvidenceProof>(`/api/v1/evidence/${id}/proof`);
    expect(proved.row).toMatchObject({ evidenceId: id, action: "Play", subject: "call-2000", detail: { n: 2_000 } });
    const commitment = rowCommitment(sha256, proved.row, fromBase64(proved.salt!)!);
    expect(toBase64(commitment)).toBe(proved.entry);
    const { index, proof, checkpoint } = parseTlogProof(proved.proof);
    const { size, root } = parseCheckpoint(parseNote(checkpoint).text);
    expect(verifyInclusion(sha256, { leaf: leafHash(sha256, commitment), index, size, proof, root })).toBe(true);
    const { keys } = await ask<LogState>("/api/v1/log");
    expect(await verifyNote(parseNote(checkpoint), keys.map(({ vkey }) => parseVkey(vkey)))).toHaveLength(1);
  });

  test("a row that no checkpoint covers yet, one that is not there, and another tenant's are refused", async () => {
    const other = await addSealingTenant(stage, "other");
    const theirs = await withTenant(stage.db, other, (tx) => append(tx, entry(1)));
    const id = await withTenant(stage.db, tenantId, (tx) => append(tx, entry(3_000)));
    const status = async (row: string) => (await get(`/api/v1/evidence/${row}/proof`, { authorization: `Bearer ${key}` })).statusCode;
    expect(await Promise.all([id, theirs, crypto.randomUUID(), "nonsense"].map(status))).toEqual([409, 404, 404, 400]);
  });

  test("an erased row is proved to have been there, and nothing of it is told", async () => {
    const id = await withTenant(stage.db, tenantId, (tx) => append(tx, entry(4_000)));
    await stage.sequencer!.place(tenantId, [id]);
    await withTenant(stage.db, tenantId, (tx) => erase(tx, { actor: by, occurredAt: new Date(), nodeId: "n1", which: { evidenceIds: [id] }, reason: "Article 17" }));
    await ask("/api/v1/log/checkpoints", "POST");
    const proved = await ask<EvidenceProof>(`/api/v1/evidence/${id}/proof`);
    expect(proved).toMatchObject({ salt: null, erasedBy: expect.any(String), row: { action: "", actor: { name: "" }, subject: null } });
    const { index, proof, checkpoint } = parseTlogProof(proved.proof);
    const { size, root } = parseCheckpoint(parseNote(checkpoint).text);
    expect(verifyInclusion(sha256, { leaf: leafHash(sha256, fromBase64(proved.entry)!), index, size, proof, root })).toBe(true);
  });

  test("checkpoints are listed, the newest first, in pages, and each is consistent with the next", async () => {
    for (let n = 0; n < 3; n += 1) await ask("/api/v1/log/checkpoints", "POST");
    const all: { size: number; root: string }[] = [];
    for (let next: number | null = Number.MAX_SAFE_INTEGER; next !== null; ) {
      const page: { items: { size: number; root: string }[]; next: number | null } = await ask(`/api/v1/log/checkpoints?limit=2&before=${next}`);
      all.push(...page.items);
      next = page.next;
    }
    expect(all.length).toBeGreaterThanOrEqual(4);
    expect(all.map(({ size }) => size)).toEqual(all.map(({ size }) => size).toSorted((a, b) => b - a));
    for (let at = 1; at < all.length; at += 1) {
      const [later, earlier] = [all[at - 1]!, all[at]!];
      const { proof } = await ask<ConsistencyProof>(`/api/v1/log/consistency?first=${earlier.size}&second=${later.size}`);
      expect(verifyConsistency(sha256, { first: earlier.size, second: later.size, firstRoot: fromBase64(earlier.root)!, secondRoot: fromBase64(later.root)!, proof: proof.map((hash) => fromBase64(hash)!) })).toBe(true);
    }
    const beyond = all[0]!.size + 1_000;
    expect((await get(`/api/v1/log/consistency?first=1&second=${beyond}`, { authorization: `Bearer ${key}` })).statusCode).toBe(409);
    expect((await get("/api/v1/log/consistency?first=10&second=5", { authorization: `Bearer ${key}` })).statusCode).toBe(409);
  });

  test("the state tells how far it is, and nothing of other tenants", async () => {
    const state = await ask<LogState>("/api/v1/log");
    expect(state).toMatchObject({ origin: `portal.example/log/${tenantId}`, stopped: null, keys: [{ fromSize: 0, retiredAt: null }], checkpoint: { timestamped: false, cosignatures: [] } });
    expect(JSON.stringify(state)).not.toContain("other");
  });
});

describe("the checkpoint keeper", () => {
  const keeperWith = (afterKept: readonly AfterKept[], everyMs = 3_600_000) => createCheckpointKeeper({ db: stage.db, sequencer: stage.sequencer!, log: quietLog, everyMs, afterKept });
  const origin = { actor: by, occurredAt: new Date(), nodeId: "n1" };

  test("lets others sign each checkpoint that it keeps, in order, and keeps what they add; one that fails keeps no other from it", async () => {
    const line = "— witness.example/w1 3zI9cQAAAABkFtIwAAAA";
    const seen: string[] = [];
    const keeper = keeperWith([
      { name: "cosign", run: async (tenant) => (seen.push(`cosign ${tenant === tenantId}`), { lines: [line] }) },
      { name: "broken", run: () => Promise.reject(new Error("the witness is away")) },
      { name: "timestamp", run: async (_tenant, kept) => (seen.push(`timestamp ${kept.note.endsWith(`${line}\n`)}`), { timestampToken: Buffer.from("token") }) },
      { name: "nothing", run: async () => null },
    ]);
    const kept = await keeper.keepFor(tenantId, origin);
    await keeper.close();
    expect(seen).toEqual(["cosign true", "timestamp true"]);
    expect([kept.note.endsWith(`${line}\n`), kept.timestampToken]).toEqual([true, Buffer.from("token")]);
    expect((await get(`/log/${tenantId}/checkpoint`)).body).toBe(kept.note);
    const { checkpoint } = await ask<LogState>("/api/v1/log");
    expect(checkpoint).toMatchObject({ cosignatures: ["witness.example/w1"], timestamped: true });
  });

  test("keeps one on its beat while the log grows, and none while it does not", async () => {
    const keeper = keeperWith([], 30);
    const id = await withTenant(stage.db, tenantId, (tx) => append(tx, entry(1)));
    await stage.sequencer!.place(tenantId, [id]);
    const { size } = await ask<LogState>("/api/v1/log");
    await expect.poll(async () => (await ask<LogState>("/api/v1/log")).checkpoint?.size, { timeout: 5_000 }).toBe(size);
    const count = async () => (await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("checkpoints").select("size").execute())).length;
    const before = await count();
    await new Promise((later) => setTimeout(later, 200));
    expect(await count()).toBe(before);
    await keeper.close();
  });
});
