/** Access profiles that one person has for a time, such as an auditor from outside. */
import type { AccessGrant, AccessGrantSettings } from "@earwitness/contract";
import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce } from "#evidence";
import { newUuid } from "#ids";
import { isStorable } from "#tenants";
import type { Origin } from "./http.ts";
import { withoutGain } from "./no-escalation.ts";

export interface GrantStore {
  /** Newest first, those that are over too. */
  list(tenantId: string, by: Origin): Promise<AccessGrant[]>;
  create(tenantId: string, settings: AccessGrantSettings, by: Origin): Promise<AccessGrant>;
  end(tenantId: string, grantId: string, by: Origin): Promise<void>;
}

const longestMs = 366 * 24 * 3_600_000;
const mostListed = 1_000;

export function createGrantStore({ db, clock }: { readonly db: Db; readonly clock: Clock }): GrantStore {
  async function read(tx: TenantTransaction, grantId?: string): Promise<AccessGrant[]> {
    const now = clock.now();
    const rows = await tx
      .selectFrom("access_grants as g")
      .innerJoin("people as p", (join) => join.onRef("p.tenant_id", "=", "g.tenant_id").onRef("p.person_id", "=", "g.person_id"))
      .leftJoin("access_profiles as a", (join) => join.onRef("a.tenant_id", "=", "g.tenant_id").onRef("a.access_profile_id", "=", "g.access_profile_id"))
      .select(["g.access_grant_id", "g.person_id", "g.access_profile_id", "g.valid_until", "g.reason", "g.created_at", "g.ended_at", "p.display_name", "p.deleted_at", "a.name"])
      .$if(grantId !== undefined, (query) => query.where("g.access_grant_id", "=", grantId!))
      .orderBy("g.created_at", "desc")
      .limit(mostListed)
      .execute();
    return rows.map((row) => ({
      id: row.access_grant_id,
      settings: { personId: row.person_id, profileId: row.access_profile_id, until: row.valid_until.toISOString(), reason: row.reason },
      personName: row.display_name,
      profileName: row.name ?? "(removed)",
      grantedAt: row.created_at.toISOString(),
      endedAt: row.ended_at?.toISOString() ?? null,
      holds: row.ended_at === null && row.valid_until > now && row.deleted_at === null && row.name !== null,
    }));
  }

  async function changing<T>(tenantId: string, by: Origin, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
    return await withTenant(db, tenantId, async (tx) => {
      await tx.selectFrom("tenants").select("tenant_id").forNoKeyUpdate().execute();
      return await withoutGain(tx, by.actor, clock.now(), () => work(tx));
    });
  }

  return {
    list: (tenantId, by) =>
      withTenant(db, tenantId, async (tx) => {
        await appendOnce(tx, { ...by, action: "Access", item: "Access" });
        return await read(tx);
      }),

    create: (tenantId, { personId, profileId, until, reason }, by) =>
      changing(tenantId, by, async (tx) => {
        const now = clock.now();
        // Who has something for a time would have it for ever, a grant after the other.
        if (by.actor.kind === "person" && by.actor.id === personId) throw new Refusal("YOURSELF", 409, "You cannot grant anything to yourself; somebody else has to.", [{ where: "body.personId", message: "is yourself" }]);
        const validUntil = new Date(until);
        const person = await tx.selectFrom("people").select("display_name").where("person_id", "=", personId).where("deleted_at", "is", null).executeTakeFirst();
        const profile = await tx.selectFrom("access_profiles").select("name").where("access_profile_id", "=", profileId).executeTakeFirst();
        const mistakes = [
          ...(person === undefined ? [{ where: "body.personId", message: "is nobody of yours" }] : []),
          ...(profile === undefined ? [{ where: "body.profileId", message: "is no access profile of yours" }] : []),
          ...(validUntil > now ? [] : [{ where: "body.until", message: "is not in the future" }]),
          ...(validUntil.getTime() - now.getTime() <= longestMs ? [] : [{ where: "body.until", message: "is more than a year ahead: somebody has to look at it again by then" }]),
          ...(reason.trim() !== "" && isStorable(reason) ? [] : [{ where: "body.reason", message: "says nothing, or holds half a character" }]),
        ];
        if (mistakes.length > 0) throw new Refusal("VALIDATION", 400, mistakes.map(({ where, message }) => `${where.slice(5)} ${message}.`).join(" "), mistakes);
        const grantId = newUuid();
        await tx.insertInto("access_grants").values({ tenant_id: tenantId, access_grant_id: grantId, access_profile_id: profileId, person_id: personId, reason: reason.trim(), valid_until: validUntil, ended_at: null }).execute();
        const told = { person_id: personId, access_profile_id: profileId, valid_until: validUntil.toISOString(), reason: reason.trim() };
        const name = `${profile!.name} for ${person!.display_name}`;
        await append(tx, { ...by, action: "Add", item: "Access", subject: grantId, reason: reason.trim(), detail: { name, change: Object.fromEntries(Object.entries(told).map(([field, to]) => [field, { from: null, to }])) } });
        return (await read(tx, grantId))[0]!;
      }),

    end: (tenantId, grantId, by) =>
      changing(tenantId, by, async (tx) => {
        const [grant] = await read(tx, grantId);
        if (grant === undefined || !grant.holds) throw new Refusal("ACCESS_GRANT_NOT_FOUND", 404, "There is no such grant that holds.");
        await tx.updateTable("access_grants").set({ ended_at: by.occurredAt }).where("access_grant_id", "=", grantId).execute();
        await append(tx, { ...by, action: "Disabled", item: "Access", subject: grantId, detail: { name: `${grant.profileName} for ${grant.personName}` } });
      }),
  };
}
