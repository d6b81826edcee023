import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPlace, interactionPaths, noteKey, openZip, parseVkey, readAll, sha256Here, verifyBundle, type BundleFiles, type BundleReport } from "@earwitness/verify";
import { withTenant } from "#db";
import { mintedAt } from "#ids";
import { recordedSound } from "./opus-decoder.ts";
import { createRecordedSound } from "@earwitness/media";
import { sealCall } from "../recorder/test-sealed-call.ts";
import { addInteraction, addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";

const by = { kind: "machine", id: "test", name: "Test" } as const;
const page = `<!doctype html><title>Evidence</title><script>show()</script>\n${dataPlace}\n`;

let stage: TestPortal;
let tenantId: string;
let key: string;

beforeAll(async () => {
  stage = await createTestPortal({ keepsLogs: true, evidencePage: page });
  tenantId = await addSealingTenant(stage, "contoso");
  key = (await stage.apiKeys.create(tenantId, { name: "compliance", profile: "Admin" }, by)).key;
});
afterAll(() => stage.close());

const post = (payload: object, as = key) => stage.portal.app.inject({ method: "POST", url: "/api/v1/evidence-bundles", headers: { authorization: `Bearer ${as}` }, payload });
const exportRows = (tenant = tenantId) => withTenant(stage.db, tenant, (tx) => tx.selectFrom("evidence").selectAll().where("action", "=", "Export").orderBy("recorded_at").execute());
const logKey = async (tenant = tenantId) => parseVkey((await withTenant(stage.db, tenant, (tx) => tx.selectFrom("log_keys").select("vkey").executeTakeFirstOrThrow())).vkey);

async function unpacked(payload: object): Promise<BundleFiles> {
  const answer = await post(payload);
  expect([answer.statusCode, answer.headers["content-type"]], answer.statusCode === 200 ? "" : answer.body).toEqual([200, "application/zip"]);
  const bytes = answer.rawPayload;
  return await openZip({ sizeBytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) });
}
const check = async (files: BundleFiles, sound = createRecordedSound(null)): Promise<BundleReport> => await verifyBundle(files, { sha256: sha256Here, key: await logKey(), witnesses: [], sound, timestamp: null });
const said = (report: BundleReport, kind: string) => report.statements.filter((statement) => statement.kind === kind).map(({ where, says }) => `${where}: ${says}`);
const textOf = async (files: BundleFiles, path: string) => Buffer.from(await readAll(files.get(path)!.open(), 1e9, path)).toString();

describe("a bundle of real recordings", () => {
  test("PLT-15 INT-52 what was recorded, sealed and placed in the log goes out, and every step of its proof holds", async () => {
    const { interactionId: id } = await sealCall(stage, tenantId, { seconds: 8, codecs: ["PCMU", "G722"] });
    const files = await unpacked({ reason: "Case 17/2026", interactions: [id] });
    const report = await check(files);
    expect(said(report, "fails")).toEqual([]);
    const holds = said(report, "holds").join("\n");
    for (const words of ["All 8 seconds with sound of track 1 (PCMU)", "All 8 seconds with sound of track 2 (G722)", "audio/mixed.wav is all voices", "audio/1.wav is the voice of Adele Vance", "because: Case 17/2026", "2 documents about the call", "In the call: Adele Vance, Bill", "Adele Vance 00:01–00:01.020 (loss)", "signed by the key that was given"]) expect(holds).toContain(words);
    const [row] = (await exportRows()).filter((one) => one.subject === id);
    expect(row).toMatchObject({ actor_kind: "api_key", actor_name: "compliance", action: "Export", item: "Call", reason: "Case 17/2026", remote_address: "127.0.0.1" });
    expect(await textOf(files, interactionPaths(id).metadata(2))).toBe("v=0\r\ns=later\r\n");
    expect(JSON.parse(await textOf(files, interactionPaths(id).interaction))).toMatchObject({ id, mediaStatus: "Available" });
  });

  test("CAP-54 meetings are included, and many interactions are one bundle with a row each", async () => {
    const calls = [await sealCall(stage, tenantId, { seconds: 2, codecs: ["PCMU"], callType: "Meet_Scheduled" as never }), await sealCall(stage, tenantId, { seconds: 3 })];
    const ids = calls.map(({ interactionId }) => interactionId);
    const before = (await exportRows()).length;
    const files = await unpacked({ reason: "Regulator", interactions: ids, vcon: true });
    const report = await check(files);
    expect(said(report, "fails")).toEqual([]);
    expect((await exportRows()).slice(before).map(({ subject }) => subject).toSorted()).toEqual(ids.toSorted());
    const vcon = JSON.parse(await textOf(files, interactionPaths(ids[1]!).vcon)) as { dialog: { content_hash: string; url: string }[]; parties: object[] };
    const mixed = await readAll(files.get(interactionPaths(ids[1]!).mixed)!.open(), 1e9, "");
    expect(vcon.dialog[0]!.content_hash).toBe(`sha512-${createHash("sha512").update(mixed).digest("base64url")}`);
    expect(vcon.parties).toEqual([{ sip: "sip:adele@contoso.example", mailto: "adele@contoso.example", name: "Adele Vance" }, { tel: "tel:+17326524689", name: "Bill" }]);
    expect(said(report, "not checked").join("\n")).toContain("vcon.json is a copy for other programs");
  });

  test("PLT-14 Opus stays as it came, in an Ogg that is made again from the packets; only the mixture needs a decoder", async () => {
    const { interactionId: id } = await sealCall(stage, tenantId, { seconds: 3, codecs: ["PCMU", "OPUS"] });
    const files = await unpacked({ reason: "Opus", interactions: [id] });
    const report = await check(files);
    expect(said(report, "fails")).toEqual([]);
    expect(said(report, "holds").join("\n")).toContain("audio/2.ogg is the voice of Bill, made again from the packets");
    expect(said(report, "not checked").join("\n")).toContain("audio/mixed.wav: there is no decoder here for a codec in it");
    expect(said(await check(files, recordedSound), "holds").join("\n")).toContain("audio/mixed.wav is all voices");
  });

  test("CAP-51 whoever has a part of a meeting gets the seconds of that part and no others, proved", async () => {
    const { interactionId: id } = await sealCall(stage, tenantId, { seconds: 21, codecs: ["PCMU"], part: { fromMs: 4_500, toMs: 9_200 } });
    const files = await unpacked({ reason: "Part", interactions: [id] });
    const report = await check(files);
    expect(said(report, "fails")).toEqual([]);
    expect(said(report, "holds").join("\n")).toContain("4 of 21 seconds with sound of track 1 (PCMU) are packet by packet as they were recorded; the others are not in the bundle");
    expect(files.get(interactionPaths(id).packets(1))!.sizeBytes).toBeLessThan(4 * 10_000 + 21 * 34);
    expect(files.get(interactionPaths(id).mixed)!.sizeBytes).toBe(44 + 2 * 37_600);
    // The first document came before the part, and the second with its first second before it.
    expect([...files.keys()].filter((path) => path.includes("/metadata/"))).toEqual([]);
  });

  test("by filter, and a call that was never answered with its metadata alone", async () => {
    const sipCallId = `unanswered-${Date.now()}@sbc.example`;
    const id = await addInteraction(stage.db, tenantId, { media_status: "Unavailable", sip_call_id: sipCallId });
    const files = await unpacked({ reason: "Complaint", filter: { sipCallId } });
    const report = await check(files);
    expect([said(report, "fails"), said(report, "not checked").join("\n")]).toEqual([[], expect.stringContaining("There is no recording of this interaction in the bundle")]);
    expect([...files.keys()]).toContain(interactionPaths(id).evidence);
  });

  test("PLT-14 a byte of the store that changed is told before anything goes out, or the archive never ends", async () => {
    const { interactionId: id, recordingId } = await sealCall(stage, tenantId, { seconds: 2, codecs: ["PCMU"] });
    const folder = (await readdir(stage.storeDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && join(entry.parentPath, entry.name).includes(recordingId));
    const piece = folder.map((entry) => join(entry.parentPath, entry.name)).find((path) => path.endsWith(".ewp"))!;
    const good = await readFile(piece);
    await writeFile(piece, good.with(good.length - 50, good.at(-50)! ^ 1));
    const isWhole = await unpacked({ reason: "Broken", interactions: [id] }).then(
      () => true,
      () => false,
    );
    expect(isWhole).toBe(false);
    await writeFile(piece, good.with(20, good[20]! ^ 1));
    const before = (await exportRows()).length;
    const refused = await post({ reason: "Broken", interactions: [id] });
    expect([refused.statusCode, refused.json().code, (await exportRows()).length]).toEqual([500, "INTEGRITY", before]);
    await writeFile(piece, good);
    expect(said(await check(await unpacked({ reason: "Whole again", interactions: [id] })), "fails")).toEqual([]);
  });
});

describe("to be checked on the spot", () => {
  const prove = (id: string, headers: Record<string, string> = { authorization: `Bearer ${key}` }) => stage.portal.app.inject({ method: "POST", url: `/api/v1/interactions/${id}/proof`, headers });
  const proofOf = async (id: string): Promise<BundleFiles> => {
    const answer = await prove(id);
    expect([answer.statusCode, answer.headers["content-type"]], answer.statusCode === 200 ? "" : answer.body).toEqual([200, "application/zip"]);
    const bytes = answer.rawPayload;
    return await openZip({ sizeBytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) });
  };
  const inPortal = async (files: BundleFiles): Promise<BundleReport> => await verifyBundle(files, { sha256: sha256Here, key: await logKey(), witnesses: [], sound: null, timestamp: null, packetsAlone: true, notHere: (path) => path === "index.html" });
  const verifications = (id: string) => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("verifications").selectAll().where("interaction_id", "=", id).orderBy("verified_at").execute());
  const verifyRows = (id: string) => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").selectAll().where("action", "=", "Verify").where("subject", "=", id).orderBy("recorded_at").execute());
  const pieceOf = async (recordingId: string): Promise<string> =>
    (await readdir(stage.storeDir, { recursive: true, withFileTypes: true })).map((entry) => join(entry.parentPath, entry.name)).find((path) => path.includes(recordingId) && path.endsWith(".ewp"))!;

  test("PLT-14 packets and proofs go out without audio, every step holds, and the row says to whom", async () => {
    const { interactionId: id } = await sealCall(stage, tenantId, { seconds: 3, codecs: ["PCMU", "G722"] });
    const files = await proofOf(id);
    expect([...files.keys()].filter((path) => path.includes("/audio/") || path === "index.html")).toEqual([]);
    const report = await inPortal(files);
    expect(said(report, "fails")).toEqual([]);
    for (const words of ["All 3 seconds with sound of track 1 (PCMU)", "Handed to compliance to be checked", "The metadata is what the installation said"]) expect(said(report, "holds").join("\n")).toContain(words);
    expect(said(report, "not checked").join("\n")).toContain("Sound that was rendered for a player");
    // By a key that is none of this log only the signature fails, and nothing else is claimed of what stands behind it.
    const { name, type } = await logKey();
    const foreign = noteKey(name, type, new Uint8Array(32).fill(9));
    const byForeign = await verifyBundle(files, { sha256: sha256Here, key: foreign, witnesses: [], sound: null, timestamp: null, packetsAlone: true, notHere: (path) => path === "index.html" });
    expect(said(byForeign, "fails")).toEqual([expect.stringContaining("The checkpoint is not signed by the key that was given")]);
    const [row, ...more] = await verifyRows(id);
    expect([row, more]).toMatchObject([{ actor_name: "compliance", item: "Call", reason: "To be checked in the portal" }, []]);
    expect(await verifications(id)).toEqual([]);
  });

  test("PLT-14 a second that was changed in the store is named, and the others hold", async () => {
    const { interactionId: id, recordingId } = await sealCall(stage, tenantId, { seconds: 3, codecs: ["PCMU"] });
    const piece = await pieceOf(recordingId);
    const good = await readFile(piece);
    await writeFile(piece, good.with(good.length - 50, good.at(-50)! ^ 1));
    const report = await inPortal(await proofOf(id));
    expect(said(report, "fails")).toEqual([`${id}: Second 00:02 of track 1 (Adele Vance) cannot be opened: what is stored of it is not what was sealed.`]);
    expect(said(report, "holds").join("\n")).toContain("2 of 3 seconds with sound of track 1 (PCMU) are packet by packet as they were recorded");
    expect((await verifyRows(id))[0]!.detail).toMatchObject({ unopened: [[1, 2]] });
  });

  test("what cannot be read at all is a verification that differs, with one row of evidence", async () => {
    const { interactionId: id, recordingId } = await sealCall(stage, tenantId, { seconds: 1, codecs: ["PCMU"] });
    const piece = await pieceOf(recordingId);
    const good = await readFile(piece);
    await writeFile(piece, good.with(20, good[20]! ^ 1));
    expect((await prove(id)).json().code).toBe("INTEGRITY");
    expect(await verifications(id)).toMatchObject([{ means: "browser", result: "differs", actor_name: "compliance", differing: [expect.stringContaining("is not what was sealed")] }]);
    expect((await verifyRows(id)).length).toBe(1);
  });

  test("it takes the right to hear and the right to read evidence; another tenant's is not found", async () => {
    const { interactionId: id } = await sealCall(stage, tenantId, { seconds: 1, codecs: ["PCMU"] });
    const { personId } = await addPerson(stage.db, tenantId, `own-${Date.now()}@contoso.example`, "User Self View");
    const session = await stage.sessions.create(tenantId, personId, { remoteAddress: "127.0.0.1" });
    expect((await prove(id, { cookie: `${stage.sessionCookie}=${session!.cookie}`, "sec-fetch-site": "same-origin" })).json().detail).toContain("evidence.read");
    const other = await addSealingTenant(stage, "northwind");
    const theirs = await sealCall(stage, other, { seconds: 1, codecs: ["PCMU"] });
    expect((await prove(theirs.interactionId)).statusCode).toBe(404);
  });

  test("an export holds what goes out against the manifest, and that is a verification with a row of its own", async () => {
    const { interactionId: id } = await sealCall(stage, tenantId, { seconds: 2, codecs: ["PCMU"] });
    await unpacked({ reason: "Case 18", interactions: [id] });
    await expect.poll(() => verifications(id), { timeout: 10_000 }).toMatchObject([{ means: "export", result: "holds", actor_name: "compliance", checked: [expect.stringContaining("The manifest"), "All 2 seconds with sound of track 1 (PCMU) were opened, and are what the manifest says was recorded."], differing: [], checkpoint_size: expect.any(Number) }]);
    expect((await verifyRows(id)).map(({ detail }) => detail)).toMatchObject([{ means: "export", result: "holds" }]);

    const broken = await sealCall(stage, tenantId, { seconds: 2, codecs: ["PCMU"] });
    const piece = await pieceOf(broken.recordingId);
    const good = await readFile(piece);
    await writeFile(piece, good.with(good.length - 50, good.at(-50)! ^ 1));
    await unpacked({ reason: "Case 18", interactions: [broken.interactionId] }).catch(() => undefined);
    await expect.poll(() => verifications(broken.interactionId), { timeout: 10_000 }).toMatchObject([{ means: "export", result: "differs", differing: [expect.stringContaining("second 1 of track 1")] }]);
  });
});

describe("who may, and what is refused", () => {
  test("a right of its own, a reason, and interactions or a filter", async () => {
    const id = await addInteraction(stage.db, tenantId, { media_status: "Unavailable" });
    const { personId } = await addPerson(stage.db, tenantId, `own-${Date.now()}@contoso.example`, "User Self View");
    const session = await stage.sessions.create(tenantId, personId, { remoteAddress: "127.0.0.1" });
    const own = await stage.portal.app.inject({ method: "POST", url: "/api/v1/evidence-bundles", headers: { cookie: `${stage.sessionCookie}=${session!.cookie}`, "sec-fetch-site": "same-origin" }, payload: { reason: "x", interactions: [id] } });
    expect(own.statusCode).toBe(403);
    const before = (await exportRows()).length;
    for (const payload of [{ interactions: [id] }, { reason: "", interactions: [id] }, { reason: " ", interactions: [id] }, { reason: "x" }, { reason: "x", interactions: [id], filter: { q: "a" } }, { reason: "x", interactions: [] }, { reason: "x", filter: {} }, { reason: "x", interactions: [id, id] }, { reason: "a\u0000b", interactions: [id] }]) expect((await post(payload)).statusCode, JSON.stringify(payload)).toBe(400);
    expect((await post({ reason: "x", interactions: ["0123456789abcdef01234567"] })).statusCode).toBe(404);
    expect((await post({ reason: "x", filter: { q: "nobody of that name" } })).json().code).toBe("NOTHING_FOUND");
    expect((await exportRows()).length).toBe(before);
  });

  test("OVR-14 another tenant's interactions are not found, and its rows are in no bundle of ours", async () => {
    const other = await addSealingTenant(stage, "fabrikam");
    const theirs = await sealCall(stage, other, { seconds: 1, codecs: ["PCMU"] });
    expect((await post({ reason: "x", interactions: [theirs.interactionId] })).statusCode).toBe(404);
  });

  test("what still runs is refused, and leaves no row", async () => {
    const id = await addInteraction(stage.db, tenantId, { media_status: "Recording" });
    const before = (await exportRows()).length;
    expect((await post({ reason: "x", interactions: [id] })).json().code).toBe("NOT_FINISHED");
    expect((await exportRows()).length).toBe(before);
  });

  test("a key that was destroyed: nothing goes out", async () => {
    const { interactionId: id, recordingId } = await sealCall(stage, tenantId, { seconds: 1, codecs: ["PCMU"] });
    const keys = await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("media_objects").select("key_id").where("minted_at", "=", mintedAt(recordingId)).where("media_id", "=", recordingId).execute());
    for (const { key_id } of keys) await stage.vault.keystore.destroy(tenantId, key_id);
    const answer = await post({ reason: "x", interactions: [id] });
    expect([200, 410]).toContain(answer.statusCode); // a key that was read in the last seconds is still in memory
  });
});
