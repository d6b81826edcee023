import { spawn } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { withTenant } from "#db";
import { append, erase } from "#evidence";
import { mintedAt, mintId } from "#ids";
import { objectPrefix } from "#recorder";
import { sealCall, type SealedCallOptions } from "../recorder/test-sealed-call.ts";
import { createTestInstallation, progressInMemory, told, type TestInstallation } from "../testing/test-installation.ts";
import type { CheckedTenant } from "./checking.ts";
import { Interrupted } from "./check-installation.ts";
import { createSecondLook } from "./second-look.ts";

vi.setConfig({ testTimeout: 240_000 });

let stage: TestInstallation<SealedCallOptions>;
const by = { kind: "machine", id: "t", name: "t" } as const;

beforeAll(async () => {
  stage = await createTestInstallation(sealCall);
});
afterAll(() => stage.close());

/** Something of every part that does not agree, or rows alone: whatever differs is looked at again some seconds later. */
async function spoiled({ rowsAlone = false } = {}): Promise<CheckedTenant> {
  const tenant = await stage.addTenant();
  await stage.act(tenant, 2_300);
  await stage.keep(tenant);
  await stage.superuser.query("update evidence set actor_name = 'Nobody' where tenant_id = $1 and tree_index in (3, 1100, 2200)", [tenant.tenantId]);
  if (rowsAlone) return tenant;
  for (let calls = 0; calls < 3; calls += 1) await stage.call(tenant, { seconds: 2, codecs: ["PCMU"] });
  await stage.keep(tenant);
  await stage.superuser.query("update log_tiles set hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) where tenant_id = $1 and level = 0 and index = 2", [tenant.tenantId]);
  await stage.superuser.query("update media set duration_ms = 1 where tenant_id = $1", [tenant.tenantId]);
  await writeFile(join(stage.storeDir, tenant.tenantId, "stray"), "x");
  return tenant;
}

describe("PLT-14 a check of an installation that runs", () => {
  test("raises no false alarm while rows are written, placed, kept and erased, calls end and are compacted, and one is being recorded", async () => {
    const tenant = await stage.addTenant();
    const { tenantId } = tenant;
    await stage.act(tenant, 200);
    // One that runs: its first pieces are in the store before the database names them.
    const runningId = mintId(new Date());
    await withTenant(stage.db, tenantId, (tx) => tx.insertInto("media").values({ tenant_id: tenantId, minted_at: mintedAt(runningId), media_id: runningId, node_id: "node-1", state: "recording", started_at: new Date(), ended_at: null, duration_ms: null, end_reason: null }).execute());
    const over = new AbortController();
    let pieces = 0;
    const until = async (work: (n: number) => Promise<unknown>): Promise<void> => {
      for (let n = 0; !over.signal.aborted; n += 1) await work(n);
    };
    const write = (n: number) => withTenant(stage.db, tenantId, (tx) => append(tx, { actor: by, action: "Play", item: "Call", subject: `w-${n}`, occurredAt: new Date(), nodeId: "node-1", detail: { n } }));
    const busy = [
      until(write),
      until(write),
      until(async (n) => {
        const { recordingId } = await stage.call(tenant, { seconds: 1, codecs: ["PCMU"] });
        if (n % 2 === 0) await stage.compact(tenant, recordingId);
      }),
      until(async () => {
        await stage.keep(tenant);
        await sleep(30);
      }),
      until(async (n) => {
        await withTenant(stage.db, tenantId, (tx) => erase(tx, { actor: by, occurredAt: new Date(), nodeId: "node-1", which: { places: [n, n + 1] }, reason: "Article 17" })).catch(() => undefined);
        await sleep(20);
      }),
      until(async () => {
        await stage.vault.store.put(`${objectPrefix(tenantId, runningId)}/${(pieces += 1)}-0123456789abcdef01234567.ewp`, Buffer.from("sealed"));
        await sleep(50);
      }),
    ];
    const alarms: string[] = [];
    for (let round = 0; round < 6; round += 1) alarms.push(...told(await stage.check([tenant], { youngMs: 600_000, twice: createSecondLook({ pauseMs: 300, looks: 3 }) })));
    over.abort();
    await Promise.all(busy);
    expect(alarms).toEqual([]);
    expect(pieces).toBeGreaterThan(1);
  });

  test("killed behind any portion it goes on, and tells what one that was left alone tells, once", async () => {
    const tenant = await spoiled();
    const whole = await stage.check([tenant]);
    expect(told(whole).length).toBeGreaterThan(8);
    const progress = progressInMemory();
    let deaths = 0;
    let portions = 0;
    for (;;) {
      let seen = 0;
      try {
        const report = await stage.check([tenant], {
          progressFile: progress,
          goesOn: true,
          howFar() {
            portions += 1;
            seen += 1;
            if (seen > 2) throw new Error("killed"); // behind what was kept, in the middle of the next portion
          },
        });
        expect([told(report), report.continued]).toEqual([told(whole), true]);
        expect(report.tenants.map(({ size: _size, startedAt: _startedAt, ...tenantReport }) => tenantReport)).toEqual(whole.tenants.map(({ size: _size, startedAt: _startedAt, counted, ...tenantReport }) => ({ ...tenantReport, root: expect.any(String), counted: { ...counted, rows: expect.any(Number) } })));
        break;
      } catch (error) {
        if (!(error instanceof Error) || error.message !== "killed") throw error;
        deaths += 1;
      }
    }
    expect(deaths).toBeGreaterThan(3);
    expect([portions > 10, progress.text()]).toEqual([true, null]);
  });

  test("asked to stop, it keeps how far it is", async () => {
    const tenant = await spoiled();
    const progress = progressInMemory();
    const stop = new AbortController();
    await expect(stage.check([tenant], { progressFile: progress, signal: stop.signal, howFar: () => stop.abort() })).rejects.toThrow(Interrupted);
    expect(JSON.parse(progress.text()!)).toMatchObject({ current: { tenant: { tenantId: tenant.tenantId }, position: { step: "rows" } } });
  });
});

describe("earwitness fsck", () => {
  const main = join(import.meta.dirname, "../../../cli/src/main.ts");
  async function earwitness(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
    // With a low priority it would wait for every test that runs beside it.
    const child = spawn(process.execPath, [main, "fsck", "--full-speed", ...args], { env: { ...process.env, EARWITNESS_DATA_DIR: stage.dataDir, EARWITNESS_NODE_ID: "node-1", DATABASE_URL: stage.database.url, NODE_OPTIONS: "", NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
    const [out, err]: [string[], string[]] = [[], []];
    child.stdout.on("data", (part: Buffer) => out.push(part.toString()));
    child.stderr.on("data", (part: Buffer) => err.push(part.toString()));
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { code, out: out.join(""), err: err.join("") };
  }

  test("PLT-14 without a running server: words, JSON, progress, and the documented exit codes", async () => {
    const good = await stage.addTenant();
    await stage.act(good, 20);
    const agrees = await earwitness("--tenant", good.slug, "--only", "rows,media,manifests");
    expect([agrees.code, agrees.out.split("\n").at(-2)]).toEqual([0, "Everything that was checked agrees (rows, media, manifests)."]);
    expect(agrees.err).toContain(`${good.slug}: rows against the log: 100 % of 20 rows`);

    const bad = await spoiled({ rowsAlone: true });
    const differs = await earwitness("--tenant", bad.slug);
    expect([differs.code, differs.err.includes("the installation does not agree with itself")]).toEqual([1, true]);
    expect(differs.out).toContain(`DIFFERS  ${bad.slug}, row 3: Row `);
    expect(differs.out).toContain("ROW_ALTERED: The row is not the one that was committed to");
    expect(differs.out).toContain("NOT CHECKED"); // no private key of the log lies here
    const json = await earwitness("--tenant", bad.slug, "--only", "rows", "--json");
    expect(JSON.parse(json.out)).toMatchObject({ format: "earwitness/fsck/1", verdict: "differs", parts: ["rows"], findings: expect.arrayContaining([expect.objectContaining({ code: "ROW_ALTERED", where: "row 1100", verdict: "differs" })]) });

    expect((await earwitness("--tenant", good.slug, "--only", "log")).code).toBe(2);
    for (const [wrong, words] of [[["--only", "everything"], "there is no part “everything”"], [["--tenant", "nobody"], "there is no tenant “nobody”"], [["--continue", "--only", "rows"], "leave --only and --tenant away"]] as const) {
      const refused = await earwitness(...wrong);
      expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(words)]);
    }
    await writeFile(join(stage.dataDir, "fsck.json"), "{}");
    const damaged = await earwitness("--continue");
    expect([damaged.code, damaged.err]).toEqual([2, expect.stringContaining("check from the beginning")]);
    await rm(join(stage.dataDir, "fsck.json"));
  });

  test("killed as a process, it goes on", async () => {
    const tenant = await spoiled({ rowsAlone: true });
    const child = spawn(process.execPath, [main, "fsck", "--full-speed", "--tenant", tenant.slug], { env: { ...process.env, EARWITNESS_DATA_DIR: stage.dataDir, EARWITNESS_NODE_ID: "node-1", DATABASE_URL: stage.database.url, NODE_OPTIONS: "" }, stdio: "ignore" });
    const file = join(stage.dataDir, "fsck.json");
    await expect.poll(async () => (await readFile(file, "utf8").catch(() => "")).includes(`"position":`), { timeout: 60_000, interval: 10 }).toBe(true);
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await ended;
    const report = JSON.parse((await earwitness("--continue", "--json")).out) as { continued: boolean; findings: { where: string }[] };
    expect([report.continued, report.findings.map(({ where }) => where)]).toEqual([true, expect.arrayContaining(["row 3", "row 1100", "row 2200"])]);
  });
});
