/** How long a tenant's sessions last. */
import type { SessionLimits } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append } from "#evidence";
import { entityTag, refuseStale } from "./entity-tag.ts";
import type { Origin } from "./http.ts";

export async function readSessionLimits(tx: TenantTransaction): Promise<{ readonly name: string; readonly limits: SessionLimits }> {
  const row = await tx.selectFrom("tenants").select(["display_name", "session_idle_minutes", "session_whole_minutes"]).executeTakeFirstOrThrow();
  return { name: row.display_name, limits: { idleMinutes: row.session_idle_minutes, wholeMinutes: row.session_whole_minutes } };
}

export async function changeSessionLimits(tx: TenantTransaction, wanted: SessionLimits, origin: Origin, ifMatch: string | undefined): Promise<SessionLimits> {
  if (wanted.idleMinutes > wanted.wholeMinutes) {
    const message = "must not be more than the whole time, or it would never be reached";
    throw new Refusal("VALIDATION", 400, `idleMinutes ${message}.`, [{ where: "body.idleMinutes", message }]);
  }
  await tx.selectFrom("tenants").select("tenant_id").forNoKeyUpdate().execute();
  const { name, limits: before } = await readSessionLimits(tx);
  refuseStale(ifMatch, entityTag(before), "setting");
  const columns = { session_idle_minutes: [before.idleMinutes, wanted.idleMinutes], session_whole_minutes: [before.wholeMinutes, wanted.wholeMinutes] };
  const change = Object.fromEntries(Object.entries(columns).flatMap(([column, [from, to]]) => (from === to ? [] : [[column, { from, to }]])));
  if (Object.keys(change).length === 0) return before;
  await tx.updateTable("tenants").set({ session_idle_minutes: wanted.idleMinutes, session_whole_minutes: wanted.wholeMinutes }).execute();
  await append(tx, { ...origin, action: "Modify", item: "Tenant", subject: tx.tenantId, detail: { name, change } });
  return wanted;
}
