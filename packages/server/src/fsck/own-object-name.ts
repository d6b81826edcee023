/** Names of files as Earwitness gives them: what a file is, its number and its data key stand in its name. */
import { objectPrefix } from "#recorder";
import type { ObjectRow } from "./recording-as-stored.ts";

export type NamedObject = Pick<ObjectRow, "kind" | "seq" | "key_id">;

const piece = /^(\d{1,9})-([0-9a-f]{24})\.ewp$/;
const opus = /^track-(\d{1,9})-([0-9a-f]{24})\.opus$/;
const derivation = /^manifest-(\d{1,9})-([0-9a-f]{24})$/;
const single = /^(peaks|metadata|manifest)-([0-9a-f]{24})$/;

/** Null for a name that is none of ours. */
export function readFileName(name: string): NamedObject | null {
  const numbered = (kind: NamedObject["kind"], form: RegExp): NamedObject | null => {
    const [, seq, keyId] = form.exec(name) ?? [];
    return seq === undefined || keyId === undefined ? null : { kind, seq: Number(seq), key_id: keyId };
  };
  const [, kind, keyId] = single.exec(name) ?? [];
  if (kind !== undefined && keyId !== undefined) return { kind: kind as NamedObject["kind"], seq: 1, key_id: keyId };
  return numbered("piece", piece) ?? numbered("opus", opus) ?? numbered("manifest", derivation);
}

/** The same of the name of an object, which has to lie in its recording's folder: no other may be read in its place, and none outside of the store. */
export function readObjectName({ tenant_id, media_id, object_name }: Pick<ObjectRow, "tenant_id" | "media_id" | "object_name">): NamedObject | null {
  const folder = `${objectPrefix(tenant_id, media_id)}/`;
  return object_name.startsWith(folder) ? readFileName(object_name.slice(folder.length)) : null;
}
