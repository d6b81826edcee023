import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { InteractionPage } from "@earwitness/contract";
import { openZip, readAll } from "@earwitness/verify";
import { axe } from "./axe.ts";
import { startPortal, type PortalInBrowser } from "./portal.ts";

/* An evidence bundle as somebody meets it who was sent one: exported by the portal's API, unpacked, opened from the disk. */

let portal: PortalInBrowser;
let dir: string;
let id: string;

beforeAll(async () => {
  portal = await startPortal();
  dir = await mkdtemp(join(tmpdir(), "earwitness-evidence-"));
  const page = await portal.signIn("MOD Administrator");
  const zip = await exportOne(page);
  for (const [path, file] of await openZip({ sizeBytes: zip.length, read: async (offset, length) => zip.subarray(offset, offset + length) })) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), await readAll(file.open(), 1e9, path));
  }
}, 240_000);
afterAll(async () => {
  await portal?.close();
  await rm(dir, { recursive: true, force: true });
});

/** Waits for the sandbox's first finished call, and exports it from the portal's own page. */
async function exportOne(page: Page): Promise<Buffer> {
  for (;;) {
    const { items } = (await (await page.request.get(`${portal.url}/api/v1/interactions?status=Available&limit=1`)).json()) as InteractionPage;
    if (items[0] !== undefined) {
      id = items[0].id;
      break;
    }
    await page.waitForTimeout(500);
  }
  const base64 = await page.evaluate(async (interaction) => {
    const answer = await fetch("/api/v1/evidence-bundles", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ reason: "Case 17/2026", interactions: [interaction] }) });
    if (!answer.ok) throw new Error(await answer.text());
    const url = await new Promise<string>((done, failed) => {
      const reader = new FileReader();
      reader.onload = () => done(String(reader.result));
      reader.onerror = () => failed(reader.error ?? new Error("not read"));
      void answer.blob().then((blob) => reader.readAsDataURL(blob));
    });
    return url.slice(url.indexOf(",") + 1);
  }, id);
  return Buffer.from(base64, "base64");
}

/** Opens the page of a bundle from the disk; nothing else may be asked for. */
async function open(folder: string, colorScheme: "light" | "dark" = "light"): Promise<{ page: Page; foreign: string[] }> {
  const context = await portal.browser.newContext({ viewport: { width: 1100, height: 900 }, colorScheme, offline: true });
  const page = await context.newPage();
  const foreign: string[] = [];
  page.on("request", (request) => void (/^(file|blob):/.test(request.url()) || foreign.push(request.url())));
  page.on("pageerror", (error) => void foreign.push(`error: ${error.message}`));
  await page.goto(pathToFileURL(join(folder, "index.html")).href);
  await page.locator(".verdict:not(.busy)").waitFor();
  return { page, foreign };
}

test("PLT-14 PLT-15 a bundle opens by double-click, plays from its packets, and says what holds and what was not checked", async () => {
  const { page, foreign } = await open(dir);
  expect(await page.locator(".verdict").textContent()).toContain("Everything that was checked holds, by the key that came with the bundle.");
  expect(await page.locator(".report .not-checked").textContent()).toContain("Split view and roll-back: not checked");
  expect(await page.locator("header").textContent()).toContain("Case 17/2026");
  expect(await page.locator(".lane").count()).toBeGreaterThanOrEqual(2);

  await page.getByRole("button", { name: "Play" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await expect.poll(async () => Number(await page.getByLabel("Position").inputValue()), { timeout: 10_000 }).toBeGreaterThan(400);
  await page.locator(".player").focus();
  await page.keyboard.press(" ");
  await page.getByRole("button", { name: "Play" }).waitFor();

  const { vkeys } = JSON.parse(await readFile(join(dir, "bundle.json"), "utf8")) as { vkeys: string[] };
  await page.getByText("Check with your own keys").click();
  await page.getByLabel("Public key of the log").fill(vkeys[0]!);
  await page.getByRole("button", { name: "Check with these keys" }).click();
  await page.getByText("Verified: everything that was checked holds, by the key that you gave.").waitFor();
  expect(foreign).toEqual([]);
  await page.context().close();
});

test("the page of a bundle is readable for everybody, in light and dark", async () => {
  for (const scheme of ["light", "dark"] as const) {
    const { page } = await open(dir, scheme);
    const { violations } = await axe(page).analyze();
    expect(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes[0]?.html}`)).toEqual([]);
    await page.context().close();
  }
});

test("PLT-14 a byte that was changed in what the page shows: it says so, and in which file", async () => {
  const html = await readFile(join(dir, "index.html"), "utf8");
  const line = `earwitness("${id}/packets/1.ewt","`;
  const at = html.indexOf(line) + line.length + 4_000;
  const bent = await mkdtemp(join(tmpdir(), "earwitness-bent-"));
  await writeFile(join(bent, "index.html"), `${html.slice(0, at)}${html[at] === "A" ? "B" : "A"}${html.slice(at + 1)}`);
  const { page } = await open(bent);
  expect(await page.locator(".verdict").textContent()).toContain("Not verified");
  expect(await page.locator(".report .fails").textContent()).toContain(`${id}/packets/1.ewt is not the file that was exported`);
  await page.context().close();
  await rm(bent, { recursive: true });
});
