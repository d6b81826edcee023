/**
 * A row of evidence as it is committed to. The log's entry for it (C2SP tlog-tiles) is the commitment, 32 bytes; its leaf is RFC 6962's
 * hash of that. The salt hides the row from whoever has the tiles only, and dies when a row is erased.
 */
import { canonicalJson } from "./canonical-json.ts";
import { leafHash, type Hash } from "./merkle.ts";

export interface EvidenceRow {
  readonly tenantId: string;
  readonly evidenceId: string;
  /** When it was written down; RFC 3339 in UTC with milliseconds, as `occurredAt`. */
  readonly recordedAt: string;
  readonly occurredAt: string;
  readonly nodeId: string;
  readonly actor: { readonly kind: string; readonly id: string; readonly name: string };
  readonly action: string;
  readonly item: string;
  readonly subject: string | null;
  readonly remoteAddress: string | null;
  readonly reason: string | null;
  readonly detail: unknown;
}

export const saltBytes = 32;

const domain = new TextEncoder().encode("earwitness/evidence/1\n");

/** SHA-256(domain ‖ salt ‖ canonical row). Fields that are not the row's are no part of it. */
export function rowCommitment(hash: Hash, row: EvidenceRow, salt: Uint8Array): Uint8Array {
  if (salt.length !== saltBytes) throw new RangeError(`a salt has ${saltBytes} bytes, not ${salt.length}`);
  const text = new TextEncoder().encode(canonicalRow(row));
  const input = new Uint8Array(domain.length + saltBytes + text.length);
  input.set(domain);
  input.set(salt, domain.length);
  input.set(text, domain.length + saltBytes);
  return hash(input);
}

export const rowLeaf = (hash: Hash, row: EvidenceRow, salt: Uint8Array): Uint8Array => leafHash(hash, rowCommitment(hash, row, salt));

export function canonicalRow(row: EvidenceRow): string {
  const { tenantId, evidenceId, recordedAt, occurredAt, nodeId, actor, action, item, subject, remoteAddress, reason, detail } = row;
  return canonicalJson({ tenantId, evidenceId, recordedAt, occurredAt, nodeId, actor: { kind: actor.kind, id: actor.id, name: actor.name }, action, item, subject, remoteAddress, reason, detail });
}
