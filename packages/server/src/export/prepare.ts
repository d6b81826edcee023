/** What there is of the interactions that were asked for, read under the rights of whoever asks. Refuses before anything is written down. */
import { createHash } from "node:crypto";
import type { InteractionDetail } from "@earwitness/contract";
import { Malformed, parseManifest, type Manifest } from "@earwitness/verify";
import type { Principal } from "#access";
import { withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { mintedAt } from "#ids";
import { describeInteraction, findPart, findRow, noSuchInteraction, type InteractionRow } from "#interactions";
import { openRecordedSeconds, type RecordedSeconds } from "#recorder";
import { KeyMissing, NotAuthentic, ObjectMissing, type Vault } from "#vault";
import { findUnopened, type Part, type UnopenedSecond } from "./track-records.ts";

export interface Prepared {
  readonly row: InteractionRow;
  readonly detail: InteractionDetail;
  /** `interaction.json`. */
  readonly metadata: Uint8Array;
  readonly recording: PreparedRecording | null;
}

export interface PreparedRecording {
  readonly recordingId: string;
  readonly part: Part;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  /** By their revision. */
  readonly derivations: ReadonlyMap<number, Uint8Array>;
  /** Documents about the call by their place in the manifest; null: not kept, or not of this part. */
  readonly bodies: readonly (Uint8Array | null)[];
  readonly seconds: RecordedSeconds;
  /** Seconds of its part that the store cannot open, where somebody looked; they are left out, and not a reason to hand out nothing. */
  readonly unopened: readonly UnopenedSecond[];
}

export interface PrepareOptions {
  readonly db: Db;
  readonly vault: Vault;
  readonly principal: Principal;
  readonly now: Date;
}

export async function prepare({ db, vault, principal, now }: PrepareOptions, id: string): Promise<Prepared> {
  const known = await withTenant(db, principal.tenantId, async (tx) => {
    const row = await findRow(tx, principal, id);
    if (row === null) throw noSuchInteraction();
    if (row.media_status === "Recording" || row.media_status === "Pending") throw new Refusal("NOT_FINISHED", 409, `Interaction ${id} is still being recorded or finished; a bundle holds what is finished.`);
    const part = await findPart(tx, id, now);
    const objects = part === null ? [] : await tx.selectFrom("media_objects").selectAll().where("minted_at", "=", mintedAt(part.media.media_id)).where("media_id", "=", part.media.media_id).orderBy("seq").execute();
    return { row, part, objects, detail: await describeInteraction(tx, row, now) };
  });
  const { row, part, objects, detail } = known;
  const base = { row, detail, metadata: Buffer.from(`${JSON.stringify(detail, null, 1)}\n`) };
  if (part === null || row.media_status !== "Available") return { ...base, recording: null };

  const { tenantId } = principal;
  const recordingId = part.media.media_id;
  const whole = async (object: (typeof objects)[number]): Promise<Uint8Array> => await vault.readSealed(object.object_name, tenantId, object.key_id, 0, await vault.sealedSize(object.object_name));
  try {
    const [first, ...later] = objects.filter(({ kind }) => kind === "manifest");
    if (first === undefined) throw new ObjectMissing(`the manifest of recording ${recordingId}`);
    const manifestBytes = await whole(first);
    if (createHash("sha256").update(manifestBytes).digest("hex") !== part.media.manifest_sha256?.toString("hex")) throw new NotAuthentic(`the manifest of recording ${recordingId}`);
    const manifest = parseManifest(manifestBytes);
    const span = { fromMs: part.fromMs, toMs: part.toMs };
    const derivations = new Map<number, Uint8Array>();
    for (const object of later) derivations.set(object.seq, await whole(object));
    const metadata = objects.find(({ kind }) => kind === "metadata");
    const bodies = metadata === undefined ? [] : bodiesOf(await whole(metadata), manifest, span);
    const pieces = objects.filter(({ kind }) => kind === "piece").map((object) => ({ objectName: object.object_name, kind: object.kind, keyId: object.key_id, seq: object.seq, fromMs: object.from_ms, toMs: object.to_ms, sizeBytes: object.size_bytes }));
    if (pieces.length === 0 && manifest.sources.some(({ chunks }) => chunks > 0)) throw new Refusal("ORIGINAL_GONE", 410, `What was recorded of interaction ${id} is kept as a copy only; there is nothing to prove it by.`);
    return { ...base, recording: { recordingId, part: span, manifest, manifestBytes, derivations, bodies, seconds: await openRecordedSeconds({ vault, tenantId, recordingId, pieces }), unopened: [] } };
  } catch (error) {
    if (error instanceof KeyMissing) throw new Refusal("KEY_DESTROYED", 410, `The key of interaction ${id} has been destroyed; it cannot be read any more.`);
    if (error instanceof NotAuthentic || error instanceof ObjectMissing || error instanceof Malformed) throw new Refusal("INTEGRITY", 500, `What is stored of interaction ${id} is not what was sealed (${error.message}). Nothing was exported.`);
    throw error;
  }
}

/** The same with what the store cannot open of it: every second of its part is opened once. */
export async function withUnopened(prepared: Prepared): Promise<Prepared> {
  const { recording } = prepared;
  return recording === null ? prepared : { ...prepared, recording: { ...recording, unopened: await findUnopened(recording) } };
}

/** Documents that came while the part lasted; of a whole recording, all. They lie in the order in which the manifest names them. */
function bodiesOf(sealed: Uint8Array, manifest: Manifest, { fromMs, toMs }: Part): (Uint8Array | null)[] {
  const kept = JSON.parse(Buffer.from(sealed).toString("utf8")) as readonly { readonly bodyBase64: string | null }[];
  const startedMs = Date.parse(manifest.startedAt);
  const isWhole = fromMs === 0 && toMs >= manifest.durationMs;
  return manifest.bodies.map(({ receivedAt }, at) => {
    const text = kept[at]?.bodyBase64;
    const atMs = Date.parse(receivedAt) - startedMs;
    return text === undefined || text === null || !(isWhole || (atMs >= fromMs && atMs < toMs)) ? null : Buffer.from(text, "base64");
  });
}
