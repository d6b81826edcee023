/** One play, one row (core decision 15). */
import { sql } from "kysely";
import { actorOf, principalKey, type Principal } from "#access";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append } from "#evidence";
import { newUuid } from "#ids";
import { callName, type InteractionRow } from "#interactions";

/** A play as it is asked for: who, what, and which voice; null is all of them. */
export interface PlayFacts {
  readonly principal: Principal;
  readonly call: InteractionRow;
  readonly track: number | null;
  readonly nodeId: string;
  readonly remoteAddress: string;
  readonly now: Date;
}

/** A player may be left open over a working day; after that it says again that somebody listens. */
const explicitPlayMs = 12 * 3600_000;
/** Media requests without a play id within this time are one listening: a player asks for dozens of ranges. */
const implicitPlayMs = 15 * 60_000;

/** Writes the play and its evidence. INT-48: every start of playback is action Play on item Call. */
export async function openPlay(tx: TenantTransaction, facts: PlayFacts, implicit: boolean): Promise<string> {
  const { principal, call, track, nodeId, remoteAddress, now } = facts;
  const interactionId = call.interaction_id;
  const playId = newUuid();
  await tx
    .insertInto("plays")
    .values({ tenant_id: tx.tenantId, play_id: playId, interaction_id: interactionId, track, principal: principalKey(principal), implicit, opened_at: now })
    .execute();
  await append(tx, {
    actor: actorOf(principal),
    action: "Play",
    item: "Call",
    subject: interactionId,
    occurredAt: now,
    nodeId,
    remoteAddress,
    detail: { ...callName(call), playId, track: track ?? "mixed", implicit },
  });
  return playId;
}

/** A media request without a play id opens a play of its own, unless the same one is open already. */
export async function ensureImplicitPlay(tx: TenantTransaction, facts: PlayFacts): Promise<void> {
  const { principal, call, track, now } = facts;
  const interactionId = call.interaction_id;
  const principalText = principalKey(principal);
  // Requests for neighboring ranges come at the same moment: one of them writes the row, the others wait and find it.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`play ${tx.tenantId} ${principalText} ${interactionId} ${track ?? "mixed"}`}, 0))`.execute(tx);
  const open = await tx
    .selectFrom("plays")
    .select("play_id")
    .where("principal", "=", principalText)
    .where("interaction_id", "=", interactionId)
    .where("opened_at", ">", new Date(now.getTime() - implicitPlayMs))
    .where("track", "is not distinct from", track)
    .where("implicit", "=", true)
    .limit(1)
    .executeTakeFirst();
  if (open === undefined) await openPlay(tx, facts, true);
}

/** The play a media request names has to be the same caller's, of the same interaction, and to cover the voice asked for. */
export async function checkPlay(tx: TenantTransaction, facts: PlayFacts, playId: string): Promise<void> {
  const play = await tx.selectFrom("plays").selectAll().where("play_id", "=", playId).executeTakeFirst();
  const isTheirs =
    play !== undefined &&
    !play.implicit &&
    play.principal === principalKey(facts.principal) &&
    play.interaction_id === facts.call.interaction_id &&
    (play.track === null || play.track === facts.track) &&
    play.opened_at.getTime() > facts.now.getTime() - explicitPlayMs;
  if (!isTheirs) throw new Refusal("PLAY_UNKNOWN", 403, "This is no open play of yours of this recording; open a new one with POST …/plays.");
}
