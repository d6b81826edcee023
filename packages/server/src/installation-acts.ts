/**
 * Acts that concern the whole installation: keys that came back from escrow, backups, restores. Some happen while no server runs or
 * while the database is away, so each is a file first, and a row of evidence for each tenant as soon as that can be written.
 */
import { randomUUID } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import { Value } from "typebox/value";
import { InstallationAct } from "@earwitness/contract/control";
import { actsDir } from "@earwitness/contract/places";
import { isConnectionError, withTenant, type Db } from "#db";
import { messageOf } from "#errors";
import { append, commandLine, type Actor } from "#evidence";
import type { Log } from "#log";
import { listTenants } from "#tenants";
import { makeDirectory, writeFileDurably } from "#vault";

const actors: Readonly<Record<InstallationAct["by"], Actor>> = { "command line": commandLine, backups: { kind: "job", id: "backups", name: "Backups" } };

/** Durable when it answers. */
export async function leaveAct(dataDir: string, act: Omit<InstallationAct, "id" | "at">, at: Date): Promise<void> {
  const id = randomUUID();
  await makeDirectory(actsDir(dataDir));
  await writeFileDurably(join(actsDir(dataDir), `${at.toISOString().replaceAll(/[-:]/g, "")}-${id}.json`), [Buffer.from(JSON.stringify({ ...act, id, at: at.toISOString() } satisfies InstallationAct))], "fail");
}

export interface ActWriterOptions {
  readonly dataDir: string;
  readonly db: Db;
  readonly nodeId: string;
  readonly log: Log;
  /** When the schema is there. */
  readonly ready: Promise<void>;
  readonly everyMs?: number;
}

export function createActWriter({ dataDir, db, nodeId, log, ready, everyMs = 5_000 }: ActWriterOptions): { close(): Promise<void> } {
  const closing = new AbortController();
  const strange = new Set<string>();

  async function round(): Promise<void> {
    const names = (await readdir(actsDir(dataDir)).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? [] : Promise.reject(error)))).filter((name) => name.endsWith(".json")).toSorted();
    for (const name of names) {
      const act = readAct(await readFile(join(actsDir(dataDir), name), "utf8"));
      if (act === null) {
        if (!strange.has(name)) log.error({ file: name }, "a file in the directory of acts is none that we wrote; it is left there");
        strange.add(name);
        continue;
      }
      for (const { tenantId } of await listTenants(db)) await writeDown(tenantId, act);
      await rm(join(actsDir(dataDir), name));
    }
  }

  /** Once, also where the process ended between the row and the end of the file. */
  async function writeDown(tenantId: string, { id, action, item, by, at, detail }: InstallationAct): Promise<void> {
    await withTenant(db, tenantId, async (tx) => {
      await tx.selectFrom("tenants").select("tenant_id").forUpdate().execute();
      const there = await tx.selectFrom("evidence").select("evidence_id").where("recorded_at", ">=", new Date(at)).where("action", "=", action).where(sql<boolean>`detail ->> 'act' = ${id}`).executeTakeFirst();
      if (there === undefined) await append(tx, { actor: actors[by], action, item, subject: tenantId, occurredAt: new Date(at), nodeId, detail: { ...detail, act: id } });
    });
  }

  const running = (async () => {
    await Promise.race([ready, aborted(closing.signal)]);
    while (!closing.signal.aborted) {
      await round().catch((error: unknown) => log[isConnectionError(error) ? "debug" : "error"]({ err: messageOf(error) }, "acts of the installation could not be written down; trying again"));
      await Promise.race([new Promise((later) => setTimeout(later, everyMs).unref()), aborted(closing.signal)]);
    }
  })();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

function readAct(text: string): InstallationAct | null {
  try {
    const act: unknown = JSON.parse(text);
    return Value.Check(InstallationAct, act) && !Number.isNaN(Date.parse(act.at)) ? act : null;
  } catch {
    return null; // no JSON
  }
}

const aborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));
