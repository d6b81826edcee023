/** Which keys speak for which heads of a log, as far as its hand-overs and what is trusted lead. */
import { sql } from "kysely";
import { followHandovers, formatVkey, keysFor, Malformed, noteKey, noteTypes, parseVkey, type KeyPeriod } from "@earwitness/verify";
import { withTenant } from "#db";
import { messageOf } from "#errors";
import { createLogSigner, rowsOf } from "#evidence";
import { finder, type CheckedTenant, type Checking } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { keysThatDiffer, type KeyRow } from "./keys-that-differ.ts";
import { fieldOf } from "./stored-value.ts";

export interface LogKeys {
  /** Vkeys that may have signed a head of this size. */
  keysAt(size: number): readonly string[];
  readonly findings: readonly Finding[];
}

export async function readLogKeys({ db, seeds, trusted }: Checking, tenant: CheckedTenant, origin: string): Promise<LogKeys> {
  const finding = finder("log", tenant);
  const findings: Finding[] = [];
  const { keys, admitted } = await withTenant(db, tenant.tenantId, async (tx) => ({
    keys: await tx.selectFrom("log_keys").select(["vkey", sql<number>`least(from_size, ${Number.MAX_SAFE_INTEGER})`.as("from_size"), "handover", sql<boolean>`retired_at is not null`.as("is_retired")]).orderBy("log_keys.from_size").orderBy("created_at").execute(),
    // Rows that say that a key was lost, and which one the log goes on with.
    admitted: new Map((await rowsOf(tx, { subject: tenant.tenantId })).flatMap(({ row }) => (row.action === "Modify" && row.item === "Log" ? [[fieldOf(row.detail, "vkey"), fieldOf(row.detail, "fromSize")]] : []))),
  }));

  const own = new Set((await seeds.read(tenant.tenantId)).flatMap((seed) => vkeyOf(origin, seed) ?? []));
  if (!isLogName(origin)) findings.push(finding("LOG_RENAMED", "log", `The database says that the log is named ${JSON.stringify(origin)}.`));
  const given = trusted.filter(({ name }) => name === origin).map(formatVkey);
  const anchors = given.length > 0 ? given : own.size > 0 ? [...own] : null;

  const periods: KeyPeriod[] = [];
  // A key that nobody handed over to begins a stretch of its own.
  const stretches: KeyRow[][] = [];
  for (const key of keys) {
    if (key.handover === null || stretches.length === 0) stretches.push([key]);
    else stretches.at(-1)!.push(key);
  }
  for (const [at, stretch] of stretches.entries()) {
    const first = stretch[0]!;
    const next = stretches[at + 1]?.[0];
    const where = `key from ${first.from_size}`;
    const from = at === 0 ? 0 : admitted.get(first.vkey);
    if (at > 0 && from !== undefined) findings.push(finding("KEY_WITHOUT_HANDOVER", where, `From ${first.from_size} rows on ${first.vkey} signs, to which no key handed over.`));
    else if (at > 0) findings.push(finding("HANDOVER_BROKEN", where, `From ${first.from_size} rows on ${first.vkey} should sign: no key handed over to it, and no row says that one was lost.`));
    if (first.handover === null && typeof from === "number" && first.from_size !== from) findings.push(finding("HANDOVER_BROKEN", where, `The database says that ${first.vkey} signs from ${first.from_size} rows on, and it does from ${from}.`));
    try {
      const followed = await followHandovers(parseVkey(stretch.at(-1)!.vkey), stretch.flatMap(({ handover }) => handover ?? []));
      findings.push(...keysThatDiffer(stretch, followed).map(({ row, says }) => finding("HANDOVER_BROKEN", `key from ${row.from_size}`, says)));
      const begin = typeof from === "number" ? from : first.from_size;
      periods.push(...followed.map((period, index) => ({ ...period, fromSize: Math.max(period.fromSize, begin), toSize: period.toSize ?? (index === followed.length - 1 ? (next?.from_size ?? null) : null) })));
    } catch (error) {
      if (!(error instanceof Malformed) && !(error instanceof RangeError) && !(error instanceof TypeError)) throw error;
      findings.push(finding("HANDOVER_BROKEN", `keys from ${first.from_size}`, `${messageOf(error)}.`));
    }
  }
  for (const [at, { vkey, from_size, is_retired }] of keys.entries()) {
    if (is_retired === at < keys.length - 1) continue;
    findings.push(finding("HANDOVER_BROKEN", `key from ${from_size}`, is_retired ? `The database says that ${vkey} was retired, and names no key that followed it.` : `The database does not say that ${vkey} was retired, and names a key that followed it.`));
  }

  const known = new Set(periods.map(({ key }) => formatVkey(key)));
  if (anchors === null) findings.push(finding("KEY_NOT_COMPARED", "key", `The log's key is ${keys.at(-1)?.vkey ?? "not named"}, as the database says.`));
  else if (!anchors.some((vkey) => known.has(vkey))) {
    findings.push(finding("KEY_FOREIGN", "key", `The database names ${keys.at(-1)?.vkey ?? "no key"}; ${given.length > 0 ? "the key that was given" : "the key of this node"} is ${anchors.join(" or ")}.`));
    return { keysAt: () => anchors, findings };
  }
  return { keysAt: (size) => keysFor(periods, size).map(formatVkey), findings };
}

/** A name that cannot be one of a log has no keys. */
const vkeyOf = (origin: string, seed: Uint8Array): string | null => (isLogName(origin) ? createLogSigner(origin, seed).vkey : null);

function isLogName(origin: string): boolean {
  try {
    noteKey(origin, noteTypes.ed25519, new Uint8Array(32));
    return true;
  } catch (error) {
    if (error instanceof Malformed) return false;
    throw error;
  }
}
