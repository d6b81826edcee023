import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pause } from "../platform.ts";
import { axe } from "./axe.ts";
import { startPortal, type PortalInBrowser } from "./portal.ts";

/*
 * Contoso's Microsoft 365 directory, as npm start connects it: a new user sees people and groups that came from it, chooses one more group, is
 * told in Microsoft's words what is wrong with a secret, and reads it again with one click.
 */
const shots = resolve(import.meta.dirname, "../../test-results/screenshots");
let portal: PortalInBrowser;

beforeAll(async () => {
  await mkdir(shots, { recursive: true });
  portal = await startPortal();
});
afterAll(() => portal?.close());

/** As it is seen in the light, in the dark and on a phone; where `looks` says so, in the light alone. */
async function show(page: Page, name: string, looks = 3): Promise<void> {
  for (const [look, size, scheme] of ([["light", { width: 1280, height: 1000 }, "light"], ["dark", { width: 1280, height: 1000 }, "dark"], ["phone", { width: 390, height: 844 }, "light"]] as const).slice(0, looks)) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: scheme });
    await pause(150);
    await page.screenshot({ path: join(shots, `${name}-${look}.png`), fullPage: true });
    const { violations } = await axe(page).exclude("[data-tabster-dummy]").analyze();
    expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${name} ${look}: ${id}: ${nodes.map(({ html }) => html).join(" ").slice(0, 300)}`)).toEqual([]);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(wider, `${name} ${look} is wider than its window`).toBe(false);
  }
  await page.setViewportSize({ width: 1280, height: 1000 });
  await page.emulateMedia({ colorScheme: "light" });
}

test("M365-57 M365-58 the sandbox's directory is connected: people and groups came, a group is chosen, a wrong secret is told in Microsoft's words", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/directory");
  await page.getByText(/^Up to date: \d+ people and 3 groups as the directory has them\.$/).waitFor({ timeout: 60_000 });
  await page.getByText(/Everything, asked for by Provision file/).waitFor();
  await show(page, "directory");

  await page.getByLabel("Find a group of the directory by its name").fill("care");
  await page.getByRole("button", { name: "Choose Contoso Care Agents" }).click();
  await page.getByRole("button", { name: "Let go of Contoso Care Agents" }).waitFor();
  await page.getByText(/and 4 groups as the directory has them/).waitFor({ timeout: 30_000 });
  const care = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: "Let go of Contoso Care Agents" }) });
  await care.getByText("3 people").waitFor();

  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByLabel("Client secret").fill("not-the-secret");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/The connection was not saved.*AADSTS7000215/).waitFor();
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("Sign in as the app and read users: does not work").waitFor();
  await show(page, "directory-wrong-secret", 1);
  await page.getByRole("button", { name: "Cancel" }).click();

  await page.getByRole("link", { name: "Groups", exact: true }).click();
  await page.getByRole("link", { name: "From the directory" }).first().waitFor();
  await show(page, "directory-groups", 1);
});
