import { newestErased } from "#audit";
import type { TenantTransaction } from "#db";
import type { Finder } from "./checking.ts";
import type { Finding } from "./finding.ts";
import type { Differing } from "./setting-that-differs.ts";
import { settingTables, type SettingItem } from "./settings-as-stored.ts";

/** What differs as it is told: where a row that may have said more was erased since, nobody can say any more. */
export async function toldOf(tx: TenantTransaction, item: SettingItem, found: readonly (Differing & { readonly id: string })[], finding: Finder): Promise<Finding[]> {
  if (found.length === 0) return [];
  const erasedAt = await newestErased(tx, item, null);
  return found.map(({ id, code, says, since }) => {
    const isErased = erasedAt !== null && !(since !== null && since.recordedAt > erasedAt);
    return finding(isErased ? "SETTING_MAYBE_ERASED" : code, `${settingTables[item].what} ${id}`, says);
  });
}
