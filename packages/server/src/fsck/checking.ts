import type { Clock } from "#clock";
import type { Db } from "#db";
import type { LogSeeds, RememberedHeads } from "#evidence";
import type { NoteKey } from "@earwitness/verify";
import type { WitnessAddress } from "#transparency";
import type { Vault } from "#vault";
import type { Finding, FindingCode, Part } from "./finding.ts";
import type { SecondLook } from "./second-look.ts";

export interface CheckedTenant {
  readonly tenantId: string;
  readonly slug: string;
}

/** What every part of a check works with. Nothing of it writes. */
export interface Checking {
  readonly db: Db;
  readonly vault: Vault;
  readonly seeds: LogSeeds;
  readonly heads: RememberedHeads;
  readonly witnesses: readonly WitnessAddress[];
  /** Keys of logs that somebody trusts more than the installation's own. */
  readonly trusted: readonly NoteKey[];
  readonly nodeId: string;
  readonly clock: Clock;
  readonly twice: SecondLook;
  /** Files that are younger may belong to something that the database is about to hear of. */
  readonly youngMs: number;
}

/** A portion of the work: small enough for a short transaction, and where a check that was killed goes on. */
export interface Portion<Cursor> {
  /** Behind this portion. */
  readonly cursor: Cursor;
  readonly findings: readonly Finding[];
  readonly done: number;
  readonly of: number;
  readonly counted?: { readonly rows?: number; readonly recordings?: number; readonly bytes?: number; readonly settings?: number };
  /** Recordings that were checked whole, with their interactions. */
  readonly checked?: readonly CheckedRecording[];
}

export interface CheckedRecording {
  readonly recordingId: string;
  readonly interactionIds: readonly string[];
  readonly findings: readonly Finding[];
}

/** Says of one part of one tenant what was found. */
export type Finder = ReturnType<typeof finder>;

export const finder =
  (part: Part, { slug }: CheckedTenant) =>
  (code: FindingCode, where: string, says: string): Finding => ({ code, part, tenant: slug, where, says });
