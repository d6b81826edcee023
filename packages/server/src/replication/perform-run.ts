/** One run, from the job to its report. Killed anywhere, it is taken up again and goes on where it was (M365-54). */
import type { DirectoryRunReport } from "@earwitness/contract";
import { withTenant } from "#db";
import { GraphError } from "#directory";
import { messageOf, Refusal } from "#errors";
import { append, type Actor } from "#evidence";
import { replicateGroups, replicateUsers, type GroupsReport, type ReplicationReport } from "#people";
import { clientOf, notConnected, readConnection, readM365Tenant } from "./connection.ts";
import { changing, evidenceOf, type Parts } from "./replicating.ts";
import { beat, beatMs, claimRun, endRun, layDown } from "./runs.ts";

export const replicator: Actor = { kind: "job", id: "directory", name: "Directory synchronization" };
const mostNoticed = 100;

export interface PerformRun {
  (tenantId: string, runId: string, signal: AbortSignal): Promise<void>;
}

/** `running`: ids of the runs that this process is at. */
export function createPerformRun(parts: Parts, running: Set<string>): PerformRun {
  const { db, clock, log, nodeId } = parts;

  return async (tenantId, runId, signal) => {
    if (running.has(runId)) return;
    const run = await changing(parts, tenantId, (tx) => claimRun(tx, runId, nodeId, clock.now(), running.has(runId)));
    if (run === null) return;
    running.add(runId);
    const beating = setInterval(() => void withTenant(db, tenantId, (tx) => beat(tx, runId, nodeId, clock.now())).catch(() => undefined), beatMs);
    const act = { tenantId, by: replicator, mayGiveAccess: false };
    try {
      const report = await replicate();
      await changing(parts, tenantId, (tx) => endRun(tx, run, { report, error: null }, clock.now()));
    } catch (error) {
      // Whoever stops us wants it to go on later, not to fail.
      if (signal.aborted) return await changing(parts, tenantId, (tx) => layDown(tx, runId));
      const said = words(error);
      if (said === null) throw error; // a defect, or a database that is away: the run stays as it is, and is taken up again
      log.warn({ tenantId, error: said }, "the directory could not be read");
      await changing(parts, tenantId, async (tx) => {
        const { isNews } = await endRun(tx, run, { report: null, error: said }, clock.now());
        if (isNews) await append(tx, evidenceOf(parts, act, "Import", { what: run.kind, error: said }));
      });
    } finally {
      clearInterval(beating);
      running.delete(runId);
    }

    async function replicate(): Promise<DirectoryRunReport> {
      const { connection, m365TenantId } = await withTenant(db, tenantId, async (tx) => ({ connection: await readConnection(tx), m365TenantId: await readM365Tenant(tx) }));
      if (connection === null) throw notConnected();
      const graph = await clientOf(parts, tenantId, m365TenantId, connection);
      const options = { db, clock, nodeId, announce: parts.announce };
      const isWhole = run!.kind === "everything";
      const since = run!.asked_at;
      const users = await replicateUsers(options, act, graph, {
        recordsNew: connection.settings.recordsNew,
        signal,
        ...(isWhole ? { everything: true, everythingSince: since } : { onlyChanges: true, quietly: run!.cause === "watch" }),
      });
      const groups = await replicateGroups(options, act, graph, { signal, ...(isWhole ? { everythingSince: since } : {}) });
      return reportOf(users, groups);
    }
  };
}

function reportOf(users: ReplicationReport, groups: GroupsReport): DirectoryRunReport {
  const { added, changed, removed, restored, problems, told, everything, resumed } = users;
  return {
    everything,
    resumed,
    people: { added, changed, removed, restored, problems },
    groups: { read: groups.read, came: groups.came, went: groups.went },
    noticed: [
      ...groups.missing.map(({ name }) => `The group “${name}” is not in the directory any more. Its people stay in it here until it is chosen no more.`),
      ...told.map(({ message, objectId }) => `${sentence(message)}${objectId === "" || message.includes("directory") ? "" : ` (user ${objectId})`}`),
    ].slice(0, mostNoticed),
    requests: users.requests + groups.requests,
    repeated: users.repeated + groups.repeated,
    waitedMs: users.waitedMs + groups.waitedMs,
  };
}

const sentence = (message: string): string => message.charAt(0).toUpperCase() + message.slice(1);

/** What failed, for people; null: it is none of theirs. */
function words(error: unknown): string | null {
  if (error instanceof GraphError || error instanceof Refusal) return error.message;
  const text = messageOf(error);
  return error instanceof Error && ["KeyMissing", "NotAuthentic"].includes(error.constructor.name) ? `The client secret cannot be opened with the keys that are here; give it anew. (${text})` : null;
}
