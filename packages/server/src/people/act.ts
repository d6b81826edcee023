import type { Clock } from "#clock";
import { keepingAnAdministrator, withoutGain } from "#access";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import type { Action, Item } from "@earwitness/contract";
import type { Actor, EvidenceEntry } from "#evidence";
import type { PersonMistake } from "./person-settings.ts";

/** Who changes something, from where, and whether they may say what others see (CON-07). */
export interface Act {
  readonly tenantId: string;
  readonly by: Actor;
  readonly mayGiveAccess: boolean;
  readonly remoteAddress?: string;
}

export interface PeopleOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  /** After the commit: the nodes' snapshots follow. */
  readonly announce: () => void;
}

/**
 * A change of people, one at a time for each tenant: what is looked at first (whose is this number?) is still so when it is
 * written. What the provision file does waits at the same place. Nobody becomes more by it than they were, and an administrator is left.
 */
export async function changing<T>({ db, clock, announce }: PeopleOptions, { tenantId, by }: Act, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
  const done = await withTenant(db, tenantId, async (tx) => {
    // Not FOR UPDATE: every row that refers to the tenant would wait for the end of an import.
    await tx.selectFrom("tenants").select("tenant_id").forNoKeyUpdate().execute();
    return await keepingAnAdministrator(tx, by, clock.now(), () => withoutGain(tx, by, clock.now(), () => work(tx)));
  });
  announce();
  return done;
}

export function evidenceOf({ clock, nodeId }: PeopleOptions, { by, remoteAddress }: Act, action: Action, item: Item, subject: string | null, detail: Record<string, unknown>): EvidenceEntry {
  return { actor: by, action, item, ...(subject === null ? {} : { subject }), occurredAt: clock.now(), nodeId, ...(remoteAddress === undefined ? {} : { remoteAddress }), detail };
}

export function invalid(mistakes: readonly PersonMistake[], status = 400, code = "VALIDATION"): Refusal {
  const errors = mistakes.map(({ where, message }) => ({ where: `body.${where}`, message }));
  return new Refusal(code, status, mistakes.map(({ where, message }) => `${where} ${message}.`).join(" "), errors);
}
