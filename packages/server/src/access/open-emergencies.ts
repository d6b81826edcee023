/** Enrollments that the operator made past whoever gives access, while they are open: said aloud, in health and status. */
import type { Clock } from "#clock";
import { withSystem, withTenant, type Db } from "#db";
import { messageOf } from "#errors";
import type { Log } from "#log";

export interface OpenEmergencies {
  warnings(): readonly string[];
  /** Looks now, where it is known that something changed. */
  look(): Promise<void>;
  close(): Promise<void>;
}

const everyMs = 30_000;

export function createOpenEmergencies({ db, clock, log, ready }: { db: Db; clock: Clock; log: Log; ready: Promise<void> }): OpenEmergencies {
  let warnings: readonly string[] = [];
  let looking: Promise<void> = Promise.resolve();

  async function lookNow(): Promise<void> {
    const tenants = await withSystem(db, (tx) => tx.selectFrom("tenants").select(["tenant_id", "slug"]).orderBy("slug").execute());
    const found: string[] = [];
    for (const { tenant_id: tenantId, slug } of tenants) {
      const open = await withTenant(db, tenantId, (tx) => tx.selectFrom("local_enrollments").select("expires_at").where("by_operator", "=", true).where("expires_at", ">", clock.now()).execute());
      for (const { expires_at: until } of open) found.push(`An administrator of ${slug} was enrolled on the command line; the link works until ${until.toISOString()} or until it is used.`);
    }
    warnings = found;
  }
  // A database that is away is said elsewhere; what was known last stands.
  const look = (): Promise<void> => (looking = looking.then(lookNow).catch((error: unknown) => log.debug({ error: messageOf(error) }, "open enrollments could not be looked at")));
  const first = ready.then(look).catch(() => undefined);
  const timer = setInterval(() => void look(), everyMs);
  return {
    warnings: () => warnings,
    look,
    async close() {
      clearInterval(timer);
      await Promise.race([first, looking]);
      await looking;
    },
  };
}
