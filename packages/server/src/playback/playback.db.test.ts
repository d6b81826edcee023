import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withTenant } from "#db";
import { mintedAt } from "#ids";
import { NotAuthentic } from "#vault";
import { addInteraction, addPerson, addRecording, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import type { OpenReader } from "./sound.ts";
import { addProfile } from "../testing/test-tenant.ts";

const by = { kind: "machine", id: "test", name: "Test" } as const;
const rate = 8_000;
const durationMs = 6_000;

/** What a wire track sounds like at a sample; different for every track and moment. */
const sampleAt = (track: number, at: number) => track * 8_000 + (at % 7_919);

/** A sound made up of `sampleAt`, that counts what is asked of it and fails on demand. */
const sound = { opened: 0, closed: 0, reads: 0, failFrom: Number.POSITIVE_INFINITY, waitMs: 0 };
const openReader: OpenReader = async ({ tracks }) => {
  sound.opened++;
  return {
    durationMs,
    sampleRate: rate,
    tracks: tracks.map((track) => track.track),
    async readPcm(track, fromSample, count) {
      sound.reads++;
      if (sound.waitMs > 0) await new Promise((resolve) => setTimeout(resolve, sound.waitMs));
      if (fromSample + count > sound.failFrom) throw new NotAuthentic("piece-1, second 3");
      return Int16Array.from({ length: count }, (_, index) => sampleAt(track, fromSample + index));
    },
    close: async () => void sound.closed++,
  };
};

let stage: TestPortal;
let tenantId: string;
let key: string;
let id: string;
let mediaId: string;

beforeAll(async () => {
  stage = await createTestPortal({ openReader });
  tenantId = await addSealingTenant(stage, "contoso");
  key = (await stage.apiKeys.create(tenantId, { name: "listener", profile: "Admin" }, by)).key;
  id = await addInteraction(stage.db, tenantId);
  mediaId = await addRecording(stage.db, tenantId, id, {
    durationMs,
    manifestSha256: createHash("sha256").update("manifest").digest(),
    tracks: [
      { track: 1, offsetMs: 0, durationMs: 6_000 },
      { track: 2, offsetMs: 500, durationMs: 5_000 },
    ],
  });
});
afterAll(() => stage.close());
beforeEach(() => Object.assign(sound, { opened: 0, closed: 0, reads: 0, failFrom: Number.POSITIVE_INFINITY, waitMs: 0 }));

const get = (path: string, headers: Record<string, string> = {}, method: "GET" | "HEAD" = "GET") =>
  stage.portal.app.inject({ method, url: `/api/v1/interactions/${path}`, headers: { authorization: `Bearer ${key}`, ...headers } });
const openPlay = async (interactionId = id, payload: object = {}) =>
  (await stage.portal.app.inject({ method: "POST", url: `/api/v1/interactions/${interactionId}/plays`, headers: { authorization: `Bearer ${key}` }, payload })).json().playId as string;
const evidence = (action: string, subject = id) =>
  withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").selectAll().where("action", "=", action).where("subject", "=", subject).execute());

const samplesOf = (wav: Buffer, headerBytes = 44) => Array.from({ length: (wav.length - headerBytes) / 2 }, (_, index) => wav.readInt16LE(headerBytes + index * 2));
const saturated = (sum: number) => Math.max(-32_768, Math.min(32_767, sum));

describe("the files", () => {
  test("CAP-70 all speakers mixed: a WAV of the whole recording, sample by sample", async () => {
    const answer = await get(`${id}/media`);
    expect([answer.statusCode, answer.headers["content-type"], answer.headers["accept-ranges"], answer.headers["content-length"]]).toEqual([200, "audio/wav", "bytes", String(44 + 6 * rate * 2)]);
    const samples = samplesOf(answer.rawPayload);
    expect(samples.length).toBe(6 * rate);
    for (const at of [0, 1, 4_000, 20_000, 47_999]) {
      expect(samples[at]).toBe(saturated(sampleAt(1, at) + sampleAt(2, at)));
    }
    expect(answer.rawPayload.readUInt32LE(24)).toBe(rate);
    expect([sound.opened, sound.closed]).toEqual([1, 1]);
  });

  test("CAP-69 one channel per speaker, in the order of the tracks", async () => {
    const answer = await get(`${id}/media?layout=channels`);
    expect(answer.rawPayload.readUInt16LE(22)).toBe(2);
    const samples = samplesOf(answer.rawPayload);
    for (const at of [0, 5_000, 47_999]) expect([samples[at * 2], samples[at * 2 + 1]]).toEqual([sampleAt(1, at), sampleAt(2, at)]);
  });

  test("CAP-69 one speaker alone, from their first sample to their last", async () => {
    const answer = await get(`${id}/media/2`);
    const samples = samplesOf(answer.rawPayload);
    expect(samples.length).toBe(5 * rate);
    expect([samples[0], samples[1], samples.at(-1)]).toEqual([sampleAt(2, 4_000), sampleAt(2, 4_001), sampleAt(2, 43_999)]);
  });

  test("an unknown track, layout or interaction is refused", async () => {
    expect((await get(`${id}/media/3`)).statusCode).toBe(404);
    expect((await get(`${id}/media/0`)).statusCode).toBe(400);
    expect((await get(`${id}/media?layout=quadrophonic`)).json().errors[0].where).toBe("query.layout");
    expect((await get("0123456789abcdef01234567/media")).statusCode).toBe(404);
    expect((await get("nonsense/media")).statusCode).toBe(400);
  });

  test("two speakers on one wire track are two tracks, each silent where the other spoke", async () => {
    const other = await addInteraction(stage.db, tenantId);
    await addRecording(stage.db, tenantId, other, {
      durationMs: 2_000,
      tracks: [
        { track: 1, sourceTrack: 1, fromMs: 0, toMs: 1_000, offsetMs: 0, durationMs: 1_000 },
        { track: 2, sourceTrack: 1, fromMs: 1_000, toMs: 2_000, offsetMs: 1_000, durationMs: 1_000 },
      ],
    });
    const channels = samplesOf((await get(`${other}/media?layout=channels`)).rawPayload);
    expect([channels[2 * 7_999], channels[2 * 7_999 + 1]]).toEqual([sampleAt(1, 7_999), 0]);
    expect([channels[2 * 8_000], channels[2 * 8_000 + 1]]).toEqual([0, sampleAt(1, 8_000)]);
    const second = samplesOf((await get(`${other}/media/2`)).rawPayload);
    expect([second.length, second[0]]).toEqual([8_000, sampleAt(1, 8_000)]);
  });

  test("CAP-51 outside of the person's part there is silence, in every file", async () => {
    const other = await addInteraction(stage.db, tenantId);
    await addRecording(stage.db, tenantId, other, { durationMs, fromMs: 1_000, toMs: 2_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 6_000 }] });
    for (const path of [`${other}/media`, `${other}/media?layout=channels`, `${other}/media/1`]) {
      const samples = samplesOf((await get(path)).rawPayload);
      expect(samples.length).toBe(6 * rate);
      const heard = samples.flatMap((sample, at) => (sample === 0 ? [] : [at]));
      expect([heard[0], heard.at(-1)]).toEqual([8_000, 15_999]);
    }
    const detail = (await get(other)).json();
    expect(detail.tracks[0].speech).toEqual([[1_000, 2_000]]);
    expect([detail.recording.fromMs, detail.recording.toMs, detail.recording.durationMs]).toEqual([1_000, 2_000, 6_000]);
  });
});

describe("ranges", () => {
  test("any range equals the same slice of the whole file", async () => {
    const play = await openPlay();
    for (const path of [`${id}/media?play=${play}`, `${id}/media?play=${play}&layout=channels`, `${id}/media/2?play=${play}`]) {
      const whole = (await get(path)).rawPayload;
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(whole.length - 1), async (a, b) => {
          const [from, to] = [Math.min(a, b), Math.max(a, b)];
          const answer = await get(path, { range: `bytes=${from}-${to}` });
          expect([answer.statusCode, answer.headers["content-range"], answer.headers["content-length"]]).toEqual([206, `bytes ${from}-${to}/${whole.length}`, String(to - from + 1)]);
          expect(answer.rawPayload.equals(whole.subarray(from, to + 1))).toBe(true);
        }),
        { numRuns: 15 },
      );
    }
  });

  test("a range beyond the end is 416 and says how long the file is; several ranges are answered whole", async () => {
    const beyond = await get(`${id}/media`, { range: "bytes=99999999-" });
    expect([beyond.statusCode, beyond.headers["content-range"], beyond.json().code]).toEqual([416, `bytes */${44 + 6 * rate * 2}`, "RANGE_NOT_SATISFIABLE"]);
    expect((await get(`${id}/media`, { range: "bytes=0-1,4-5" })).statusCode).toBe(200);
  });

  test("a HEAD says what a GET would send, reads nothing and is no play", async () => {
    const before = (await evidence("Play")).length;
    const answer = await get(`${id}/media/1`, {}, "HEAD");
    expect([answer.statusCode, answer.headers["content-length"], answer.headers["content-type"], answer.rawPayload.length]).toEqual([200, String(44 + 6 * rate * 2), "audio/wav", 0]);
    expect([sound.opened, (await evidence("Play")).length]).toEqual([0, before]);
    for (const range of ["bytes=0-9", "bytes=99999999-"]) {
      const ranged = await get(`${id}/media/1`, { range }, "HEAD"); // RFC 9110, section 14.2: ranges are for GET alone
      expect([ranged.statusCode, ranged.headers["content-length"], ranged.headers["content-range"]]).toEqual([200, String(44 + 6 * rate * 2), undefined]);
    }
  });

  test("the entity tag is strong, the same for the same bytes, and decides over If-None-Match and If-Range", async () => {
    const { headers } = await get(`${id}/media`, {}, "HEAD");
    const etag = String(headers["etag"]);
    expect(etag).toMatch(/^"[\w-]{32}"$/);
    const tags = await Promise.all(["media?layout=channels", "media/1", "media/2"].map(async (path) => (await get(`${id}/${path}`, {}, "HEAD")).headers["etag"]));
    expect(new Set([etag, ...tags]).size).toBe(4);
    const cached = await get(`${id}/media`, { "if-none-match": etag });
    expect([cached.statusCode, cached.body, cached.headers["etag"]]).toEqual([304, "", etag]);
    expect((await get(`${id}/media`, { range: "bytes=0-9", "if-range": etag })).statusCode).toBe(206);
    expect((await get(`${id}/media`, { range: "bytes=0-9", "if-range": '"other"' })).statusCode).toBe(200);
  });

  test("a short range reads a second of each speaker, not the recording", async () => {
    await get(`${id}/media`, { range: "bytes=40044-40143" });
    expect(sound.reads).toBe(2);
  });

  test("no caller downloads more than 32 recordings at once; one that ends makes room", async () => {
    sound.waitMs = 300;
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(`${id}/media/1`, { range: "bytes=44-45" })));
    expect(answers.filter(({ statusCode }) => statusCode === 206)).toHaveLength(32);
    expect(answers.find(({ statusCode }) => statusCode === 429)?.json()).toMatchObject({ code: "TOO_MANY_DOWNLOADS" });
    sound.waitMs = 0;
    for (let again = 0; again < 40; again++) expect((await get(`${id}/media/1`, { range: "bytes=44-45" })).statusCode).toBe(206);
  });

  test("who hangs up stops the work", async () => {
    sound.waitMs = 40;
    const long = await addInteraction(stage.db, tenantId);
    await addRecording(stage.db, tenantId, long, { durationMs: 3_600_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 3_600_000 }] });
    const { port } = await stage.portal.listen({ host: "127.0.0.1", port: 0 });
    const socket = connect(port, "127.0.0.1");
    socket.write(`GET /api/v1/interactions/${long}/media HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\n\r\n`);
    await new Promise((resolve) => socket.once("data", resolve));
    socket.destroy();
    await expect.poll(() => sound.closed, { timeout: 3_000 }).toBe(1);
    const { reads } = sound;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(sound.reads).toBe(reads);
    expect(reads).toBeLessThan(60);
  });
});

describe("plays", () => {
  test("INT-48 beginning to listen writes one row: action Play on item Call", async () => {
    const fresh = await addInteraction(stage.db, tenantId);
    await addRecording(stage.db, tenantId, fresh, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    const playId = await openPlay(fresh, { track: 1 });
    const rows = await evidence("Play", fresh);
    expect(rows).toMatchObject([{ action: "Play", item: "Call", subject: fresh, actor_kind: "api_key", actor_name: "listener", detail: { playId, track: 1, implicit: false } }]);
    for (let request = 0; request < 3; request++) expect((await get(`${fresh}/media/1?play=${playId}`, { range: `bytes=${request}-` })).statusCode).toBe(206);
    expect((await evidence("Play", fresh)).length).toBe(1);
  });

  test("without a play id the first of many requests at once writes the one row", async () => {
    const fresh = await addInteraction(stage.db, tenantId);
    await addRecording(stage.db, tenantId, fresh, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    await Promise.all(Array.from({ length: 12 }, (_, at) => get(`${fresh}/media`, { range: `bytes=${at * 10}-` })));
    expect(await evidence("Play", fresh)).toMatchObject([{ detail: { track: "mixed", implicit: true } }]);
    await get(`${fresh}/media?layout=channels`);
    expect((await evidence("Play", fresh)).length).toBe(1);
    await get(`${fresh}/media/1`);
    expect((await evidence("Play", fresh)).length).toBe(2);
    const other = (await stage.apiKeys.create(tenantId, { name: "other", profile: "Admin" }, by)).key;
    await get(`${fresh}/media`, { authorization: `Bearer ${other}` });
    expect((await evidence("Play", fresh)).length).toBe(3);
    // After a quarter of an hour it is another listening.
    await withTenant(stage.db, tenantId, (tx) => tx.deleteFrom("plays").where("interaction_id", "=", fresh).execute());
    await get(`${fresh}/media`);
    expect((await evidence("Play", fresh)).length).toBe(4);
  });

  test("a play id of somebody else, of another call, of another track or from nowhere is refused", async () => {
    const playId = await openPlay();
    const other = (await stage.apiKeys.create(tenantId, { name: "thief", profile: "Admin" }, by)).key;
    const trackPlay = await openPlay(id, { track: 1 });
    const fresh = await addInteraction(stage.db, tenantId);
    await addRecording(stage.db, tenantId, fresh, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    const refused = await Promise.all([
      get(`${id}/media?play=${playId}`, { authorization: `Bearer ${other}` }),
      get(`${fresh}/media?play=${playId}`),
      get(`${id}/media/2?play=${trackPlay}`),
      get(`${id}/media?play=${trackPlay}`),
      get(`${id}/media?play=00000000-0000-4000-8000-000000000000`),
    ]);
    expect(refused.map((answer) => [answer.statusCode, answer.json().code])).toEqual(refused.map(() => [403, "PLAY_UNKNOWN"]));
    expect((await get(`${id}/media/2?play=${playId}`)).statusCode).toBe(200);
    expect((await get(`${id}/media?play=nonsense`)).statusCode).toBe(400);
  });

  test.each(["Recording", "Pending", "Failed", "Unavailable", "Deleted"] as const)("CAP-19 in state %s nothing is played, and the answer says why", async (status) => {
    const other = await addInteraction(stage.db, tenantId, { media_status: status });
    await addRecording(stage.db, tenantId, other, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    for (const answer of [await get(`${other}/media`), await get(`${other}/media/1`), await get(`${other}/peaks`), await stage.portal.app.inject({ method: "POST", url: `/api/v1/interactions/${other}/plays`, headers: { authorization: `Bearer ${key}` }, payload: {} })]) {
      expect([answer.statusCode, answer.json().code]).toEqual([409, "NOT_PLAYABLE"]);
      expect(answer.json().detail).toContain(status);
    }
    expect(await evidence("Play", other)).toEqual([]);
  });

  test("OVR-14 another tenant's recording, and one out of scope, are not found", async () => {
    const fabrikam = await addSealingTenant(stage, "fabrikam");
    const foreign = (await stage.apiKeys.create(fabrikam, { name: "foreign", profile: "Admin" }, by)).key;
    const own = (await stage.apiKeys.create(tenantId, { name: "own", profile: await addProfile(stage.db, tenantId) }, by)).key;
    for (const authorization of [`Bearer ${foreign}`, `Bearer ${own}`]) {
      for (const path of ["media", "media/1", "peaks"]) expect((await get(`${id}/${path}`, { authorization })).statusCode).toBe(404);
      const answer = await stage.portal.app.inject({ method: "POST", url: `/api/v1/interactions/${id}/plays`, headers: { authorization }, payload: {} });
      expect(answer.statusCode).toBe(404);
    }
  });

  test("a person hears their own calls and no others", async () => {
    const adele = await addPerson(stage.db, tenantId, "adele@contoso.example", "User Self View");
    const mine = await addInteraction(stage.db, tenantId, { person_id: adele.personId });
    await addRecording(stage.db, tenantId, mine, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    const session = await stage.sessions.create(tenantId, adele.personId, { remoteAddress: "127.0.0.1" });
    const ask = (path: string) => stage.portal.app.inject({ url: `/api/v1/interactions/${path}`, headers: { cookie: `${stage.sessionCookie}=${session!.cookie}` } });
    expect([(await ask(`${mine}/media`)).statusCode, (await ask(`${id}/media`)).statusCode, (await ask(`${mine}/manifest`)).statusCode]).toEqual([200, 404, 403]);
    expect((await evidence("Play", mine))[0]).toMatchObject({ actor_kind: "person", actor_id: adele.personId });
  });
});

describe("what was sealed", () => {
  async function seal(kind: "piece" | "peaks" | "manifest" | "opus", seq: number, bytes: Uint8Array, of = mediaId): Promise<string> {
    const tenant = { tenantId, ...(await stage.vault.keyring.ensure(tenantId)) };
    const dataKey = await stage.vault.createDataKey(tenant);
    const name = `${tenantId}/${of}/${kind}-${dataKey.keyId}`;
    const { sizeBytes, sha256 } = await stage.vault.putSealed(name, dataKey, tenantId, bytes);
    await withTenant(stage.db, tenantId, (tx) =>
      tx
        .insertInto("media_objects")
        .values({ tenant_id: tenantId, minted_at: mintedAt(of), media_id: of, object_name: name, kind, seq, key_id: dataKey.keyId, size_bytes: sizeBytes, sha256: Buffer.from(sha256, "hex"), stored_at: new Date() })
        .execute(),
    );
    return name;
  }

  test("the manifest comes byte for byte as it was sealed, each revision by its number", async () => {
    const manifest = Buffer.from('{"manifest":"earwitness/1", "odd  spacing": true}');
    await seal("manifest", 1, manifest);
    await seal("manifest", 2, Buffer.from('{"revision":2}'));
    const answer = await get(`${id}/manifest`);
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "application/json"]);
    expect(answer.rawPayload.equals(manifest)).toBe(true);
    expect((await get(`${id}/manifest?revision=2`)).body).toBe('{"revision":2}');
    expect((await get(`${id}/manifest?revision=3`)).statusCode).toBe(404);
  });

  test("the entity tag changes when only the compacted sound is left", async () => {
    const other = await addInteraction(stage.db, tenantId);
    const otherMedia = await addRecording(stage.db, tenantId, other, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    const piece = await seal("piece", 1, Buffer.from("piece"), otherMedia);
    const tag = async () => (await get(`${other}/media`, {}, "HEAD")).headers["etag"];
    const original = await tag();
    await seal("opus", 1, Buffer.from("opus"), otherMedia);
    expect(await tag()).toBe(original);
    await withTenant(stage.db, tenantId, (tx) => tx.deleteFrom("media_objects").where("object_name", "=", piece).execute());
    expect(await tag()).not.toBe(original);
  });

  test("peaks are zero outside of the person's part", async () => {
    const other = await addInteraction(stage.db, tenantId);
    const otherMedia = await addRecording(stage.db, tenantId, other, { durationMs: 1_000, fromMs: 300, toMs: 500, tracks: [{ track: 1, offsetMs: 200, durationMs: 800 }] });
    await seal("peaks", 1, Buffer.from(JSON.stringify({ stepMs: 100, tracks: [{ track: 1, peaks: [9, 8, 7, 6, 5, 4, 3, 2] }] })), otherMedia);
    expect((await get(`${other}/peaks`)).json()).toEqual({ stepMs: 100, tracks: [{ track: 1, peaks: [0, 8, 7, 0, 0, 0, 0, 0] }] });
  });

  test("CAP-70 the compacted Opus is served as audio/ogg in any range, where there is one and it is all theirs", async () => {
    const ogg = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 31) & 0xff));
    expect((await get(`${id}/media/1?format=ogg`)).json().code).toBe("NOT_COMPACTED");
    await seal("opus", 1, ogg);
    const whole = await get(`${id}/media/1?format=ogg`);
    expect([whole.statusCode, whole.headers["content-type"], whole.rawPayload.equals(ogg)]).toEqual([200, "audio/ogg", true]);
    const part = await get(`${id}/media/1?format=ogg`, { range: "bytes=65530-131080" });
    expect([part.statusCode, part.rawPayload.equals(ogg.subarray(65_530, 131_081))]).toEqual([206, true]);
    // The address without a format means the same bytes as before.
    expect((await get(`${id}/media/1`)).headers["content-type"]).toBe("audio/wav");
    const partly = await addInteraction(stage.db, tenantId);
    await addRecording(stage.db, tenantId, partly, { durationMs: 1_000, toMs: 500, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    expect((await get(`${partly}/media/1?format=ogg`)).json().code).toBe("NOT_OFFERED");
  });

  test("a damaged object is a problem with the code INTEGRITY, in the log and in the evidence", async () => {
    const other = await addInteraction(stage.db, tenantId);
    const otherMedia = await addRecording(stage.db, tenantId, other, { durationMs: 1_000, tracks: [{ track: 1, offsetMs: 0, durationMs: 1_000 }] });
    const path = join(stage.storeDir, await seal("manifest", 1, Buffer.from('{"true":1}'), otherMedia));
    const bytes = await readFile(path);
    bytes[bytes.length - 20]! ^= 1;
    await writeFile(path, bytes);
    const answer = await get(`${other}/manifest`);
    expect([answer.statusCode, answer.json().code]).toEqual([500, "INTEGRITY"]);
    expect(await evidence("Integrity Failure", other)).toMatchObject([{ item: "Call", actor_name: "listener" }]);
    expect(stage.logged.some((line) => line.includes(other) && line.includes("does not match its seal"))).toBe(true);
  });

  test("sound that does not match its seal is an error before the first byte, and cuts a running answer off", async () => {
    sound.failFrom = 0;
    const refused = await get(`${id}/media`);
    expect([refused.statusCode, refused.headers["content-type"], refused.json().code]).toEqual([500, "application/problem+json", "INTEGRITY"]);
    expect([sound.opened, sound.closed]).toEqual([1, 1]);
    sound.failFrom = 3 * rate;
    const before = (await evidence("Integrity Failure")).length;
    const { app } = stage.portal;
    const address = app.server.address();
    const port = address !== null && typeof address === "object" ? address.port : (await stage.portal.listen({ host: "127.0.0.1", port: 0 })).port;
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/interactions/${id}/media`, { headers: { authorization: `Bearer ${key}` } });
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
    await expect.poll(async () => (await evidence("Integrity Failure")).length).toBe(before + 1);
    await expect.poll(() => sound.closed).toBe(2);
  });
});
