/** Evidence bundles for tests: a log with real signatures, recordings with real packets, everything as the server would write it. */
import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { createRecordedSound, encodeG711 } from "@earwitness/media";
import {
  chunkLeaf,
  coverLeaves,
  createMerkleTree,
  dataPlace,
  dataScript,
  dataScriptPath,
  besideData,
  checkpointPath,
  cosignedText,
  encodeTrackRecord,
  formatBundleIndex,
  formatCheckpoint,
  formatEvidenceLine,
  formatHandover,
  formatNote,
  formatVkey,
  inclusionProof,
  indexPath,
  interactionPaths,
  mixedSpan,
  noteKey,
  noteTypes,
  pageData,
  pageFiles,
  pagePath,
  parseBundleIndex,
  parseManifest,
  readAll,
  rowLeaf,
  saltedDigest,
  secondsOf,
  toHex,
  trackFileHead,
  voicesOf,
  type BundledInteraction,
  type BundleFile,
  type BundleIndex,
  type EvidenceRow,
  type NoteKey,
  type Sha256,
} from "../index.ts";

export const nodeSha256: Sha256 = {
  of: (bytes) => createHash("sha256").update(bytes).digest(),
  begin() {
    const running = createHash("sha256");
    return { update: (bytes) => void running.update(bytes), digest: () => running.digest() };
  },
};
const hex = (bytes: Uint8Array): string => toHex(nodeSha256.of(bytes));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface Signer {
  readonly key: NoteKey;
  readonly secret: KeyObject;
}

export function newSigner(name: string, type: number = noteTypes.ed25519): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return { key: noteKey(name, type, new Uint8Array(raw)), secret: privateKey };
}

/** Numbers that look random and are the same in every run. */
export function bytesOf(seed: string, length: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += 32) parts.push(createHash("sha256").update(`${seed}/${at}`).digest());
  return new Uint8Array(Buffer.concat(parts).subarray(0, length));
}

export interface SampleOptions {
  readonly interactions?: number;
  readonly seconds?: number;
  readonly tracks?: number;
  /** Of 20 ms, in each second; fewer make a bundle of fewer bytes. */
  readonly packets?: number;
  /** The interaction's part of the recording; everything by default. */
  readonly part?: { readonly fromMs: number; readonly toMs: number };
  readonly witness?: Signer;
  readonly signer?: Signer;
  readonly data?: "inside" | "beside";
  /** More rows of the log that are nobody's business. */
  readonly otherRows?: number;
  /** A row of each interaction whose content is gone, with the row that says so. */
  readonly erased?: boolean;
  readonly derivation?: boolean;
  readonly tenantId?: string;
  readonly page?: Uint8Array;
}

export interface SampleBundle {
  readonly files: Map<string, Uint8Array>;
  readonly signer: Signer;
  readonly index: BundleIndex;
}

export const origin = "earwitness.example/log/sample";
const tenant = { id: "7c9e6679-7425-40de-944b-e07fc1f90ae7", name: "Contoso" };
export const samplePage = utf8(`<!doctype html>\n<title>A page</title>\n${dataPlace}\n<script>show();</script>\n`);
const adele = { name: "Adele Vance", address: "sip:adele@contoso.example", upn: null };
const bill = { name: "Bill", address: "+17326524689", upn: null };
const startedAt = "2026-11-20T10:00:00.250Z";
const exportedAt = "2026-11-27T08:00:00.000Z";

export const asFile = (path: string, bytes: Uint8Array): BundleFile => ({
  path,
  sizeBytes: bytes.length,
  async *open() {
    // In odd pieces, as a stream gives them.
    for (let at = 0; at < bytes.length; at += 65_537) yield bytes.subarray(at, at + 65_537);
  },
});
export const asFiles = (files: ReadonlyMap<string, Uint8Array>): Map<string, BundleFile> => new Map([...files].map(([path, bytes]) => [path, asFile(path, bytes)]));

interface Logged {
  readonly row: EvidenceRow;
  readonly salt: Uint8Array;
  readonly erasedBy?: string;
}

export async function sampleBundle(options: SampleOptions = {}): Promise<SampleBundle> {
  const { interactions: wanted = 1, seconds = 3, tracks = 2, packets = 50, data = "inside", otherRows = 7, witness } = options;
  const signer = options.signer ?? newSigner(origin);
  const page = options.page ?? samplePage;
  const tenantId = options.tenantId ?? tenant.id;
  const bundleId = "0b2f6f0e-5e2c-4f5a-9a53-000000000001";
  const files = new Map<string, Uint8Array>();
  const log: Logged[] = [];
  const bundled: BundledInteraction[] = [];
  const rowsOf = new Map<string, number[]>();
  const add = (id: string | null, row: Partial<EvidenceRow>, erasedBy?: string): string => {
    const number = log.length;
    const evidenceId = `evidence-${tenantId.slice(0, 4)}-${number}`;
    const whole: EvidenceRow = {
      tenantId,
      evidenceId,
      recordedAt: "2026-11-20T10:00:01.000Z",
      occurredAt: "2026-11-20T10:00:00.500Z",
      nodeId: "node-1",
      actor: { kind: "machine", id: "node-1", name: "Recorder" },
      action: "Call Event",
      item: "Call",
      subject: null,
      remoteAddress: null,
      reason: null,
      detail: {},
      ...row,
    };
    log.push({ row: whole, salt: bytesOf(`salt ${tenantId} ${number}`, 32), ...(erasedBy === undefined ? {} : { erasedBy }) });
    if (id !== null) rowsOf.set(id, [...(rowsOf.get(id) ?? []), number]);
    return evidenceId;
  };
  for (let other = 0; other < otherRows; other += 1) add(null, { subject: `other-${other}` });

  const recordings: { id: string; recordingId: string; durationMs: number; part: { fromMs: number; toMs: number } }[] = [];
  for (let number = 0; number < wanted; number += 1) {
    const id = `64b0c1d2a1b2c3d4e5f6${String(number).padStart(4, "0")}`;
    const recordingId = `64b0c1d2a1b2c3d4e5f7${String(number).padStart(4, "0")}`;
    const durationMs = (seconds - 1) * 1000 + packets * 20;
    const part = options.part ?? { fromMs: 0, toMs: durationMs };
    const paths = interactionPaths(id);
    const sources = Array.from({ length: tracks }, (_, index) => writeTrack(files, paths.packets(index + 1), { recordingId, track: index + 1, seconds, packets, durationMs, part }));
    const body = utf8("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n");
    files.set(paths.metadata(1), body);
    const decision = { record: true, reasons: ["every call of this person"], ruleVersion: "1" };
    const manifest = utf8(
      JSON.stringify({
        manifest: "earwitness/1",
        revision: 1,
        tenantId,
        recordingId,
        node: "node-1",
        startedAt,
        durationMs,
        endReason: "bye",
        recovered: false,
        finalizedAt: "2026-11-20T10:02:07.000Z",
        sipCallId: "abc@sbc.example",
        trunk: { id: "t", name: "SBC" },
        decision,
        interactions: [{ interactionId: id, user: adele, ...part, participants: [adele, bill] }],
        tracks: sources.map((source) => ({
          track: source.track,
          sourceTrack: source.track,
          label: String(source.track),
          name: source.track === 1 ? adele.name : null,
          address: source.track === 1 ? adele.address : bill.address,
          codec: "PCMU",
          sampleRate: 8000,
          fromMs: 0,
          toMs: durationMs,
          offsetMs: 0,
          durationMs,
          packets: 1,
          packetsLost: 0,
          speech: [[0, durationMs]],
          gaps: source.gaps,
          mixed: false,
        })),
        sources,
        pieces: [{ objectName: "a/1.ewp", kind: "piece", seq: 1, keyId: "k", sizeBytes: 1, sha256: hex(utf8("piece")), fromMs: 0, toMs: durationMs }],
        objects: [],
        bodies: [{ receivedAt: startedAt, contentType: "application/sdp", sha256: hex(body) }],
        events: [],
      }),
    );
    files.set(paths.manifest, manifest);
    files.set(paths.interaction, utf8(`${JSON.stringify({ id, mediaStatus: "Available", user: { name: adele.name, upn: null, address: adele.address }, participants: [adele, bill], startedAt, direction: "Outgoing" }, null, 1)}\n`));
    add(id, { action: "Recording Started", subject: recordingId, detail: { decision } });
    add(id, { action: "Interaction Opened", subject: id, detail: { recordingId } });
    add(id, { action: "Recording Finalized", subject: recordingId, detail: { manifestSha256: hex(manifest), durationMs } });
    if (options.derivation === true) {
      const second = utf8(JSON.stringify({ manifest: "earwitness/1", revision: 2, tenantId, recordingId, node: "node-1", derivedFrom: hex(manifest), derivedAt: exportedAt, sources: [{ objectName: "a/1.ewp", sha256: hex(utf8("piece")) }], encoder: "opus 1", tracks: [], objects: [] }));
      files.set(paths.derivation(2), second);
      add(id, { action: "Recording Compacted", subject: recordingId, detail: { manifestSha256: hex(second) } });
    }
    add(id, { action: "Play", subject: id, actor: { kind: "person", id: "p", name: "Müller 💬" } });
    if (options.erased === true) {
      const place = log.length;
      const erasing = add(id, { action: "Erase", item: "Evidence", subject: null, reason: "Art. 17", actor: { kind: "person", id: "dpo", name: "Data protection" }, detail: { rows: [[place + 1, `evidence-${tenantId.slice(0, 4)}-${place + 1}`, "2026-11-20T10:00:01.000Z"]] } });
      add(id, { action: "Play", subject: id, actor: { kind: "person", id: "gone", name: "Gone" } }, erasing);
    }
    recordings.push({ id, recordingId, durationMs, part });
    bundled.push({ id, recordingId, ...part });
  }
  const exportedBy = { kind: "person", id: "c0", name: "Compliance Officer" };
  const reason = "Case 17/2026";
  for (const { id } of bundled) {
    add(id, { action: "Export", subject: id, actor: exportedBy, reason, occurredAt: exportedAt, detail: { bundle: bundleId, tenant: tenant.name, page: hex(page), interactionSha256: hex(files.get(interactionPaths(id).interaction)!) } });
  }
  for (const { id, part } of recordings) await writeAudio(files, id, part);

  // The log, its head, and the rows with their places.
  const leaves = log.map(({ row, salt }) => rowLeaf(nodeSha256.of, row, salt));
  const tree = createMerkleTree(nodeSha256.of);
  for (const leaf of leaves) tree.append(leaf);
  files.set(checkpointPath, utf8(signCheckpoint(signer, { size: tree.size, root: tree.root() }, witness)));
  for (const { id } of bundled) {
    const lines = rowsOf.get(id)!.map((index) => {
      const { row, salt, erasedBy } = log[index]!;
      const place = { index, proof: inclusionProof(nodeSha256.of, leaves, index) };
      return formatEvidenceLine(erasedBy === undefined ? { kind: "row", row, salt, ...place } : { kind: "erased", evidenceId: row.evidenceId, erasedBy, leaf: leaves[index]!, ...place });
    });
    files.set(interactionPaths(id).evidence, utf8(lines.join("")));
  }
  const index: BundleIndex = { bundleId, exportedAt, exportedBy, reason, tenant: { id: tenantId, name: tenant.name }, origin, vkeys: [formatVkey(signer.key)], interactions: bundled, page: { sha256: hex(page), data }, files: [] };
  return { files: await seal(files, index, page), signer, index };
}

/** The head as a signed note; `cosignedAt` is when the witness saw it. */
export function signCheckpoint(signer: Signer, { size, root }: { readonly size: number; readonly root: Uint8Array }, witness?: Signer, cosignedAt = 1_795_000_000): string {
  const text = formatCheckpoint({ origin: signer.key.name, size, root, extensions: [] });
  const signatures = [{ name: signer.key.name, keyId: signer.key.id, signature: new Uint8Array(sign(null, Buffer.from(text), signer.secret)) }];
  if (witness !== undefined) {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(cosignedAt));
    signatures.push({ name: witness.key.name, keyId: witness.key.id, signature: new Uint8Array(Buffer.concat([time, sign(null, Buffer.from(cosignedText(text, cosignedAt)), witness.secret)])) });
  }
  return formatNote({ text, signatures });
}

/** The log changes its key, signed by both. */
export function handoverNote(old: Signer, next: Signer, fromSize: number): string {
  const text = formatHandover({ origin: old.key.name, old: old.key, new: next.key, fromSize });
  return formatNote({ text, signatures: [old, next].map(({ key, secret }) => ({ name: key.name, keyId: key.id, signature: new Uint8Array(sign(null, Buffer.from(text), secret)) })) });
}

/** Writes `bundle.json` and the page anew, as somebody would who changes files and knows how bundles are made. */
export async function seal(files: ReadonlyMap<string, Uint8Array>, about: BundleIndex, page: Uint8Array = samplePage): Promise<Map<string, Uint8Array>> {
  const sealed = new Map([...files].filter(([path]) => path !== indexPath && path !== pagePath && !path.startsWith("data/")));
  const index: BundleIndex = { ...about, files: [...sealed].map(([path, bytes]) => ({ path, sizeBytes: bytes.length, sha256: hex(bytes) })) };
  sealed.set(indexPath, formatBundleIndex(index));
  const code = new TextDecoder().decode(page);
  const shown = pageFiles(index, asFiles(sealed));
  const decode = async (stream: AsyncIterable<Uint8Array>): Promise<string> => new TextDecoder().decode(await readAll(stream, Number.MAX_SAFE_INTEGER, "data"));
  sealed.set(pagePath, utf8(code.replace(dataPlace, index.page.data === "inside" ? (await decode(pageData(shown))).replaceAll("$", "$$$$") : besideData(indexPath))));
  for (const file of index.page.data === "beside" ? shown : []) {
    sealed.set(dataScriptPath(file.path), await readAll(dataScript(file.path, file.open()), Number.MAX_SAFE_INTEGER, "data"));
  }
  return sealed;
}

/** Changes files, then seals the bundle again. */
export async function forge(bundle: SampleBundle, change: (files: Map<string, Uint8Array>) => void, about: (index: BundleIndex) => BundleIndex = (index) => index): Promise<Map<string, Uint8Array>> {
  const files = new Map(bundle.files);
  change(files);
  return await seal(files, about(parseBundleIndex(bundle.files.get(indexPath)!)));
}

function writeTrack(files: Map<string, Uint8Array>, path: string, { recordingId, track, seconds, packets, durationMs, part }: { recordingId: string; track: number; seconds: number; packets: number; durationMs: number; part: { fromMs: number; toMs: number } }) {
  const records = Array.from({ length: seconds }, (_, second) => {
    const plaintext = second === 1 ? lostSecond() : packetLog(track, second, packets);
    const ciphertextDigest = bytesOf(`cipher ${recordingId} ${track} ${second}`, 32);
    const salt = bytesOf(`chunk ${recordingId} ${track} ${second}`, 32);
    return { kind: "second" as const, second, ciphertextDigest, salt, plaintext };
  });
  const leaves = records.map((record) => chunkLeaf(nodeSha256.of, { saltedDigest: saltedDigest(nodeSha256.of, record), ciphertextDigest: record.ciphertextDigest }));
  const tree = createMerkleTree(nodeSha256.of);
  for (const leaf of leaves) tree.append(leaf);
  const parts: Uint8Array[] = [trackFileHead];
  const isTheirs = (second: number): boolean => second * 1000 >= part.fromMs && Math.min((second + 1) * 1000, durationMs) <= part.toMs;
  for (let at = 0; at < records.length; ) {
    if (isTheirs(at)) {
      parts.push(encodeTrackRecord(records[at]!));
      at += 1;
      continue;
    }
    let end = at;
    while (end < records.length && !isTheirs(end)) end += 1;
    for (const { level, root } of coverLeaves(nodeSha256.of, leaves.slice(at, end), at)) parts.push(encodeTrackRecord({ kind: "withheld", level, root }));
    at = end;
  }
  files.set(path, new Uint8Array(Buffer.concat(parts)));
  const gaps = seconds > 1 ? [{ fromMs: 1000, toMs: 1020, reason: "packet_loss" }] : [];
  return { track, codec: "PCMU", sampleRate: 8000, offsetMs: 0, durationMs, packets: 1, packetsLost: 0, gaps, merkleRoot: toHex(tree.root()), chunks: tree.size };
}

/** Packets of a tone. */
function packetLog(track: number, second: number, packets: number): Uint8Array {
  return Buffer.concat(
    Array.from({ length: packets }, (_, at) => {
      const pcm = Int16Array.from({ length: 160 }, (_sample, i) => Math.round(8000 * Math.sin(((second * 8000 + at * 160 + i) * (track + 1) * 220 * 2 * Math.PI) / 8000)));
      return entry(at * 160, 1, encodeG711("PCMU", pcm));
    }),
  );
}

const lostSecond = (): Uint8Array => Buffer.concat([entry(0, 0, Uint8Array.of(0, 0, 0, 160)), entry(160, 1, encodeG711("PCMU", new Int16Array(160)))]);

function entry(offset: number, codec: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt32BE(offset);
  head.writeUInt8(codec, 4);
  head.writeUInt16BE(payload.length, 5);
  return Buffer.concat([head, payload]);
}

async function writeAudio(files: Map<string, Uint8Array>, id: string, part: { fromMs: number; toMs: number }): Promise<void> {
  const paths = interactionPaths(id);
  const manifest = parseManifest(files.get(paths.manifest)!);
  const sound = createRecordedSound(null);
  const voices = voicesOf(manifest, part, (track) => secondsOf(asFile("", files.get(paths.packets(track))!)));
  const whole = async (stream: AsyncIterable<Uint8Array> | null): Promise<Uint8Array> => await readAll(stream!, Number.MAX_SAFE_INTEGER, "audio");
  for (const [track, voice] of voices) files.set(paths.audio(track, "wav"), await whole(await sound.wav(voice)));
  files.set(paths.mixed, await whole(await sound.mixed([...voices.values()], mixedSpan(manifest, part))));
}
