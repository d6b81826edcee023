/**
 * Manifests of recordings, as far as a proof needs them. Revision 1 says what was recorded: tracks, digests of every second, gaps,
 * people, the decision to record. Every later revision says what was derived from it, and how. What bytes are read was proved, or was
 * not, by their SHA-256; here they are a stranger's.
 */
import { count, digestHex, flag, list, object, parseJson, text, textOrNull } from "./read-json.ts";
import { Malformed } from "./note.ts";

export interface ManifestGap {
  readonly fromMs: number;
  readonly toMs: number;
  readonly reason: string;
}

/** A stream as it came from the wire; what every second of it was is behind the Merkle root. */
export interface ManifestSource {
  readonly track: number;
  readonly codec: string;
  readonly sampleRate: number;
  readonly offsetMs: number;
  readonly durationMs: number;
  readonly gaps: readonly ManifestGap[];
  readonly merkleRoot: string;
  readonly chunks: number;
}

/** A speaker: a stretch of one source. */
export interface ManifestTrack {
  readonly track: number;
  readonly sourceTrack: number;
  readonly name: string | null;
  readonly address: string;
  readonly mixed: boolean;
  readonly fromMs: number;
  readonly toMs: number;
  readonly offsetMs: number;
  readonly durationMs: number;
  readonly speech: readonly (readonly [fromMs: number, toMs: number])[];
  readonly gaps: readonly ManifestGap[];
}

export interface ManifestParty {
  readonly name: string | null;
  readonly address: string;
}

export interface ManifestInteraction {
  readonly interactionId: string;
  readonly user: ManifestParty;
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly participants: readonly ManifestParty[];
}

export interface ManifestBody {
  readonly receivedAt: string;
  readonly contentType: string;
  readonly sha256: string;
}

export interface Decision {
  readonly record: boolean;
  readonly reasons: readonly string[];
  readonly ruleVersion: string;
}

export interface Manifest {
  readonly tenantId: string;
  readonly recordingId: string;
  readonly node: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly endReason: string;
  readonly recovered: boolean;
  readonly finalizedAt: string;
  readonly decision: Decision;
  readonly interactions: readonly ManifestInteraction[];
  readonly tracks: readonly ManifestTrack[];
  readonly sources: readonly ManifestSource[];
  /** SHA-256 of the sealed pieces, by name. */
  readonly pieces: ReadonlyMap<string, string>;
  readonly bodies: readonly ManifestBody[];
}

export interface Derivation {
  readonly tenantId: string;
  readonly recordingId: string;
  readonly revision: number;
  /** SHA-256 of the manifest that it was derived from. */
  readonly derivedFrom: string | null;
  readonly derivedAt: string;
  readonly encoder: string;
  readonly sources: ReadonlyMap<string, string>;
  /** SHA-256 of what was made of them, by name. */
  readonly objects: ReadonlyMap<string, string>;
}

const format = "earwitness/1";

/** Reads revision 1. Throws Malformed. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const value = object(parseJson(bytes, "the manifest"), "the manifest");
  if (value["manifest"] !== format || value["revision"] !== 1) throw new Malformed("this is no manifest of a kind that is known here");
  const manifest: Manifest = {
    tenantId: text(value["tenantId"], "tenantId"),
    recordingId: text(value["recordingId"], "recordingId"),
    node: text(value["node"], "node"),
    startedAt: text(value["startedAt"], "startedAt"),
    durationMs: count(value["durationMs"], "durationMs"),
    endReason: text(value["endReason"], "endReason"),
    recovered: flag(value["recovered"], "recovered"),
    finalizedAt: text(value["finalizedAt"], "finalizedAt"),
    decision: parseDecision(value["decision"], "decision"),
    interactions: list(value["interactions"], "interactions", parseInteraction),
    tracks: list(value["tracks"], "tracks", parseTrack),
    sources: list(value["sources"], "sources", parseSource),
    pieces: parseObjects(value["pieces"], "pieces"),
    bodies: list(value["bodies"], "bodies", parseBody),
  };
  if (new Set(manifest.sources.map(({ track }) => track)).size !== manifest.sources.length) throw new Malformed("the manifest names a source twice");
  if (new Set(manifest.tracks.map(({ track }) => track)).size !== manifest.tracks.length) throw new Malformed("the manifest names a track twice");
  return manifest;
}

export function parseDecision(value: unknown, where: string): Decision {
  const decision = object(value, where);
  return { record: flag(decision["record"], `${where}.record`), reasons: list(decision["reasons"], `${where}.reasons`, text), ruleVersion: text(decision["ruleVersion"], `${where}.ruleVersion`) };
}

function parseInteraction(value: unknown, where: string): ManifestInteraction {
  const { interactionId, user, fromMs, toMs, participants } = object(value, where);
  return {
    interactionId: text(interactionId, `${where}.interactionId`),
    user: parseParty(user, `${where}.user`),
    fromMs: count(fromMs, `${where}.fromMs`),
    toMs: toMs === null ? null : count(toMs, `${where}.toMs`),
    participants: list(participants, `${where}.participants`, parseParty),
  };
}

export function parseParty(value: unknown, where: string): ManifestParty {
  const { name, address } = object(value, where);
  return { name: textOrNull(name, `${where}.name`), address: text(address, `${where}.address`) };
}

function parseSource(value: unknown, where: string): ManifestSource {
  const source = object(value, where);
  return {
    track: count(source["track"], `${where}.track`),
    codec: text(source["codec"], `${where}.codec`),
    sampleRate: rate(source["sampleRate"], `${where}.sampleRate`),
    offsetMs: count(source["offsetMs"], `${where}.offsetMs`),
    durationMs: count(source["durationMs"], `${where}.durationMs`),
    gaps: list(source["gaps"], `${where}.gaps`, parseGap),
    merkleRoot: digestHex(source["merkleRoot"], `${where}.merkleRoot`),
    chunks: count(source["chunks"], `${where}.chunks`),
  };
}

function rate(value: unknown, where: string): number {
  const hertz = count(value, where);
  if (hertz < 1_000 || hertz > 192_000) throw new Malformed(`${where} is no sample rate`);
  return hertz;
}

function parseTrack(value: unknown, where: string): ManifestTrack {
  const track = object(value, where);
  return {
    track: count(track["track"], `${where}.track`),
    sourceTrack: count(track["sourceTrack"], `${where}.sourceTrack`),
    name: textOrNull(track["name"], `${where}.name`),
    address: text(track["address"], `${where}.address`),
    mixed: flag(track["mixed"], `${where}.mixed`),
    fromMs: count(track["fromMs"], `${where}.fromMs`),
    toMs: count(track["toMs"], `${where}.toMs`),
    offsetMs: count(track["offsetMs"], `${where}.offsetMs`),
    durationMs: count(track["durationMs"], `${where}.durationMs`),
    speech: list(track["speech"], `${where}.speech`, (span, at) => {
      const [from, to, ...more] = list(span, at, count);
      if (from === undefined || to === undefined || more.length > 0) throw new Malformed(`${at} is no span of time`);
      return [from, to] as const;
    }),
    gaps: list(track["gaps"], `${where}.gaps`, parseGap),
  };
}

function parseGap(value: unknown, where: string): ManifestGap {
  const { fromMs, toMs, reason } = object(value, where);
  return { fromMs: count(fromMs, `${where}.fromMs`), toMs: count(toMs, `${where}.toMs`), reason: text(reason, `${where}.reason`) };
}

function parseBody(value: unknown, where: string): ManifestBody {
  const { receivedAt, contentType, sha256 } = object(value, where);
  return { receivedAt: text(receivedAt, `${where}.receivedAt`), contentType: text(contentType, `${where}.contentType`), sha256: digestHex(sha256, `${where}.sha256`) };
}

function parseObjects(value: unknown, where: string): ReadonlyMap<string, string> {
  return new Map(
    list(value, where, (item, at) => {
      const { objectName, sha256 } = object(item, at);
      return [text(objectName, `${at}.objectName`), digestHex(sha256, `${at}.sha256`)] as const;
    }),
  );
}

/** Reads revision 2 and later. Throws Malformed. */
export function parseDerivation(bytes: Uint8Array): Derivation {
  const value = object(parseJson(bytes, "the manifest"), "the manifest");
  const revision = count(value["revision"], "revision");
  if (value["manifest"] !== format || revision < 2) throw new Malformed("this is no manifest of a derivation");
  return {
    tenantId: text(value["tenantId"], "tenantId"),
    recordingId: text(value["recordingId"], "recordingId"),
    revision,
    derivedFrom: value["derivedFrom"] === null ? null : digestHex(value["derivedFrom"], "derivedFrom"),
    derivedAt: text(value["derivedAt"], "derivedAt"),
    encoder: text(value["encoder"], "encoder"),
    sources: parseObjects(value["sources"], "sources"),
    objects: parseObjects(value["objects"], "objects"),
  };
}
