import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRecordedSound } from "@earwitness/media";
import { checkpointPath, formatVkey, handoverPath, encodeTrackRecord, indexPath, interactionPaths, noteTypes, pagePath, readAll, readTrackFile, sha256Here, trackFileHead, verifyBundle, type BundleReport, type BundleTrust, type TrackRecord } from "./index.ts";
import { asFile, asFiles, forge, handoverNote, newSigner, nodeSha256, origin as bundleOrigin, sampleBundle, type SampleBundle, type SampleOptions } from "./testing/sample-bundle.ts";

const sound = createRecordedSound(null);
const trustIn = ({ signer }: SampleBundle, more: Partial<BundleTrust> = {}): BundleTrust => ({ sha256: nodeSha256, key: signer.key, witnesses: [], sound, timestamp: null, ...more });
const check = async (files: ReadonlyMap<string, Uint8Array>, trust: BundleTrust): Promise<BundleReport> => await verifyBundle(asFiles(files), trust);
const said = (report: BundleReport, kind: string) => report.statements.filter((statement) => statement.kind === kind).map(({ about, where, says }) => `${about} ${where}: ${says}`);
const id = "64b0c1d2a1b2c3d4e5f60000";
const paths = interactionPaths(id);
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const utf8 = (words: string): Uint8Array => new TextEncoder().encode(words);

describe("an honest bundle", () => {
  test.for<[string, SampleOptions]>([
    ["one call", {}],
    ["of many interactions", { interactions: 5 }],
    ["with its data beside the page", { data: "beside", interactions: 2 }],
    ["of a part of a meeting", { seconds: 40, part: { fromMs: 7_300, toMs: 22_000 } }],
    ["with an erased row and a derivation", { erased: true, derivation: true }],
    ["of a long log", { otherRows: 700 }],
    ["of one row short of a power of two", { otherRows: 3 }],
  ])("PLT-14 %s: everything holds", async ([, options]) => {
    const bundle = await sampleBundle(options);
    const report = await check(bundle.files, trustIn(bundle));
    expect(said(report, "fails")).toEqual([]);
    expect(report.holds).toBe(true);
    const seconds = options.part === undefined ? "All 3 seconds" : "14 of 40 seconds";
    expect(said(report, "holds").filter((words) => words.includes(seconds))).toHaveLength((options.interactions ?? 1) * 2);
    expect(said(report, "erased")).toHaveLength(options.erased === true ? 1 : 0);
    expect(said(report, "not checked").join("\n")).toContain("Split view and roll-back: not checked");
  });

  test("the browser's own SHA-256 comes to the same report", async () => {
    const bundle = await sampleBundle();
    expect((await check(bundle.files, trustIn(bundle, { sha256: sha256Here }))).statements).toEqual((await check(bundle.files, trustIn(bundle))).statements);
  });

  test("thousands of checks on bundles of every kind: no false alarm", async () => {
    let checks = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.record({ interactions: fc.integer({ min: 1, max: 4 }), seconds: fc.integer({ min: 1, max: 12 }), tracks: fc.integer({ min: 1, max: 4 }), packets: fc.integer({ min: 1, max: 20 }), otherRows: fc.nat(70), erased: fc.boolean(), derivation: fc.boolean(), data: fc.constantFrom("inside" as const, "beside" as const), from: fc.nat(12_000), length: fc.nat(12_000) }),
        async ({ from, length, ...options }) => {
          const bundle = await sampleBundle({ ...options, part: { fromMs: from, toMs: from + length } });
          const report = await check(bundle.files, trustIn(bundle));
          expect(said(report, "fails")).toEqual([]);
          checks += report.statements.length + bundle.files.size + report.statements.filter(({ about }) => about === "evidence").length;
        },
      ),
      { numRuns: 60 },
    );
    expect(checks).toBeGreaterThan(2_000);
  });

  test("a witness that saw the same is named, one that did not sign fails", async () => {
    const witness = newSigner("witness.example", noteTypes.cosignature);
    const other = newSigner("other.example", noteTypes.cosignature);
    const bundle = await sampleBundle({ witness });
    const seen = await check(bundle.files, trustIn(bundle, { witnesses: [witness.key] }));
    expect(said(seen, "holds").join("\n")).toContain("The witness witness.example has co-signed the checkpoint at 2026-11-18T");
    expect(said(seen, "not checked").join("\n")).not.toContain("Split view");
    expect(said(await check(bundle.files, trustIn(bundle, { witnesses: [witness.key, other.key] })), "fails")).toEqual([`witness ${checkpointPath}: The witness other.example has not co-signed the checkpoint.`]);
  });

  test("without a key of one's own it is of one piece, and whose it is was not checked", async () => {
    const bundle = await sampleBundle();
    const index = await forge(bundle, () => undefined, (about) => ({ ...about, vkeys: [] }));
    expect((await check(index, trustIn(bundle, { key: null }))).holds).toBe(false);
    const withKey = await forge(bundle, () => undefined, (about) => ({ ...about, vkeys: [formatVkey(bundle.signer.key)] }));
    const report = await check(withKey, trustIn(bundle, { key: null }));
    expect(said(report, "fails")).toEqual([]);
    expect(said(report, "not checked").join("\n")).toContain("Whether that key is the log's");
  });

  test("the key that was given handed the log over, or was handed it: both lead to the one that signed", async () => {
    const old = newSigner(bundleOrigin);
    const bundle = await sampleBundle();
    const note = handoverNote(old, bundle.signer, 3);
    const files = await forge(bundle, (one) => void one.set(handoverPath(1), utf8(note)));
    const report = await check(files, trustIn(bundle, { key: old.key }));
    expect(said(report, "fails")).toEqual([]);
    expect(said(report, "holds").join("\n")).toContain("signed by a key that the log's hand-overs lead to from the given one");
    // After the hand-over, the old key speaks for the log no more; and a hand-over that nobody signed leads nowhere.
    const tooLate = await forge(bundle, (one) => void one.set(handoverPath(1), utf8(handoverNote(old, bundle.signer, 3_000))));
    expect((await check(tooLate, trustIn(bundle, { key: old.key }))).holds).toBe(false);
    const unsigned = await forge(bundle, (one) => void one.set(handoverPath(1), utf8(handoverNote(newSigner(bundleOrigin), bundle.signer, 3))));
    expect((await check(unsigned, trustIn(bundle, { key: old.key }))).holds).toBe(false);
  });

  test("what has no proof behind it is named", async () => {
    const bundle = await sampleBundle();
    const files = await forge(bundle, (one) => void one.set(paths.vcon, utf8("{}")).set("notes.txt", utf8("hello")));
    const report = await check(files, trustIn(bundle));
    expect(report.holds).toBe(true);
    expect(said(report, "not checked").join("\n")).toMatch(/vcon.json is a copy for other programs; no proof covers it[^]*notes.txt is in the bundle as it was exported; no proof covers it/);
    expect(said(await check(bundle.files, trustIn(bundle, { sound: null })), "not checked").filter((words) => words.includes("there is no decoder here"))).toHaveLength(3);
  });
});

describe("a bundle that somebody touched", () => {
  const small: SampleOptions = { seconds: 2, tracks: 1, packets: 1, otherRows: 2 };

  test("PLT-14 bytes flipped anywhere in its files: each is noticed, and the file is named", async () => {
    const bundle = await sampleBundle(small);
    let tried = 0;
    for (const [path, bytes] of bundle.files) {
      const step = Math.max(1, Math.floor(bytes.length / 40));
      for (let at = 0; at < bytes.length; at += step) {
        const files = new Map(bundle.files).set(path, bytes.with(at, bytes[at]! ^ (1 << tried % 8)));
        const report = await check(files, trustIn(bundle));
        const where = report.statements.filter(({ kind }) => kind === "fails").map((statement) => statement.where);
        expect(report.holds, `byte ${at} of ${path}`).toBe(false);
        if (path !== indexPath) expect(where, `byte ${at} of ${path}`).toContain(path);
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(300);
  });

  test("PLT-14 bytes changed by somebody who then makes the bundle anew: each is noticed all the same", async () => {
    const bundle = await sampleBundle(small);
    let tried = 0;
    for (const [path, bytes] of bundle.files) {
      if (path === indexPath || path === pagePath) continue;
      const step = Math.max(1, Math.floor(bytes.length / 30));
      for (let at = 0; at < bytes.length; at += step) {
        const files = await forge(bundle, (one) => void one.set(path, bytes.with(at, bytes[at]! ^ (1 << tried % 8))));
        const report = await check(files, trustIn(bundle));
        expect(report.holds, `byte ${at} of ${path}`).toBe(false);
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(200);
  });

  test("every file that is missing is named, and so is one too many", async () => {
    const bundle = await sampleBundle({ data: "beside", derivation: true });
    for (const path of bundle.files.keys()) {
      const files = new Map(bundle.files);
      files.delete(path);
      const report = await check(files, trustIn(bundle));
      expect(report.holds, path).toBe(false);
      expect(said(report, "fails").join("\n"), path).toContain(path);
      // Taken out of the list as well, it is still missed.
      if (path === indexPath || path === pagePath || path.startsWith("data/") || path === paths.metadata(1)) continue;
      expect((await check(await forge(bundle, (one) => void one.delete(path)), trustIn(bundle))).holds, path).toBe(false);
    }
    const more = await check(new Map(bundle.files).set("audio/really.wav", utf8("RIFF")), trustIn(bundle));
    expect(said(more, "fails")).toEqual(["file audio/really.wav: audio/really.wav is in the bundle and bundle.json does not know it: nothing vouches for it."]);
  });

  test("files cut short, files swapped", async () => {
    const bundle = await sampleBundle({ interactions: 2 });
    for (const [path, bytes] of bundle.files) {
      for (const length of [0, 1, Math.floor(bytes.length / 2), bytes.length - 1]) expect((await check(new Map(bundle.files).set(path, bytes.subarray(0, length)), trustIn(bundle))).holds, path).toBe(false);
    }
    const all = [...bundle.files.keys()].filter((path) => path !== indexPath && path !== pagePath);
    for (const one of all) {
      const other = all[(all.indexOf(one) + 1) % all.length]!;
      const files = await forge(bundle, (given) => void given.set(one, bundle.files.get(other)!).set(other, bundle.files.get(one)!));
      expect((await check(files, trustIn(bundle))).holds, `${one} and ${other}`).toBe(false);
    }
  });

  test("rows moved to another interaction, repeated, or of another tenant", async () => {
    const bundle = await sampleBundle({ interactions: 2 });
    const other = interactionPaths("64b0c1d2a1b2c3d4e5f60001");
    const mine = text(bundle.files.get(paths.evidence)).trimEnd().split("\n");
    const theirs = text(bundle.files.get(other.evidence)).trimEnd().split("\n");
    const rows = async (lines: readonly string[]) => said(await check(await forge(bundle, (one) => void one.set(paths.evidence, utf8(`${lines.join("\n")}\n`))), trustIn(bundle)), "fails").join("\n");
    expect(await rows([...mine, theirs[1]!])).toContain("it is about something else");
    expect(await rows([...mine, mine[0]!])).toContain("two rows claim the same place");
    expect(await rows([theirs[0]!, ...mine.slice(1)])).toContain("it is about something else");
    const foreign = await sampleBundle({ tenantId: "11111111-7425-40de-944b-e07fc1f90ae7" });
    expect(await rows([...mine, text(foreign.files.get(paths.evidence)).split("\n")[0]!])).toContain("two rows claim the same place");
    expect(await rows([text(foreign.files.get(paths.evidence)).split("\n")[0]!, ...mine.slice(1)])).toContain("it is another tenant's");
    expect(await rows(mine.filter((line) => !line.includes("Recording Finalized")))).toContain("nothing vouches for the manifest");
    expect(await rows(mine.filter((line) => !line.includes('"Export"')))).toContain("The log has no row of this export");
  });

  test("proofs from a log of another size, and another log's checkpoint", async () => {
    const bundle = await sampleBundle();
    const longer = await sampleBundle({ otherRows: 40, signer: bundle.signer });
    const proofs = await check(await forge(bundle, (one) => void one.set(paths.evidence, longer.files.get(paths.evidence)!)), trustIn(bundle));
    expect(said(proofs, "fails").filter((words) => words.includes("it was altered, or never written"))).toHaveLength(5);
    const head = await check(await forge(bundle, (one) => void one.set(checkpointPath, longer.files.get(checkpointPath)!)), trustIn(bundle));
    expect(said(head, "fails").filter((words) => words.includes("it was altered, or never written"))).toHaveLength(5);
    const stranger = newSigner("elsewhere.example/log/x");
    const elsewhere = await sampleBundle({ signer: stranger });
    expect(said(await check(await forge(bundle, (one) => void one.set(checkpointPath, elsewhere.files.get(checkpointPath)!)), trustIn(bundle)), "fails").join("\n")).toContain("The checkpoint is of the log elsewhere.example/log/x");
  });

  test("a key that is not the log's: nothing is in the log", async () => {
    const bundle = await sampleBundle();
    const report = await check(bundle.files, trustIn(bundle, { key: newSigner(bundle.signer.key.name).key }));
    expect(said(report, "fails").join("\n")).toContain("is not signed by");
    expect(said(report, "not checked").join("\n")).toContain("there is no checkpoint to rely on");
  });

  test("a second put to another time, taken out, repeated or said twice", async () => {
    const bundle = await sampleBundle({ seconds: 6 });
    const records: TrackRecord[] = [];
    for await (const record of readTrackFile(asFile("", bundle.files.get(paths.packets(1))!).open())) records.push(record);
    const track = async (changed: readonly TrackRecord[]) => {
      const bytes = await readAll(asFile("", Buffer.concat([trackFileHead, ...changed.map(encodeTrackRecord)])).open(), 1e9, "");
      return said(await check(await forge(bundle, (one) => void one.set(paths.packets(1), bytes)), trustIn(bundle)), "fails").join("\n");
    };
    const altered = "The packets of track 1 are not the ones that were recorded";
    expect(await track(records)).toBe("");
    expect(await track(records.map((record, at) => (at === 5 && record.kind === "second" ? { ...record, second: 9 } : record)))).toContain(altered);
    expect(await track(records.slice(0, -1))).toContain(altered);
    expect(await track(records.slice(1))).toContain(altered);
    expect(await track([...records, records.at(-1)!])).toContain(altered);
    expect(await track([records[1]!, records[0]!, ...records.slice(2)])).toContain("Second 0 comes after second 1");
    expect(await track(records.map((record) => (record.kind === "second" ? { ...record, plaintext: record.plaintext.subarray(0, -1) } : record)))).toContain(altered);
  });

  test("a bundle that says another reason, exporter or tenant than the log", async () => {
    const bundle = await sampleBundle();
    const about = async (change: Parameters<typeof forge>[2]) => said(await check(await forge(bundle, () => undefined, change), trustIn(bundle)), "fails").join("\n");
    expect(await about((index) => ({ ...index, reason: "No reason" }))).toContain("different things about why");
    expect(await about((index) => ({ ...index, exportedBy: { ...index.exportedBy, name: "Nobody" } }))).toContain("different things about who exported it");
    expect(await about((index) => ({ ...index, exportedAt: "2020-01-01T00:00:00.000Z" }))).toContain("different things about when");
    expect(await about((index) => ({ ...index, tenant: { ...index.tenant, name: "Fabrikam" } }))).toContain("different things about whose it is");
    expect(await about((index) => ({ ...index, bundleId: "other" }))).toContain("The log has no row of this export");
    expect(await about((index) => ({ ...index, interactions: index.interactions.map((one) => ({ ...one, toMs: one.toMs - 1 })) }))).toContain("another part of the recording is this interaction's");
  });

  test("a page that shows something else than the files", async () => {
    for (const data of ["inside", "beside"] as const) {
      const bundle = await sampleBundle({ data });
      const other = await sampleBundle({ data, seconds: 5 });
      for (const path of [...bundle.files.keys()].filter((one) => one === pagePath || one.startsWith("data/"))) {
        const report = await check(new Map(bundle.files).set(path, other.files.get(path)!), trustIn(bundle));
        const isSame = text(other.files.get(path)) === text(bundle.files.get(path));
        expect(report.holds, path).toBe(isSame);
        if (!isSame) expect(said(report, "fails").join("\n")).toContain("page ");
      }
      const page = text(bundle.files.get(pagePath)).replace("show();", "lie();;");
      expect(said(await check(new Map(bundle.files).set(pagePath, utf8(page)), trustIn(bundle)), "fails")).toEqual(["page index.html: The page's own code is not what was exported."]);
    }
  });

  test("an erased row without its certificate was altered", async () => {
    const bundle = await sampleBundle({ erased: true });
    const lines = text(bundle.files.get(paths.evidence)).trimEnd().split("\n").filter((line) => !line.includes('"action":"Erase"'));
    const report = await check(await forge(bundle, (one) => void one.set(paths.evidence, utf8(`${lines.join("\n")}\n`))), trustIn(bundle));
    expect(said(report, "fails").join("\n")).toContain("no row of the log says that it was erased: it was altered");
  });

  test("whatever the bytes, checking ends in a report", async () => {
    const bundle = await sampleBundle(small);
    const names = [...bundle.files.keys()];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...names), fc.uint8Array({ maxLength: 300 })), { minLength: 1, maxLength: 3 }), async (changes) => {
        const files = await forge(bundle, (one) => changes.forEach(([path, bytes]) => path !== indexPath && one.set(path, bytes)));
        const report = await check(files, trustIn(bundle));
        expect(report.statements.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
    for (const bytes of [utf8("{}"), utf8("[]"), utf8("null"), utf8(""), utf8('{"format":"earwitness/evidence-bundle/9"}'), Uint8Array.of(0xff)]) {
      expect(await check(new Map([[indexPath, bytes]]), trustIn(bundle))).toMatchObject({ holds: false, unreadable: true });
    }
    expect(await check(new Map(), trustIn(bundle))).toMatchObject({ holds: false, unreadable: true });
  });
});
