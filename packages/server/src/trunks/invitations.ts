/** The invitations that a tenant's trunks got, as the page and the API show them. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Invitation, InvitationOutcome } from "@earwitness/contract";
import { withTenant, type Db, type TenantTransaction } from "#db";
import type { Origin } from "#access";
import { Refusal } from "#errors";
import { appendOnce } from "#evidence";

export interface InvitationQuery {
  /** A trunk's id; `none`: those that could not be given to one. */
  readonly trunk?: string | undefined;
  /** Only these; empty: all. */
  readonly outcomes: readonly InvitationOutcome[];
  readonly limit: number;
  /** Id of an invitation: what came before it. */
  readonly after?: string | undefined;
}

export async function listInvitations(db: Db, tenantId: string, origin: Origin, { trunk, outcomes, limit, after }: InvitationQuery): Promise<Invitation[]> {
  return await withTenant(db, tenantId, async (tx) => {
    await noteLook(tx, origin, trunk);
    let query = tx
      .selectFrom("trunk_invitations as i")
      .leftJoin("trunks as t", (join) => join.onRef("t.tenant_id", "=", "i.tenant_id").onRef("t.trunk_id", "=", "i.trunk_id"))
      .select(["i.invitation_id", "i.at", "i.trunk_id", "t.name as trunk_name", "i.node_id", "i.remote_address", "i.transport", "i.sip_call_id", "i.client", "i.status", "i.outcome", "i.reason", "i.explanation", "i.repeated", "i.recording_id", "i.unknown_parties"])
      .select((eb) => eb("i.trace", "is not", null).as("has_trace"));
    if (trunk === "none") query = query.where("i.trunk_id", "is", null);
    else if (trunk !== undefined) query = query.where("i.trunk_id", "=", trunk);
    if (outcomes.length > 0) query = query.where("i.outcome", "in", outcomes);
    if (after !== undefined) {
      const last = await tx.selectFrom("trunk_invitations").select(["at", "invitation_id"]).where("invitation_id", "=", after).executeTakeFirst();
      if (last === undefined) throw outOfList();
      query = query.where((eb) => eb.or([eb("i.at", "<", last.at), eb.and([eb("i.at", "=", last.at), eb("i.invitation_id", "<", last.invitation_id)])]));
    }
    const rows = await query.orderBy("i.at", "desc").orderBy("i.invitation_id", "desc").limit(limit).execute();
    const interactions = await interactionsOf(tx, rows.flatMap(({ recording_id }) => recording_id ?? []));
    return rows.map((row) => ({
      id: row.invitation_id,
      at: row.at.toISOString(),
      trunk: row.trunk_id === null || row.trunk_name === null ? null : { id: row.trunk_id, name: row.trunk_name },
      node: row.node_id,
      remoteAddress: row.remote_address,
      transport: row.transport,
      sipCallId: row.sip_call_id,
      client: row.client,
      status: row.status,
      outcome: row.outcome,
      reason: row.reason,
      explanation: row.explanation,
      repeated: row.repeated,
      interactionIds: interactions.get(row.recording_id ?? "") ?? [],
      unknownParties: row.unknown_parties.map(({ address, name }) => ({ address, name })),
      hasTrace: Boolean(row.has_trace),
    }));
  });
}

/** The invitations of a trunk are part of looking at the trunk; all of them are part of the trunks' pages. */
async function noteLook(tx: TenantTransaction, origin: Origin, trunk: string | undefined): Promise<void> {
  const row = trunk === undefined || trunk === "none" ? undefined : await tx.selectFrom("trunks").select(["trunk_id", "name"]).where("trunk_id", "=", trunk).executeTakeFirst();
  await appendOnce(tx, row === undefined ? { ...origin, action: "Access", item: "Trunk" } : { ...origin, action: "View", item: "Trunk", subject: row.trunk_id, detail: { name: row.name } });
}

async function interactionsOf(tx: TenantTransaction, recordingIds: readonly string[]): Promise<Map<string, string[]>> {
  if (recordingIds.length === 0) return new Map();
  const rows = await tx.selectFrom("interaction_media").select(["media_id", "interaction_id"]).where("media_id", "in", recordingIds).orderBy("interaction_id").execute();
  const found = new Map<string, string[]>();
  for (const { media_id, interaction_id } of rows) found.set(media_id, [...(found.get(media_id) ?? []), interaction_id]);
  return found;
}

/** No trace is longer when it is written (invitation-log.ts); what is, was not written by this program. */
const longestTrace = 1024 * 1024;

export async function readTrace(db: Db, tenantId: string, origin: Origin, invitationId: string): Promise<{ readonly text: string; readonly fileName: string }> {
  const row = await withTenant(db, tenantId, async (tx) => {
    const found = await tx.selectFrom("trunk_invitations").select(["at", "sip_call_id", "trace"]).where("invitation_id", "=", invitationId).executeTakeFirst();
    if (found !== undefined && found.trace !== null) await appendOnce(tx, { ...origin, action: "View", item: "Invitation", subject: invitationId, detail: { name: found.sip_call_id } });
    return found;
  });
  if (row === undefined) throw new Refusal("INVITATION_NOT_FOUND", 404, "There is no such invitation. Only the last ones of each trunk are kept.");
  if (row.trace === null) throw new Refusal("TRACE_NOT_FOUND", 404, "No messages of this invitation are kept.");
  const text = await promisify(gunzip)(row.trace, { maxOutputLength: longestTrace });
  const callId = row.sip_call_id.replaceAll(/[^A-Za-z0-9.-]+/g, "_").slice(0, 60);
  return { text: text.toString("utf8"), fileName: `sip-trace-${row.at.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${callId}.txt` };
}

function outOfList(): Refusal {
  const message = "is no invitation of this list; older ones are not kept";
  return new Refusal("VALIDATION", 400, `\`after\` ${message}.`, [{ where: "query.after", message }]);
}
