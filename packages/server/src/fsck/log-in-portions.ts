import { withTenant, type TenantTransaction } from "#db";
import type { CheckedTenant, Checking, Portion } from "./checking.ts";
import type { Finding } from "./finding.ts";

const portionRows = 5_000;

/** The log's places from one to its size, some thousands at a time; `look` says what is wrong with what the rows from one to before another say. */
export async function* logInPortions({ db, twice }: Checking, { tenantId }: CheckedTenant, size: number, from: number, look: (tx: TenantTransaction, start: number, end: number) => Promise<Finding[]>): AsyncGenerator<Portion<number>> {
  for (let at = from; at < size; ) {
    const [start, end] = [at, Math.min(size, at + portionRows)];
    const { findings } = await twice(async () => ({ findings: await withTenant(db, tenantId, (tx) => look(tx, start, end)) }));
    at = end;
    yield { cursor: at, findings, done: at, of: size };
  }
}
