/** The clock set back between two rows: the log takes them in the order in which they come, and says so. */
import type { Db } from "../../../packages/server/src/db/index.ts";
import { withTenant } from "../../../packages/server/src/db/index.ts";
import { newEvidenceId } from "../../../packages/server/src/evidence/index.ts";
import { createLog } from "../../../packages/server/src/log/index.ts";
import { addTenant, createTestLogs } from "../../../packages/server/src/testing/index.ts";
import type { Random, Tallies } from "./tally.ts";

export async function tamperClock(db: Db, count: number, honest: number, random: Random, tallies: Tallies): Promise<void> {
  const said: string[] = [];
  const log = createLog("info", { write: (line) => void said.push(line) });
  const sequencer = createTestLogs().sequencer(db, { log, beatMs: 5 });
  try {
    let tenantId = await addTenant(db);
    let at = Date.now();
    const write = async (ms: number): Promise<void> => {
      const recordedAt = new Date(ms);
      const id = newEvidenceId(recordedAt);
      await withTenant(db, tenantId, (tx) => tx.insertInto("evidence").values({ tenant_id: tenantId, recorded_at: recordedAt, evidence_id: id, occurred_at: recordedAt, node_id: "n1", actor_kind: "job", actor_id: "t", actor_name: "t", action: "View", item: "Call", subject: null, remote_address: null, reason: null, detail: "{}" }).execute());
      await sequencer.place(tenantId, [id]);
    };
    await write(at);
    for (let n = 0; n < count; n += 1) {
      const [before, lines] = [sequencer.state().setBack, said.length];
      // By more than two nodes' clocks may differ: a minute.
      const byMs = 60_001 + random.below(3_600_000);
      await write(at - byMs);
      const noticed = sequencer.state().setBack === before + 1;
      tallies.tried("the clock set back", { noticed, named: said.slice(lines).some((line) => line.includes(tenantId) && line.includes(`"byMs":${byMs}`)), what: `by ${byMs} ms; said: ${said.slice(lines).join("")}` });
      // The sequencer knows the newest row only: each time a new log.
      tenantId = await addTenant(db);
      at = Date.now();
      await write(at);
    }
    for (let n = 0; n < honest; n += 1) {
      const before = sequencer.state().setBack;
      // Forwards, or back by less than the clocks of two nodes may differ.
      const next = at + random.below(5_000) - random.below(2_000);
      await write(next);
      at = Math.max(at, next);
      tallies.honest("rows in the order of time", sequencer.state().setBack === before ? [] : [`${sequencer.state().setBack} times`]);
    }
  } finally {
    await sequencer.close();
  }
}
