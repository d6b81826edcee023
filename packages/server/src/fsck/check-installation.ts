/**
 * Checks a whole installation, tenant by tenant and part by part, in portions: after each of them it can be killed, and goes on there.
 * Nothing is written but what was found, and, for each tenant, one row of evidence that it was checked.
 */
import { toHex } from "@earwitness/verify";
import { withTenant } from "#db";
import { append, commandLine, startOfWalk } from "#evidence";
import { finder, type CheckedRecording, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import { nameOf, verdictOf, type Finding, type Part, type Verdict } from "./finding.ts";
import { interactionsAgainstLog } from "./interactions-against-log.ts";
import { logAgainstCheckpoints } from "./log-against-checkpoints.ts";
import { logAgainstInteractions } from "./log-against-interactions.ts";
import { logAgainstSettings } from "./log-against-settings.ts";
import { countCheckpoints } from "./counted-checkpoints.ts";
import { findLog, type LogAsFound } from "./log-as-found.ts";
import { checkpointsAgainstWitness } from "./checkpoints-against-witness.ts";
import { format, parseProgress, readWalk, writeWalk, type CheckProgress, type Position, type Step, type TenantProgress } from "./progress-of-check.ts";
import type { ProgressFile } from "./progress-file.ts";
import { recordings } from "./recordings.ts";
import { rowsAgainstLog } from "./rows-against-log.ts";
import { settingsAgainstLog } from "./settings-against-log.ts";
import { settingItems } from "./settings-as-stored.ts";
import { storeAgainstRows } from "./store-against-rows.ts";
import { unreadable } from "./stored-value.ts";

/** What became of one interaction's recording. */
export interface CheckedInteraction {
  readonly tenantId: string;
  readonly recordingId: string;
  readonly at: Date;
  readonly result: Verdict | "agrees";
  /** The log's head at the beginning of the check; null where there was none. */
  readonly checkpoint: { readonly size: number; readonly root: Uint8Array } | null;
  /** Empty where everything agrees. */
  readonly findings: readonly Finding[];
}

export interface HowFar {
  readonly tenant: string;
  readonly step: Step;
  readonly done: number;
  readonly of: number;
  /** Of the tenant, since its check began. */
  readonly counted: Readonly<TenantProgress["counted"]>;
}

export interface CheckOptions extends Checking {
  readonly tenants: readonly CheckedTenant[];
  readonly parts: readonly Part[];
  readonly progressFile: ProgressFile;
  /** Goes on with what the file says, and with nothing else. */
  readonly goesOn: boolean;
  readonly found: (finding: Finding) => void;
  readonly howFar: (how: HowFar) => void;
  /** Called once for each interaction whose recording was checked whole, files and facts. */
  readonly onChecked?: (interactionId: string, result: CheckedInteraction) => Promise<void>;
  readonly signal?: AbortSignal;
  /** How often it is kept how far the check is. */
  readonly keepMs?: number;
}

export interface CheckReport {
  readonly format: "earwitness/fsck/1";
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly continued: boolean;
  readonly parts: readonly Part[];
  readonly tenants: readonly (Omit<TenantProgress, "tally"> & { readonly differs: number; readonly notChecked: number })[];
  readonly findings: readonly (Finding & { readonly verdict: Verdict })[];
  /** Findings that were counted and are not listed: there are too many. */
  readonly unlisted: number;
  readonly verdict: "agrees" | "differs" | "not checked";
}

/** The check was asked to stop; what it did is kept. */
export class Interrupted extends Error {}

const mostFindings = 10_000;
const steps: readonly { readonly step: Step; readonly of: readonly Part[] }[] = [
  { step: "rows", of: ["rows"] },
  { step: "log", of: ["log"] },
  { step: "witness", of: ["witness"] },
  { step: "recordings", of: ["media", "manifests"] },
  { step: "opened", of: ["manifests"] },
  { step: "interactions", of: ["manifests"] },
  { step: "store", of: ["media"] },
  { step: "added", of: ["settings"] },
  { step: "settings", of: ["settings"] },
];

export async function checkInstallation(options: CheckOptions): Promise<CheckReport> {
  const { tenants, progressFile, clock, found, howFar, signal, keepMs = 1_000 } = options;
  const text = options.goesOn ? await progressFile.read() : null;
  const earlier = text === null ? null : parseProgress(text);
  const progress: CheckProgress = earlier ?? { format, startedAt: clock.now().toISOString(), parts: [...options.parts], done: [], current: null, left: tenants.map(({ tenantId }) => tenantId), findings: [] };
  const parts = new Set(progress.parts);
  const told = new Set(progress.findings.map(nameOf));
  let keptAtMs = 0;

  async function keep(isDue: boolean): Promise<void> {
    if (!isDue && performance.now() - keptAtMs < keepMs) return;
    await progressFile.write(JSON.stringify(progress));
    keptAtMs = performance.now();
  }

  function add(tally: TenantProgress["tally"], findings: readonly Finding[]): void {
    for (const finding of findings) {
      if (told.has(nameOf(finding))) continue;
      tally[finding.code] = (tally[finding.code] ?? 0) + 1;
      if (progress.findings.length >= mostFindings) continue;
      told.add(nameOf(finding));
      progress.findings.push({ ...finding, where: finding.where.slice(0, 2_000), says: finding.says.slice(0, 20_000) });
      found(finding);
    }
  }

  for (const finding of progress.findings) found(finding);
  await keep(true);
  for (;;) {
    const tenant = nextTenant();
    if (tenant === null) break;
    await checkTenant(tenant);
  }
  await progressFile.remove();
  return reportOf(progress, earlier !== null, clock.now());

  /** The one that was being checked, or the next that is still there. */
  function nextTenant(): CheckedTenant | null {
    const known = (wanted: string): CheckedTenant | undefined => tenants.find(({ tenantId }) => tenantId === wanted);
    if (progress.current !== null) {
      const current = known(progress.current.tenant.tenantId);
      if (current !== undefined) return current;
      progress.current = null;
    }
    for (let id = progress.left.shift(); id !== undefined; id = progress.left.shift()) {
      const tenant = known(id);
      if (tenant !== undefined) return tenant;
    }
    return null;
  }

  async function checkTenant(tenant: CheckedTenant): Promise<void> {
    const { log, findings } = await options.twice(async () => await findReadableLog(tenant));
    const current = (progress.current ??= {
      tenant: { tenantId: tenant.tenantId, slug: tenant.slug, size: log?.head.size ?? 0, root: toHex(log?.head.root ?? new Uint8Array(32)), startedAt: clock.now().toISOString(), counted: { rows: 0, recordings: 0, bytes: 0, settings: 0 }, tally: {} },
      position: startOf("rows"),
    });
    const of = current.tenant;
    if (parts.has("log")) add(of.tally, findings);
    const first = steps.findIndex(({ step }) => step === current.position.step);
    for (const [at, { step, of: partsOfStep }] of steps.entries()) {
      if (at < first || !partsOfStep.some((part) => parts.has(part))) continue;
      if (at > first) current.position = startOf(step);
      for await (const { position, findings: differing, done, of: all, counted, checked } of readablePortions(tenant, log, of, current.position, partsOfStep.find((part) => parts.has(part))!)) {
        add(of.tally, differing);
        current.position = position;
        of.counted = { rows: of.counted.rows + (counted?.rows ?? 0), recordings: of.counted.recordings + (counted?.recordings ?? 0), bytes: of.counted.bytes + (counted?.bytes ?? 0), settings: of.counted.settings + (counted?.settings ?? 0) };
        howFar({ tenant: tenant.slug, step, done, of: all, counted: of.counted });
        for (const recording of checked ?? []) await tellChecked(tenant, of, recording);
        if (signal?.aborted === true) {
          await keep(true);
          throw new Interrupted("the check was stopped");
        }
        await keep(false);
      }
    }
    await writeDown(of);
    progress.done.push(of);
    progress.current = null;
    await keep(true);
  }

  async function findReadableLog(tenant: CheckedTenant): ReturnType<typeof findLog> {
    try {
      return await findLog(options, tenant);
    } catch (error) {
      const found = unreadable(error, finder("log", tenant), "log");
      if (found === null) throw error;
      return { log: null, findings: [found] };
    }
  }

  /** A value that nothing was prepared for ends its part, and no other: it is told, and what lies behind it in the part with it. */
  async function* readablePortions(tenant: CheckedTenant, log: LogAsFound | null, of: TenantProgress, from: Position, part: Part): ReturnType<typeof portions> {
    try {
      yield* portions(tenant, log, of, from);
    } catch (error) {
      const found = unreadable(error, finder(part, tenant), `${from.step}, somewhere behind what was checked`);
      if (found === null) throw error;
      yield { cursor: null, findings: [found], done: 0, of: 0, position: from };
    }
  }

  async function* portions(tenant: CheckedTenant, log: LogAsFound | null, of: TenantProgress, from: Position): AsyncGenerator<Portion<unknown> & { readonly position: Position }> {
    const head = { size: of.size, root: Buffer.from(of.root, "hex") };
    const before = new Date(of.startedAt);
    const at = <P extends Portion<unknown>>(portion: P, position: Position) => ({ ...portion, position });
    switch (from.step) {
      case "rows":
        for await (const portion of rowsAgainstLog(options, tenant, of.size, from.cursor)) yield at(portion, { step: "rows", cursor: portion.cursor });
        return;
      case "log":
        if (log === null) return;
        for await (const portion of logAgainstCheckpoints(options, tenant, log, head, { ...from.cursor, walk: readWalk(from.cursor.walk, of.size) })) yield at(portion, { step: "log", cursor: { ...portion.cursor, walk: writeWalk(portion.cursor.walk) } });
        return;
      case "witness":
        for await (const portion of checkpointsAgainstWitness(options, tenant, of.size, from.cursor)) yield at(portion, { step: "witness", cursor: { after: portion.cursor.after, cosigned: { ...portion.cursor.cosigned } } });
        return;
      case "recordings":
        for await (const portion of recordings(options, tenant, parts, before, from.cursor)) yield at(portion, { step: "recordings", cursor: portion.cursor });
        return;
      case "opened":
        for await (const portion of logAgainstInteractions(options, tenant, of.size, from.cursor)) yield at(portion, { step: "opened", cursor: portion.cursor });
        return;
      case "interactions":
        for await (const portion of interactionsAgainstLog(options, tenant, before, from.cursor)) yield at(portion, { step: "interactions", cursor: portion.cursor });
        return;
      case "store":
        for await (const portion of storeAgainstRows(options, tenant, from.cursor)) yield at(portion, { step: "store", cursor: portion.cursor });
        return;
      case "added":
        for await (const portion of logAgainstSettings(options, tenant, of.size, from.cursor)) yield at(portion, { step: "added", cursor: portion.cursor });
        return;
      case "settings":
        for await (const portion of settingsAgainstLog(options, tenant, from.cursor)) yield at(portion, { step: "settings", cursor: portion.cursor });
        return;
    }
  }

  async function tellChecked({ tenantId }: CheckedTenant, { size, root }: TenantProgress, { recordingId, interactionIds, findings }: CheckedRecording): Promise<void> {
    if (options.onChecked === undefined || !parts.has("media") || !parts.has("manifests")) return;
    const verdicts = findings.map(verdictOf);
    const result = verdicts.includes("differs") ? "differs" : verdicts.includes("not checked") ? "not checked" : "agrees";
    for (const interactionId of interactionIds) await options.onChecked(interactionId, { tenantId, recordingId, at: clock.now(), result, checkpoint: size === 0 ? null : { size, root: Buffer.from(root, "hex") }, findings });
  }

  /** Checking is an act too: who, when, how much, and what came of it. */
  async function writeDown({ tenantId, size, startedAt, counted, tally }: TenantProgress): Promise<void> {
    await withTenant(options.db, tenantId, async (tx) => {
      // Where somebody deleted the tenant's own row, the database takes none that belongs to it.
      if ((await tx.selectFrom("tenants").select("tenant_id").executeTakeFirst()) === undefined) return;
      await append(tx, { actor: commandLine, action: "Verify", item: "Log", subject: tenantId, occurredAt: clock.now(), nodeId: options.nodeId, detail: { name: "installation", parts: progress.parts, size, checkpoints: await countCheckpoints(tx, size), startedAt, ...counted, differs: countOf(tally, "differs"), notChecked: countOf(tally, "not checked"), findings: tally } });
    });
  }
}

function startOf(step: Step): Position {
  switch (step) {
    case "rows":
    case "opened":
    case "added":
      return { step, cursor: 0 };
    case "log":
      return { step, cursor: { walk: writeWalk(startOfWalk), agreed: 0, differing: 0 } };
    case "witness":
      return { step, cursor: { after: 0, cosigned: {} } };
    case "recordings":
    case "interactions":
    case "store":
      return { step, cursor: "" };
    case "settings":
      return { step, cursor: { item: settingItems[0], after: "" } };
  }
}

function countOf(tally: TenantProgress["tally"], verdict: Verdict): number {
  return Object.entries(tally).reduce((sum, [code, count]) => (verdictOf({ code: code as Finding["code"] }) === verdict ? sum + count : sum), 0);
}

function reportOf({ startedAt, parts, done, findings }: CheckProgress, continued: boolean, now: Date): CheckReport {
  const tenants = done.map(({ tally, ...tenant }) => ({ ...tenant, differs: countOf(tally, "differs"), notChecked: countOf(tally, "not checked") }));
  const all = done.reduce((sum, { tally }) => sum + Object.values(tally).reduce((count, one) => count + one, 0), 0);
  return {
    format: "earwitness/fsck/1",
    startedAt,
    finishedAt: now.toISOString(),
    continued,
    parts,
    tenants,
    findings: findings.map((finding) => ({ ...finding, verdict: verdictOf(finding) })),
    unlisted: all - findings.length,
    verdict: tenants.some(({ differs }) => differs > 0) ? "differs" : tenants.some(({ notChecked }) => notChecked > 0) ? "not checked" : "agrees",
  };
}
