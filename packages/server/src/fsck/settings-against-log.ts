/** Everybody and everything that is set up is what rows of evidence say last of it: nothing was changed, and nothing added, without a row. */
import { withTenant, type TenantTransaction } from "#db";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { lastWords } from "./last-word.ts";
import { settingThatDiffers } from "./setting-that-differs.ts";
import { countSettings, settingIds, settingItems, settingTables, type SettingItem } from "./settings-as-stored.ts";
import { toldOf } from "./told-of-settings.ts";

const pageSettings = 200;

/** `after`: id of the last that was looked at; empty at the beginning. */
export interface SettingsCursor {
  readonly item: SettingItem;
  readonly after: string;
}

export async function* settingsAgainstLog({ db, twice }: Checking, tenant: CheckedTenant, from: SettingsCursor): AsyncGenerator<Portion<SettingsCursor>> {
  const finding = finder("settings", tenant);
  const counts = await withTenant(db, tenant.tenantId, countSettings);
  const first = settingItems.indexOf(from.item);
  const of = settingItems.slice(first).reduce((sum, item) => sum + counts[item], 0);
  let done = 0;
  for (const item of settingItems.slice(first)) {
    for (let after = item === from.item ? from.after : ""; ; ) {
      const behind = after;
      const ids = await withTenant(db, tenant.tenantId, (tx) => settingIds(tx, item, behind, pageSettings));
      if (ids.length === 0) break;
      const { findings } = await twice(async () => ({ findings: await withTenant(db, tenant.tenantId, (tx) => differing(tx, item, ids)) }));
      after = ids.at(-1)!;
      done += ids.length;
      yield { cursor: { item, after }, findings, done, of: Math.max(of, done), counted: { settings: ids.length } };
    }
  }

  async function differing(tx: TenantTransaction, item: SettingItem, ids: readonly string[]): Promise<Finding[]> {
    // First what is there: a change that comes in between is then known to the rows alone, and gone at the second look.
    const stored = await settingTables[item].read(tx, ids);
    const words = await lastWords(tx, item, ids);
    const isGroupGone = item === "User" ? await groupsGone(tx, [...words.values()].map(({ said }) => said.get("group_ids")?.value)) : () => false;
    const found = stored.flatMap((one) => settingThatDiffers(one, words.get(one.id), isGroupGone).map((differs) => ({ id: one.id, ...differs })));
    return await toldOf(tx, item, found, finding);
  }
}

/** A group that was deleted took nobody's row with it: whoever was in it has no row that says that they are not. */
async function groupsGone(tx: TenantTransaction, said: readonly unknown[]): Promise<(groupId: unknown) => boolean> {
  const named = new Set(said.flat().filter((id) => typeof id === "string"));
  const words = await lastWords(tx, "Group", [...named]);
  const gone = new Set([...words].flatMap(([id, { ended }]) => (ended === null ? [] : [id])));
  return (id) => typeof id === "string" && gone.has(id);
}
