/** Which run of a tenant's directory is due now. Nothing but values in and out. */
import { createHash } from "node:crypto";

export interface LastRuns {
  /** When the newest run that reads everything was asked for by the night, or by somebody. */
  readonly wholeAskedAt: Date | null;
  /** When anything was last looked at, however it ended. */
  readonly lookedAt: Date | null;
}

/** Rights follow within ten minutes (ACC-13): of these, a run may take the rest. */
export const lookEveryMs = 240_000;
/** In UTC. Tenants begin one after the other, in two hours. */
const nightBeginsMs = 3_600_000;
const nightLastsMs = 2 * 3_600_000;
const dayMs = 86_400_000;

export function dueRun(tenantId: string, { wholeAskedAt, lookedAt }: LastRuns, now: Date): { readonly kind: "everything" | "changes"; readonly cause: "nightly" | "watch" } | null {
  const share = createHash("sha256").update(tenantId).digest().readUInt32BE(0) / 2 ** 32;
  const today = Math.floor(now.getTime() / dayMs) * dayMs + nightBeginsMs + share * nightLastsMs;
  const night = today <= now.getTime() ? today : today - dayMs;
  if (wholeAskedAt === null || wholeAskedAt.getTime() < night) return { kind: "everything", cause: "nightly" };
  // A clock that was set back looks too often rather than never.
  const passedMs = lookedAt === null ? Number.POSITIVE_INFINITY : Math.abs(now.getTime() - lookedAt.getTime());
  return passedMs >= lookEveryMs ? { kind: "changes", cause: "watch" } : null;
}
