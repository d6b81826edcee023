import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { axe } from "./axe.ts";
import { startPortal, type PortalInBrowser } from "./portal.ts";

const shots = resolve(import.meta.dirname, "../../test-results/screenshots");
let portal: PortalInBrowser;
let page: Page;

beforeAll(async () => {
  await mkdir(shots, { recursive: true });
  portal = await startPortal();
  page = await portal.signIn("MOD Administrator");
});
afterAll(() => portal?.close());

async function accessible(): Promise<void> {
  const { violations } = await axe(page).analyze();
  expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ").slice(0, 300)}`)).toEqual([]);
}

const entries = () => page.locator("[data-row-link]");
const chip = (name: string) => page.getByRole("button", { name: `Remove filter: ${name}` });

async function playableCall(): Promise<{ id: string; user: { name: string } }> {
  type Item = { id: string; mediaStatus: string; user: { name: string } };
  const find = async () => ((await (await page.request.get(`${portal.url}/api/v1/interactions?limit=50`)).json()) as { items: Item[] }).items.find(({ mediaStatus }) => mediaStatus === "Available");
  await expect.poll(find, { timeout: 90_000 }).toBeDefined();
  return (await find())!;
}

test("MON-20 INT-48 what is done in the portal stands in the audit trail, in words, with the time on 12 hours and the zone once", async () => {
  const call = await playableCall();
  await page.goto(`${portal.url}/interactions/${call.id}`);
  await page.getByRole("button", { name: /^play/i }).first().click();
  await expect.poll(() => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0), { timeout: 10_000 }).toBeGreaterThan(0);
  await page.keyboard.press("Space");

  await page.getByRole("link", { name: "Audit Trail" }).click();
  const played = entries().filter({ hasText: `Call of ${call.user.name}` }).filter({ hasText: "was played by MOD Administrator" });
  await expect.poll(() => played.count(), { timeout: 15_000 }).toBe(1);
  expect(await entries().filter({ hasText: "MOD Administrator logged into the system" }).count()).toBe(1);
  for (const column of ["Date and Time", "Name", "Action", "Item", "Description"]) expect(await page.getByRole("columnheader", { name: column, exact: true }).count(), column).toBe(1);
  expect(await page.getByText(/^[A-Z][a-z]{2} \d\d, \d{4} \d\d:\d\d:\d\d [AP]M$/).count()).toBeGreaterThan(3);
  expect(await page.getByText(/Times in Europe\/Berlin/).count()).toBe(1);
  await page.screenshot({ path: join(shots, "audit-light.png") });
  await accessible();
});

test("MON-25 filters are chips in the address: by action, by name, by what is described; each can be taken away", async () => {
  await page.getByRole("button", { name: "Action", exact: true }).click();
  await page.getByRole("menuitemcheckbox", { name: "Play", exact: true }).click();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.url()).toContain("action=Play");
  await expect.poll(() => entries().count(), { timeout: 10_000 }).toBe(1);
  await page.getByRole("textbox", { name: "Name contains" }).fill("nobody at all");
  await page.getByText("No entry matches").waitFor();
  await chip("Name: “nobody at all”").click();
  await expect.poll(() => entries().count(), { timeout: 10_000 }).toBe(1);
  await chip("Action: Play").click();
  await page.getByRole("searchbox", { name: "Search descriptions" }).fill("logged INTO");
  const found = entries().filter({ hasText: "MOD Administrator logged into the system" });
  await expect.poll(async () => [await found.count(), await entries().filter({ hasText: "was played" }).count()], { timeout: 10_000 }).toEqual([1, 0]);
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect.poll(() => page.url()).not.toContain("description");
});

test("an entry opens with everything that was written down; by the keyboard it is chosen, ticked, opened and closed", async () => {
  await page.goto(`${portal.url}/audit?action=Play`);
  await entries().first().waitFor();
  await page.keyboard.press("j");
  await page.locator("[data-row-link]:focus").waitFor();
  await page.keyboard.press("x");
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("Enter");
  const details = page.getByRole("complementary", { name: "Entry" });
  await details.getByText("Open the call").waitFor();
  expect(await details.textContent()).toMatch(/Play · Call.*was played by MOD Administrator.*Address/);
  await page.screenshot({ path: join(shots, "audit-details.png") });
  await accessible();
  await page.keyboard.press("Escape");
  await details.waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement?.hasAttribute("data-row-link"))).toBe(true);
});

test("MON-27 OVR-13 the ticked entry, and all that match, are exported with their header, and that is an entry", async () => {
  const save = async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export", exact: true }).click()]);
    return (await readFile(await download.path(), "utf8")).split("\r\n");
  };
  const ticked = await save();
  expect(ticked.slice(0, 2)).toEqual(["\ufeffReport Header", "Requested By,MOD Administrator"]);
  expect(ticked.length, "five lines of header, one entry, the end").toBe(7);
  await page.goto(`${portal.url}/audit`);
  await entries().nth(2).waitFor();
  await page.getByRole("checkbox", { name: /^Select: / }).first().check();
  await page.getByRole("button", { name: /^Select all/ }).click();
  await page.getByText("All that match are selected").waitFor();
  expect((await save()).length).toBeGreaterThan(8);
  await expect.poll(() => entries().filter({ hasText: "MOD Administrator exported all matching audit entries to file" }).count(), { timeout: 15_000 }).toBe(1);
});

test("from a call to its history, and from an entry to the call", async () => {
  await page.goto(`${portal.url}/audit?action=Play`);
  await entries().first().click();
  await page.getByRole("link", { name: "Open the call" }).click();
  await page.getByText("Show who looked at it and who changed it").click();
  await page.getByRole("link", { name: /was played by MOD Administrator/ }).first().waitFor();
  await page.getByRole("link", { name: "All in the audit trail" }).click();
  await expect.poll(() => page.url()).toContain("/audit?subject=");
  await expect.poll(() => entries().filter({ hasText: "was stored by" }).count(), { timeout: 10_000 }).toBeGreaterThan(0);
});

test("MON-20 MON-26 an entry shows its thing as it stood then, and what changed it next", async () => {
  await page.evaluate(async () => {
    const send = async (method: string, path: string, name: string) => (await (await fetch(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify({ name }) })).json()) as { id: string };
    const { id } = await send("POST", "/api/v1/groups", "Traders of Berlin");
    await send("PUT", `/api/v1/groups/${id}`, "Traders of Hamburg");
  });
  await page.goto(`${portal.url}/audit?item=Group&action=Add`);
  await entries().filter({ hasText: "Traders of Berlin" }).first().click();
  const details = page.getByRole("complementary", { name: "Entry" });
  const stood = details.getByRole("group").filter({ hasText: "As it stood then" });
  await stood.getByText("As it stood then").click();
  await stood.locator("dd").getByText("Traders of Berlin", { exact: true }).waitFor();
  await accessible();
  await stood.getByRole("link", { name: "What changed it next" }).click();
  await details.getByText("was modified by").waitFor();
});

test("on a phone entries are cards, and nothing is wider than the screen", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${portal.url}/audit`);
  await entries().first().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
  await page.screenshot({ path: join(shots, "audit-phone.png") });
  await accessible();
});

test("ACC-09 who has no right to the audit trail sees no way to it, and is told which right is missing", async () => {
  const context = await portal.browser.newContext();
  const other = await portal.signIn("Adele Vance", "/audit", context);
  await other.goto(`${portal.url}/audit`);
  await other.getByText(/Audit Trail Access\/Export/).waitFor();
  expect(await other.getByRole("link", { name: "Audit Trail" }).count()).toBe(0);
  await context.close();
});
