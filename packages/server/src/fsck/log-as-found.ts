/** The log as it stood when its check began: rows and tiles are held against this head, however much is written meanwhile. */
import { sql } from "kysely";
import { tileWidth, toHex } from "@earwitness/verify";
import { withTenant, type TenantTransaction } from "#db";
import { messageOf } from "#errors";
import { openHead, type LogHead } from "#evidence";
import { finder, type CheckedTenant, type Checking } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { readLogKeys, type LogKeys } from "./log-keys.ts";

export interface LogAsFound {
  readonly origin: string;
  readonly head: LogHead;
  readonly keys: LogKeys;
  /** What this node signed last, where it can be believed. */
  readonly remembered: LogHead | null;
  readonly findings: readonly Finding[];
}

/** Null where there is no log. */
export async function findLog(checking: Checking, tenant: CheckedTenant): Promise<{ readonly log: LogAsFound | null; readonly findings: readonly Finding[] }> {
  const finding = finder("log", tenant);
  // First what is outside of the database: it is never ahead of what the database had.
  const note = await checking.heads.read(tenant.tenantId);
  const row = await withTenant(checking.db, tenant.tenantId, readLog);
  if (row === undefined) {
    const findings = note === null ? [] : [finding("LOG_MISSING", "log", "The database has no log of this tenant, and this node signed one.")];
    return { log: null, findings };
  }
  const keys = await readLogKeys(checking, tenant, row.origin);
  const findings: Finding[] = [...keys.findings];
  const head: LogHead = { size: row.size, root: row.root };

  if ((row.head === null) !== (row.size === 0)) findings.push(finding("HEAD_FORGED", `head of ${row.size}`, `The database says ${row.size} rows and ${row.head === null ? "has no signed head" : "has a signed head"}.`));
  if (row.head !== null) {
    const signed = open(row.head, row.origin, keys.keysAt(row.size));
    if (typeof signed === "string") findings.push(finding("HEAD_FORGED", `head of ${row.size}`, `The head in the database cannot be trusted: ${signed}.`));
    else if (signed.size !== row.size || Buffer.compare(signed.root, row.root) !== 0) findings.push(finding("HEAD_FORGED", `head of ${row.size}`, `The head was signed at ${signed.size} rows with the root ${toHex(signed.root)}; the database says ${row.size} and ${toHex(row.root)}.`));
  }

  let remembered: LogHead | null = null;
  if (note !== null) {
    const named = sizeIn(note);
    const signed = open(note, row.origin, keys.keysAt(named));
    if (typeof signed === "string") findings.push(finding("LOG_REWRITTEN", "head that this node remembers", `What this node remembers of the log does not fit the log in the database: ${signed}.`));
    else if (signed.size > row.size) findings.push(finding("LOG_SET_BACK", "log", `The log in the database has ${row.size} rows, and this node signed ${signed.size}.`));
    else remembered = signed;
  }
  const size = await believedSize(checking, tenant, { claimed: row.size, signed: row.head === null ? null : open(row.head, row.origin, keys.keysAt(sizeIn(row.head))), remembered: remembered?.size ?? 0 });
  return { log: { origin: row.origin, head: { ...head, size }, keys, remembered, findings }, findings };
}

async function readLog(tx: TenantTransaction): Promise<{ origin: string; size: number; root: Uint8Array; head: string | null } | undefined> {
  const { rows } = await sql<{ origin: string; size: number; root: Uint8Array; head: string | null }>`select origin, least(size, ${Number.MAX_SAFE_INTEGER}) as size, root, head from logs where tenant_id = ${tx.tenantId}`.execute(tx);
  return rows[0];
}

/**
 * How many rows are looked for. A size that is signed is believed; one that is not is held against what is there, or a number that
 * somebody wrote into the database would have the check look for rows until the end of days.
 */
async function believedSize({ db }: Checking, { tenantId }: CheckedTenant, { claimed, signed, remembered }: { readonly claimed: number; readonly signed: LogHead | string | null; readonly remembered: number }): Promise<number> {
  if (signed !== null && typeof signed !== "string") return signed.size;
  const { tiles } = await withTenant(db, tenantId, (tx) => tx.selectFrom("log_tiles").select((eb) => eb.fn.countAll<number>().as("tiles")).where("level", "=", 0).executeTakeFirstOrThrow());
  return Math.min(claimed, Math.max(remembered, tiles * tileWidth));
}

/** The head that a note says, or why it cannot be relied on. */
export function open(note: string, origin: string, vkeys: readonly string[]): LogHead | string {
  try {
    return openHead(note, origin, vkeys);
  } catch (error) {
    return messageOf(error);
  }
}

/** The size that a note claims, before anything is known of it: it says which key to look at it with. */
export const sizeIn = (note: string): number => Number(/^[^\n]*\n(\d{1,15})\n/.exec(note)?.[1] ?? -1);
