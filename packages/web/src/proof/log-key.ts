/** The public key of a tenant's log, as this browser remembers it: what the server shows later has to be that one, or be handed over by it. */
import { parseVkey } from "@earwitness/verify";
import type { Outcome } from "./check.ts";

export interface KnownKey {
  readonly vkey: string;
  /** When it was first seen here, or given. */
  readonly since: string;
  /** Whether somebody gave it; otherwise it came with the first check. */
  readonly given: boolean;
}

const place = (tenantId: string): string => `earwitness.logKey.${tenantId}`;

export function knownKey(tenantId: string, storage: Pick<Storage, "getItem"> = localStorage): KnownKey | null {
  try {
    const { vkey, since, given } = JSON.parse(storage.getItem(place(tenantId)) ?? "null") as Record<string, unknown>;
    if (typeof vkey !== "string" || typeof since !== "string") return null;
    parseVkey(vkey);
    return { vkey, since, given: given === true };
  } catch {
    return null;
  }
}

export function rememberKey(tenantId: string, key: KnownKey, storage: Pick<Storage, "setItem"> = localStorage): void {
  storage.setItem(place(tenantId), JSON.stringify(key));
}

/**
 * `unknown`: this browser had no key. `same`: signed by the one it had. `handedOver`: signed by one that the log's hand-overs lead to
 * from it. `changed`: signed by neither, the loudest thing there is to say.
 */
export type KeyVerdict = "unknown" | "same" | "handedOver" | "changed";

export function judgeKey(trusted: string | null, { signedBy }: Pick<Outcome, "signedBy">): KeyVerdict {
  if (trusted === null) return "unknown";
  if (signedBy === null) return "changed";
  return signedBy === trusted ? "same" : "handedOver";
}

/** The four bytes that a signature names its key by, as they are read out over a telephone. */
export function fingerprint(vkey: string): { readonly name: string; readonly id: string } {
  const { name, id } = parseVkey(vkey);
  return { name, id: id.toString(16).padStart(8, "0").replace(/(..)(?=.)/g, "$1 ") };
}
