/** What is known of how an interaction stood against its proof. */
import { sql, type Selectable } from "kysely";
import { mostVerificationSentenceLength, mostVerificationSentences, type LastVerified, type Verification, type VerificationMeans, type VerificationResult } from "@earwitness/contract";
import { insertRows, type Database, type TenantTransaction } from "#db";
import { append, type EvidenceEntry } from "#evidence";
import { mintedAt, newUuid } from "#ids";

export type VerificationRow = Selectable<Database["verifications"]>;

/** What somebody, or something, found of an interaction. */
export interface Finding {
  readonly interactionId: string;
  readonly means: VerificationMeans;
  readonly result: VerificationResult;
  /** Sentences: what was looked at. */
  readonly checked: readonly string[];
  /** Sentences: what does not hold. At least one where the result is `differs`, none otherwise. */
  readonly differing: readonly string[];
  /** The head of the log that it was held against; null where there was none to rely on. */
  readonly checkpoint: { readonly size: number; readonly root: Uint8Array } | null;
}

/** Who verified, when and from where. */
export type Verifier = Pick<EvidenceEntry, "actor" | "occurredAt" | "nodeId" | "remoteAddress">;

/**
 * Writes down that an interaction was verified, and the one row of evidence of it, in the caller's transaction. Of an interaction
 * that is not there, nothing, and answers null. Open lists hear of it when its change is announced after the commit.
 */
export async function recordVerification(tx: TenantTransaction, by: Verifier, finding: Finding): Promise<Verification | null> {
  const { interactionId, means, result } = finding;
  const call = await tx.selectFrom("interactions").select(["user_name", "started_at"]).where("minted_at", "=", mintedAt(interactionId)).where("interaction_id", "=", interactionId).executeTakeFirst();
  if (call === undefined) return null;
  const told = await keepVerification(tx, by, finding);
  await append(tx, {
    ...by,
    action: "Verify",
    item: "Call",
    subject: interactionId,
    detail: { name: call.user_name, startedAt: call.started_at.toISOString(), means, result, checked: told.checked, differing: told.differing, checkpoint: told.checkpoint },
  });
  return told;
}

/** The same without a row of evidence, for whoever verifies all interactions in one act and writes one row for it. */
export async function keepVerification(tx: TenantTransaction, by: Pick<Verifier, "actor" | "occurredAt">, finding: Finding): Promise<Verification> {
  const { interactionId, means, result, checkpoint } = finding;
  const row: VerificationRow = {
    tenant_id: tx.tenantId,
    interaction_id: interactionId,
    verified_at: by.occurredAt,
    verification_id: newUuid(),
    actor_kind: by.actor.kind,
    actor_id: by.actor.id,
    actor_name: by.actor.name,
    means,
    result,
    checked: bounded(finding.checked),
    differing: bounded(finding.differing),
    checkpoint_size: checkpoint?.size ?? null,
    checkpoint_root: checkpoint === null ? null : Buffer.from(checkpoint.root),
  };
  await insertRows(tx, "verifications", [row]);
  return toVerification(row);
}

/** The newest of each, by interaction. */
export async function latestVerifications(tx: TenantTransaction, ids: readonly string[]): Promise<ReadonlyMap<string, VerificationRow>> {
  if (ids.length === 0) return new Map();
  // The end of each interaction's stretch of the index, however often a job went over it.
  const { rows } = await sql<VerificationRow>`
    select latest.* from unnest(${[...ids]}::text[]) as wanted(id)
    cross join lateral (select * from verifications where tenant_id = ${tx.tenantId} and interaction_id = wanted.id order by verified_at desc, verification_id desc limit 1) as latest`.execute(tx);
  return new Map(rows.map((row) => [row.interaction_id, row]));
}

export function toLastVerified({ verified_at, result, means, actor_kind, actor_name }: VerificationRow): LastVerified {
  return { at: verified_at.toISOString(), result, means, by: { kind: actor_kind, name: actor_name } };
}

export function toVerification(row: VerificationRow): Verification {
  const { checked, differing, checkpoint_size: size, checkpoint_root: root } = row;
  return { ...toLastVerified(row), checked, differing, checkpoint: size === null || root === null ? null : { size, root: root.toString("hex") } };
}

/** A store that was damaged all over has more to say than anybody reads; the last sentence then says how much more. */
function bounded(sentences: readonly string[]): string[] {
  const kept = sentences.length <= mostVerificationSentences ? sentences : [...sentences.slice(0, mostVerificationSentences - 1), `… and ${sentences.length - mostVerificationSentences + 1} more.`];
  return kept.map((sentence) => (sentence.length <= mostVerificationSentenceLength ? sentence : `${sentence.slice(0, mostVerificationSentenceLength - 1)}…`));
}
