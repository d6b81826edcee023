/** What the log says was set up is there: nobody and nothing went away without a row. */
import type { TenantTransaction } from "#db";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { lastWords } from "./last-word.ts";
import { logInPortions } from "./log-in-portions.ts";
import { settingItems, settingTables, type SettingItem } from "./settings-as-stored.ts";
import { toldOf } from "./told-of-settings.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function* logAgainstSettings(checking: Checking, tenant: CheckedTenant, size: number, from: number): AsyncGenerator<Portion<number>> {
  const finding = finder("settings", tenant);
  yield* logInPortions(checking, tenant, size, from, missing);

  async function missing(tx: TenantTransaction, start: number, end: number): Promise<Finding[]> {
    const rows = await tx
      .selectFrom("evidence")
      .select(["item", "subject"])
      .distinct()
      .where("tree_index", ">=", start)
      .where("tree_index", "<", end)
      .where("item", "in", settingItems)
      .where("action", "in", ["Add", "Modify", "Login"])
      .where("subject", "is not", null)
      .execute();
    const found: Finding[] = [];
    for (const item of settingItems) {
      const ids = rows.flatMap((row) => (row.item === item && uuid.test(row.subject!) ? [row.subject!] : []));
      found.push(...(await missingOf(tx, item, ids)));
    }
    return found;
  }

  async function missingOf(tx: TenantTransaction, item: SettingItem, ids: readonly string[]): Promise<Finding[]> {
    if (ids.length === 0) return [];
    const { read, isKept } = settingTables[item];
    const there = new Set((await read(tx, ids)).flatMap(({ id, hasRow }) => (hasRow ? [id] : [])));
    const gone = ids.filter((id) => !there.has(id));
    const words = await lastWords(tx, item, gone);
    const found = gone.flatMap((id) => {
      const word = words.get(id);
      if (word === undefined || (word.ended !== null && !isKept)) return [];
      return [{ id, code: "SETTING_MISSING" as const, says: `${word.latest.name} says that it is there, and the database does not have it.`.replace(/^./, (first) => first.toUpperCase()), since: word.latest }];
    });
    return await toldOf(tx, item, found, finding);
  }
}
