/** The manifests of a recording out of the vault, opened once for everything that is held against them. */
import { hash } from "node:crypto";
import { Malformed, parseDerivation, parseManifest, type Derivation, type Manifest } from "@earwitness/verify";
import { KeyMissing, NotAuthentic, ObjectMissing, type Vault } from "#vault";
import type { ObjectRow, StoredRecording } from "./recording-as-stored.ts";
import { sealedFacts, type SealedFacts } from "./sealed-facts.ts";

export type Opened<T> =
  | { readonly kind: "opened"; readonly value: T; readonly facts: SealedFacts; readonly sha256: string; readonly object: ObjectRow }
  /** `missing`: file or key are not here; `damaged`: they are, and do not fit. */
  | { readonly kind: "missing key" | "damaged key" | "missing" | "damaged"; readonly why: string; readonly object: ObjectRow | null };

export interface Manifests {
  readonly first: Opened<Manifest>;
  readonly derivations: readonly Opened<Derivation>[];
}

export async function openManifests(vault: Vault, { media, objects }: StoredRecording): Promise<Manifests> {
  const [first, ...later] = objects.filter(({ kind }) => kind === "manifest");
  const open = async <T>(object: ObjectRow, parse: (bytes: Uint8Array) => T): Promise<Opened<T>> => await openObject(vault, object, parse);
  const derivations: Opened<Derivation>[] = [];
  for (const object of later) derivations.push(await open(object, parseDerivation));
  return { first: first === undefined ? { kind: "missing", why: `The database names no manifest of recording ${media.media_id}.`, object: null } : await open(first, parseManifest), derivations };
}

async function openObject<T>(vault: Vault, object: ObjectRow, parse: (bytes: Uint8Array) => T): Promise<Opened<T>> {
  const { object_name: name, tenant_id: tenantId, key_id: keyId } = object;
  try {
    await vault.openDataKey(tenantId, keyId);
  } catch (error) {
    if (error instanceof KeyMissing) return { kind: "missing key", why: error.message, object };
    if (error instanceof NotAuthentic) return { kind: "damaged key", why: error.message, object };
    throw error;
  }
  try {
    const bytes = await vault.readSealed(name, tenantId, keyId, 0, await vault.sealedSize(name));
    return { kind: "opened", value: parse(bytes), facts: sealedFacts(bytes), sha256: hash("sha256", bytes, "hex"), object };
  } catch (error) {
    if (error instanceof ObjectMissing) return { kind: "missing", why: error.message, object };
    if (error instanceof NotAuthentic || error instanceof Malformed || error instanceof RangeError) return { kind: "damaged", why: error.message, object };
    throw error;
  }
}
