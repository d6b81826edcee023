/** Somebody outside who signs what is kept of a log: a witness, or a timestamp authority. */
import type { KeptCheckpoint } from "#evidence";

/** What came back for a checkpoint, already verified. */
export interface Added {
  readonly lines?: readonly string[];
  readonly timestampToken?: Uint8Array;
}

export type Signing =
  | { readonly kind: "signed"; readonly added: Added }
  /** It signed a later one already, which another node showed it. */
  | { readonly kind: "overtaken" }
  /** What it saw and what this log says exclude each other. */
  | { readonly kind: "contradicted"; readonly why: string }
  /** It will not, until somebody changes something. */
  | { readonly kind: "refused"; readonly why: string }
  /** Not now. */
  | { readonly kind: "unreachable"; readonly why: string };

export interface OutsideSigner {
  /** As its operator calls it; for logs and metrics. */
  readonly name: string;
  /** Whether its signature stands at this checkpoint. */
  has(kept: KeptCheckpoint): boolean;
  /** Bounded in time by itself. */
  sign(tenantId: string, kept: KeptCheckpoint): Promise<Signing>;
}
