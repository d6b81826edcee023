import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditPage, InteractionDetail, InteractionPage } from "@earwitness/contract";
import { formatVkey, noteKey, noteTypes, parseVkey } from "@earwitness/verify";
import { axe } from "./axe.ts";
import { startPortal, type PortalInBrowser } from "./portal.ts";

/* Whether a recording is what was recorded, as somebody asks it in the portal: verified, damaged and named, and taken along. */

const run = promisify(execFile);
const projectDir = resolve(import.meta.dirname, "../..");

let portal: PortalInBrowser;
let dir: string;
let page: Page;
let id: string;

beforeAll(async () => {
  portal = await startPortal();
  dir = await mkdtemp(join(tmpdir(), "earwitness-proof-"));
  page = await portal.signIn("MOD Administrator");
  let found: string | undefined;
  while (found === undefined) {
    await page.waitForTimeout(500);
    found = ((await (await page.request.get(`${portal.url}/api/v1/interactions?status=Available&limit=1`)).json()) as InteractionPage).items[0]?.id;
  }
  id = found;
}, 240_000);
afterAll(async () => {
  await portal?.close();
  await rm(dir, { recursive: true, force: true });
});

/** A key that nobody has, under the name of another. */
function foreignKey(vkey: string): string {
  const { x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  return formatVkey(noteKey(parseVkey(vkey).name, noteTypes.ed25519, Buffer.from(x!, "base64url")));
}

const dialog = () => page.getByRole("dialog");
const detail = async () => (await (await page.request.get(`${portal.url}/api/v1/interactions/${id}`)).json()) as InteractionDetail;
const verifyEntries = async () => ((await (await page.request.get(`${portal.url}/api/v1/audit?action=Verify&subject=${id}&limit=50`)).json()) as AuditPage).items;

test("PLT-14 an interaction says that nobody verified it; verified in the browser, it says when and by whom", async () => {
  await page.goto(`${portal.url}/interactions/${id}`);
  await page.getByRole("button", { name: "Never verified" }).click();
  await dialog().getByText("Nobody has held this recording against its proof yet.").waitFor();
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await dialog().getByText("Everything that was checked holds.").waitFor({ timeout: 60_000 });
  const words = (await dialog().textContent())!;
  for (const said of ["packet by packet as they were recorded", "The manifest is the one that was sealed", "at its place, as they were written", "Split view and roll-back: not checked", "This browser knew no key of Contoso yet", "The code that checked this came from the same server", "Noted under your name"]) expect(words).toContain(said);
  expect((await axe(page).include("[role=dialog]").analyze()).violations.map(({ id: rule, nodes }) => `${rule}: ${nodes[0]?.html}`)).toEqual([]);

  await dialog().getByRole("button", { name: "Hear what was checked" }).click();
  await expect.poll(() => page.evaluate(() => document.querySelector<HTMLAudioElement>("[role=dialog] audio")?.currentTime ?? 0), { timeout: 20_000 }).toBeGreaterThan(0.3);
  await dialog().getByRole("button", { name: "Close" }).click();

  const seal = page.getByRole("button", { name: /^Verified/ });
  await seal.click();
  await dialog().getByText(/by the browser of MOD Administrator: everything that was checked holds/).waitFor();
  await page.keyboard.press("Escape");
  expect((await detail()).verification).toMatchObject({ result: "holds", means: "browser", by: { kind: "person", name: "MOD Administrator" }, checkpoint: { size: expect.any(Number) } });
  expect((await verifyEntries()).map(({ description }) => description.replace(/^.*UTC /, ""))).toEqual(["was verified by MOD Administrator in the browser: everything that was checked holds", "was handed to MOD Administrator to be verified"]);
});

test("PLT-14 by the key that the browser remembers, and loudly where another one signs without a hand-over", async () => {
  await page.goto(`${portal.url}/interactions/${id}`);
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await dialog().getByText("The key that this browser has remembered for Contoso").waitFor({ timeout: 60_000 });

  // A witness that never saw it: what fails by typed keys is shown and not noted.
  await dialog().getByText("Check with keys of your own").click();
  await dialog().getByLabel("Public key of the log").fill("this is no key");
  await dialog().getByRole("button", { name: "Check with these keys" }).click();
  await dialog().getByText(/key/i).first().waitFor();
  expect(await dialog().getByLabel("Public key of the log").getAttribute("aria-invalid")).toBe("true");
  await dialog().getByRole("button", { name: "Close" }).click();

  const place = await page.evaluate(() => Object.keys(localStorage).find((key) => key.startsWith("earwitness.logKey."))!);
  const known = await page.evaluate((key) => localStorage.getItem(key)!, place);
  const { vkey } = JSON.parse(known) as { vkey: string };
  await page.evaluate(([key, value]) => localStorage.setItem(key!, value!), [place, JSON.stringify({ ...JSON.parse(known), vkey: foreignKey(vkey) })]);
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await dialog().getByRole("alert").getByText("The key of this log is another one").waitFor({ timeout: 60_000 });
  expect(await dialog().textContent()).toContain("Something does not hold.");
  expect(await dialog().getByRole("alert").textContent()).toContain(vkey);

  // With the key that somebody was given it holds, and the browser relies on that one from then on.
  await dialog().getByText("Check with keys of your own").click();
  await dialog().getByLabel("Public key of the log").fill(vkey);
  await dialog().getByRole("button", { name: "Check with these keys" }).click();
  await dialog().getByText(/The key of Contoso that was given to this browser/).waitFor({ timeout: 60_000 });
  await dialog().getByRole("button", { name: "Close" }).click();
  expect((await detail()).verification!.result).toBe("holds");
});

test("PLT-15 a bundle is asked for with a reason, on the page and for a selection of the list, and the command line checks it", async () => {
  await page.getByRole("button", { name: "Evidence bundle" }).click();
  await dialog().getByRole("button", { name: "Export" }).click();
  await dialog().getByText("Say why.").waitFor();
  await dialog().getByLabel("Reason").fill("Case 17/2026");
  // Refused once: what was typed is still there.
  await page.route("**/api/v1/evidence-bundles", (route) => route.fulfill({ status: 429, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: "Too many", status: 429, code: "TOO_MANY_EXPORTS", detail: "An export is running already; wait for its end." }) }), { times: 1 });
  await dialog().getByRole("button", { name: "Export" }).click();
  await dialog().getByRole("alert").getByText("An export is running already; wait for its end.").waitFor();
  expect(await dialog().getByLabel("Reason").inputValue()).toBe("Case 17/2026");

  const [download] = await Promise.all([page.waitForEvent("download"), dialog().getByRole("button", { name: "Export" }).click()]);
  const bundle = join(dir, download.suggestedFilename());
  await download.saveAs(bundle);
  const [key] = await Promise.all([page.waitForEvent("download"), dialog().getByRole("button", { name: /Download the public key/ }).click()]);
  const keyFile = join(dir, key.suggestedFilename());
  await key.saveAs(keyFile);
  expect(await dialog().textContent()).toContain(`earwitness verify ${download.suggestedFilename()} --key ${key.suggestedFilename()}`);
  expect((await axe(page).include("[role=dialog]").analyze()).violations.map(({ id: rule, nodes }) => `${rule}: ${nodes[0]?.html}`)).toEqual([]);
  await dialog().getByRole("button", { name: "Close" }).click();

  const { stdout } = await run(process.execPath, [join(projectDir, "scripts/run.mjs"), "packages/cli/src/main.ts", "verify", bundle, "--key", keyFile, "--json"], { cwd: projectDir, maxBuffer: 64 * 1024 * 1024 });
  const report = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { holds: boolean; statements: { says: string }[] };
  expect(report.holds).toBe(true);
  expect(report.statements.map(({ says }) => says).join("\n")).toContain("Exported by MOD Administrator");
  expect(report.statements.map(({ says }) => says).join("\n")).toContain("because: Case 17/2026");
  // What went out was held against the manifest on its way.
  await expect.poll(async () => (await detail()).verification!.means, { timeout: 10_000 }).toBe("export");

  await page.goto(`${portal.url}/interactions`);
  const row = page.getByRole("row").filter({ has: page.locator(`[data-row-link="${id}"]`) });
  await row.getByRole("checkbox").check();
  await page.getByText("1 selected").waitFor();
  await page.getByRole("button", { name: "Evidence bundle" }).click();
  await dialog().getByText("Evidence bundle of this interaction").waitFor();
  await dialog().getByLabel("Reason").fill("Case 18/2026");
  await dialog().getByText("With a vCon of each interaction").click();
  const [second] = await Promise.all([page.waitForEvent("download"), dialog().getByRole("button", { name: "Export" }).click()]);
  expect((await readFile(await second.path())).length).toBeGreaterThan(10_000);
  await dialog().getByRole("button", { name: "Close" }).click();
});

test("PLT-14 one byte of what is stored is changed: the page and the list say that it differs, and the second is named", async () => {
  const { recording } = await detail();
  const store = join(portal.dataDir, "sandbox", "store");
  const pieces = (await readdir(store, { recursive: true, withFileTypes: true })).map((entry) => join(entry.parentPath, entry.name)).filter((path) => path.includes(recording!.id) && path.endsWith(".ewp"));
  const piece = pieces.toSorted().at(-1)!;
  const good = await readFile(piece);
  await writeFile(piece, good.with(good.length - 50, good.at(-50)! ^ 1));

  await page.goto(`${portal.url}/interactions/${id}`);
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await dialog().getByText("Something does not hold.").waitFor({ timeout: 60_000 });
  expect(await dialog().locator(".fails").textContent()).toMatch(/Second \d\d:\d\d of track \d+ \(.+\) cannot be opened: what is stored of it is not what was sealed/);
  await dialog().getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: /^Differs/ }).click();
  expect(await dialog().textContent()).toMatch(/Second \d\d:\d\d of track \d+/);
  await page.keyboard.press("Escape");
  await page.goto(`${portal.url}/interactions`);
  await page.getByRole("row").filter({ has: page.locator(`[data-row-link="${id}"]`) }).getByText("Differs").waitFor();

  await writeFile(piece, good);
  await page.goto(`${portal.url}/interactions/${id}`);
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await dialog().getByText("Everything that was checked holds.").waitFor({ timeout: 60_000 });
});

test("stopped on the way, it claims nothing", async () => {
  const before = (await detail()).verification!.at;
  await page.goto(`${portal.url}/interactions/${id}`);
  await page.route("**/proof", async (route) => {
    await new Promise((later) => setTimeout(later, 60_000));
    await route.abort().catch(() => undefined);
  });
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await dialog().getByRole("button", { name: "Stop" }).click();
  await dialog().getByText("Stopped. Nothing was noted as verified.").waitFor();
  expect((await detail()).verification!.at).toBe(before);
});
