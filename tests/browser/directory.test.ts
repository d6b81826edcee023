import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pause } from "../platform.ts";
import { contosoGroups } from "../../packages/sandbox/src/graph/contoso-directory.ts";
import { contosoItApp, contosoPeople, contosoTenant } from "../../packages/sandbox/src/contoso.ts";
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
  await show(page, "directory", 2);

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

interface Seen {
  readonly status: number;
  readonly users: readonly string[];
  readonly permissions: readonly string[];
  readonly pages: readonly number[];
}

/** What the portal answers whoever is signed in on this page: whose calls, which rights, and the lists that need one. */
async function seen(page: Page): Promise<Seen> {
  return await page.evaluate(async () => {
    const get = async (path: string) => await fetch(`/api/v1${path}`);
    const list = await get("/interactions?limit=200");
    const { items = [] } = (await list.json()) as { items?: { user: { upn: string | null } }[] };
    const { permissions } = (await (await get("/session")).json()) as { permissions: string[] };
    return { status: list.status, users: [...new Set(items.map(({ user }) => user.upn ?? ""))].sort(), permissions, pages: await Promise.all(["/audit", "/people", "/access-profiles"].map(async (path) => (await get(path)).status)) };
  });
}

async function takeOut(groupId: string, personId: string): Promise<void> {
  const form = new URLSearchParams({ grant_type: "client_credentials", client_id: contosoItApp.clientId, client_secret: contosoItApp.clientSecret, scope: `${portal.graphOrigin}/.default` });
  const { access_token } = (await (await fetch(`${portal.graphOrigin}/${contosoTenant.m365TenantId}/oauth2/v2.0/token`, { method: "POST", body: form })).json()) as { access_token: string };
  const answer = await fetch(`${portal.graphOrigin}/v1.0/groups/${groupId}/members/${personId}/$ref`, { method: "DELETE", headers: { authorization: `Bearer ${access_token}` } });
  expect(answer.status, await answer.text()).toBe(204);
}

test("ACC-13 ACC-21 OVR-15 OVR-17 five personas see exactly what each should; who is taken out of a group loses its right with the very next request, and on an open stream within 5 s", async () => {
  const upn = (key: string): string => contosoPeople.find((person) => person.key === key)!.upn;
  const signIn = async (persona: string): Promise<Page> => await portal.signIn(persona, "/interactions", await portal.browser.newContext({ viewport: { width: 1280, height: 1000 } }));
  const admin = await signIn("MOD Administrator");
  const sales = [upn("adele"), upn("alex"), upn("isaiah")];
  // Contoso's phones ring by themselves: until somebody of Sales and somebody else has had a call.
  await expect.poll(async () => { const { users } = await seen(admin); return [users.some((one) => sales.includes(one)), users.some((one) => !sales.includes(one))]; }, { timeout: 90_000 }).toEqual([true, true]);
  const [nestor, joni, adele] = [await signIn("Nestor Wilke"), await signIn("Joni Sherman"), await signIn("Adele Vance")];
  const all = await seen(admin);
  expect(all.pages).toEqual([200, 200, 200]);
  const compliance = await seen(joni);
  expect([compliance.users, compliance.pages]).toEqual([expect.arrayContaining([...all.users]), [200, 403, 403]]);
  for (const [page, own] of [[nestor, [...sales, upn("nestor")]], [adele, [upn("adele")]]] as const) {
    const of = await seen(page);
    expect(of.users.filter((one) => !own.includes(one))).toEqual([]);
    expect([of.status, of.pages]).toEqual([200, [403, 403, 403]]);
  }
  expect((await seen(nestor)).users.length).toBeGreaterThan(0);
  const pradeep = await (await portal.browser.newContext()).newPage();
  await pradeep.goto(portal.url);
  await pradeep.getByRole("link", { name: /sign in/i }).click();
  await pradeep.getByRole("button", { name: /Pradeep Gupta/ }).click();
  await pradeep.waitForURL(/\/sign-in\?.*error=no_access/);

  await joni.evaluate(() => {
    const stream = new EventSource("/api/v1/live");
    stream.addEventListener("reset", () => document.body.setAttribute("data-reset", String(Date.now())));
    return new Promise((open) => stream.addEventListener("open", open));
  });
  await takeOut(contosoGroups.compliance, contosoPeople.find(({ key }) => key === "joni")!.personId);
  const run = async (): Promise<string> => await admin.evaluate(async () => ((await (await fetch("/api/v1/directory/runs?limit=1")).json()) as { runs: { state: string; id: string }[] }).runs.map(({ state, id }) => `${id} ${state}`)[0] ?? "");
  const before = await run();
  await admin.evaluate(async () => void (await fetch("/api/v1/directory/runs", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ everything: false }) })));
  await expect.poll(async () => { const now = await run(); return now.split(" ")[0] !== before.split(" ")[0] && now.endsWith(" done"); }, { timeout: 60_000, interval: 100 }).toBe(true);
  const synchronized = Date.now();
  const after = await seen(joni);
  expect([after.users.filter((one) => one !== upn("joni")), after.pages, after.permissions.includes("audit.read")]).toEqual([[], [403, 403, 403], false]);
  await joni.waitForSelector("body[data-reset]", { timeout: 15_000 });
  expect(Number(await joni.getAttribute("body", "data-reset")) - synchronized).toBeLessThan(5_000);
}, 300_000);
