/**
 * What a manifest seals beside that which a proof needs: every field of what the recorder wrote into the database in the same
 * moment. A manifest of an earlier version may say less; what it does not say is not compared.
 */
import { fieldOf } from "./stored-value.ts";

/** A file as it was named when it was stored. */
export interface SealedObject {
  readonly objectName: string;
  readonly kind: unknown;
  readonly seq: unknown;
  readonly keyId: unknown;
  readonly sizeBytes: unknown;
  readonly sha256: unknown;
  readonly fromMs: unknown;
  readonly toMs: unknown;
}

export interface SealedFacts {
  readonly node: unknown;
  readonly trunkId: unknown;
  readonly objects: ReadonlyMap<string, SealedObject>;
  /** By number; each with all of its fields. */
  readonly tracks: ReadonlyMap<unknown, unknown>;
  /** By id; each with all that is said of its people. */
  readonly interactions: ReadonlyMap<unknown, unknown>;
  readonly events: readonly unknown[] | null;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Of bytes that were read as a manifest before. */
export function sealedFacts(bytes: Uint8Array): SealedFacts {
  const manifest: unknown = JSON.parse(Buffer.from(bytes).toString());
  const events = fieldOf(manifest, "events");
  return {
    node: fieldOf(manifest, "node"),
    trunkId: fieldOf(fieldOf(manifest, "trunk"), "id"),
    objects: new Map([...listOf(fieldOf(manifest, "pieces")), ...listOf(fieldOf(manifest, "objects"))].map(sealedObject).map((object) => [object.objectName, object])),
    tracks: new Map(listOf(fieldOf(manifest, "tracks")).map((track) => [fieldOf(track, "track"), track])),
    interactions: new Map(listOf(fieldOf(manifest, "interactions")).map((interaction) => [fieldOf(interaction, "interactionId"), interaction])),
    events: Array.isArray(events) ? events : null,
  };
}

export function sealedObject(value: unknown): SealedObject {
  const [kind, seq, keyId, sizeBytes, sha256, fromMs, toMs] = ["kind", "seq", "keyId", "sizeBytes", "sha256", "fromMs", "toMs"].map((name) => fieldOf(value, name));
  return { objectName: String(fieldOf(value, "objectName")), kind, seq, keyId, sizeBytes, sha256, fromMs, toMs };
}
