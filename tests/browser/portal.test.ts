import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf, stepAt } from "../../packages/server/src/access/one-time-code.ts";
import { pause } from "../platform.ts";
import { axe } from "./axe.ts";
import { startPortal, type PortalInBrowser } from "./portal.ts";

const shots = resolve(import.meta.dirname, "../../test-results/screenshots");
let portal: PortalInBrowser;
let url = "";
let printedAt = 0;
let browser: Browser;
let desktop: BrowserContext;

beforeAll(async () => {
  await mkdir(shots, { recursive: true });
  portal = await startPortal();
  ({ url, printedAt, browser, desktop } = portal);
});
afterAll(() => portal?.close());

const signIn = (context: BrowserContext, persona: string, path?: string): Promise<Page> => portal.signIn(persona, path, context);

/** No serious or critical finding, in the state the page is in now. */
async function accessible(page: Page): Promise<void> {
  const { violations } = await axe(page).exclude("[data-tabster-dummy]").analyze(); // the menu library's own stops for the tab key
  expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ").slice(0, 300)}`)).toEqual([]);
}

const rows = (page: Page) => page.locator("a[href*='/interactions/'], [data-interaction-id]");

test("PLT-19 CAP-14 INT-06 a new user signs in and sees calls being recorded; one is playable within a minute of the address", async () => {
  const page = await signIn(desktop, "MOD Administrator");
  await expect.poll(() => page.getByText("Recording", { exact: true }).count(), { timeout: 30_000 }).toBeGreaterThan(0);
  expect(await page.getByText(/sandbox/i).count()).toBeGreaterThan(0);
  await page.screenshot({ path: join(shots, "list-light.png") });
  await accessible(page);

  const available = async () => ((await (await page.request.get(`${url}/api/v1/interactions?limit=50`)).json()) as { items: { id: string; mediaStatus: string }[] }).items.find((item) => item.mediaStatus === "Available");
  await expect.poll(available, { timeout: Math.max(1_000, printedAt + 60_000 - Date.now()) }).toBeDefined();
  await page.close();
});

test("ACT-03 rows appear and settle by push: the list changes with no request for it", async () => {
  const page = await signIn(desktop, "MOD Administrator");
  await expect.poll(() => rows(page).count(), { timeout: 20_000 }).toBeGreaterThan(0);
  await pause(1_000);
  const asked: string[] = [];
  page.on("request", (request) => {
    if (/\/api\/v1\/interactions(\?|$)/.test(request.url())) asked.push(request.url());
  });
  const before = await rows(page).count();
  await expect.poll(() => rows(page).count(), { timeout: 60_000 }).toBeGreaterThan(before);
  expect(asked).toEqual([]);
  await page.close();
});

test("INT-26 INT-28 INT-41 CAP-69 a recording plays, with a lane for each speaker, and the play is asked for once", async () => {
  const page = await signIn(desktop, "MOD Administrator");
  const { items } = (await (await page.request.get(`${url}/api/v1/interactions?limit=100`)).json()) as { items: { id: string; mediaStatus: string; durationMs: number; participants: { name: string }[] }[] };
  const best = items.filter((item) => item.mediaStatus === "Available").toSorted((a, b) => b.durationMs - a.durationMs)[0]!;
  const plays: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/plays")) plays.push(request.url());
  });
  await page.goto(`${url}/interactions/${best.id}`);
  await page.getByRole("button", { name: /^play/i }).first().click();
  await expect.poll(() => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0), { timeout: 10_000 }).toBeGreaterThan(0.5);
  await page.screenshot({ path: join(shots, "player-light.png") });
  await page.keyboard.press("Space");
  await expect.poll(() => page.evaluate(() => document.querySelector("audio")?.paused), { timeout: 3_000 }).toBe(true);
  await page.keyboard.press("Space");
  await pause(500);
  expect(plays).toHaveLength(1);
  for (const { name } of best.participants) expect(await page.getByText(name).count(), name).toBeGreaterThan(0);
  await page.keyboard.press("Space");
  await accessible(page);
  await page.close();
});

test("portal in dark and on a phone", async () => {
  for (const [name, options] of [
    ["dark", { viewport: { width: 1280, height: 800 }, colorScheme: "dark" }],
    ["phone", { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
  ] as const) {
    const context = await browser.newContext(options);
    const page = await signIn(context, "MOD Administrator");
    await expect.poll(() => rows(page).count(), { timeout: 20_000 }).toBeGreaterThan(0);
    await page.screenshot({ path: join(shots, `list-${name}.png`) });
    await accessible(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    const { items } = (await (await page.request.get(`${url}/api/v1/interactions?limit=100`)).json()) as { items: { id: string; mediaStatus: string; durationMs: number }[] };
    const best = items.filter((item) => item.mediaStatus === "Available").toSorted((a, b) => b.durationMs - a.durationMs)[0]!;
    await page.goto(`${url}/interactions/${best.id}`);
    await page.getByRole("button", { name: /^play/i }).first().waitFor();
    await pause(700);
    await page.screenshot({ path: join(shots, `player-${name}.png`) });
    await accessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
    await context.close();
  }
});

test("OVR-08 a recorded person without an access profile gets nothing, and without sign-in nobody does", async () => {
  const context = await browser.newContext();
  expect((await context.request.get(`${url}/api/v1/interactions`)).status()).toBe(401);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("link", { name: /sign in/i }).click();
  await page.getByRole("button", { name: /Pradeep Gupta/i }).first().click();
  await page.waitForURL((address) => address.origin === url);
  await pause(500);
  const answer = await page.request.get(`${url}/api/v1/interactions`);
  expect(answer.ok() ? ((await answer.json()) as { items: unknown[] }).items : []).toEqual([]);
  expect(await rows(page).count()).toBe(0);
  await context.close();
});

test("OVR-17 USR-17 sessions are listed from the account menu and ended; a person who may not sign in any more is out, and the sign-in page says why", async () => {
  const page = await signIn(desktop, "MOD Administrator");
  const context = await browser.newContext({ userAgent: "Another browser/1.0" });
  const adele = await signIn(context, "Adele Vance");
  await page.getByRole("button", { name: /signed in as/i }).click();
  await page.getByRole("menuitem", { name: "Sessions" }).click();
  await page.getByText("This one").waitFor();
  await page.screenshot({ path: join(shots, "sessions-light.png") });

  await page.goto(`${url}/settings/people?q=Adele`);
  await page.getByRole("link", { name: /Adele Vance/ }).first().click();
  const section = page.getByRole("region", { name: "Sign-in" });
  await section.getByText("Another browser/1.0").waitFor();
  await section.getByRole("switch", { name: "May sign in" }).click();
  await section.getByRole("button", { name: "Save sign-in" }).click();
  await section.getByText("Signed in nowhere.").waitFor();
  await accessible(page);
  await page.screenshot({ path: join(shots, "person-sign-in-light.png"), fullPage: true });
  // Her open page follows calls live: the stream ends by itself, and with it the session.
  await adele.getByText("Your session has ended.").waitFor({ timeout: 15_000 });
  await adele.getByRole("link", { name: /sign in/i }).click();
  await adele.getByRole("button", { name: /Adele Vance/i }).first().click();
  await adele.getByText("Your access to this portal is switched off.").waitFor();
  await context.close();

  await section.getByRole("switch").click();
  await section.getByRole("button", { name: "Save sign-in" }).click();
  await section.getByRole("switch", { name: "May sign in" }).waitFor();
  await page.goto(`${url}/account/sessions`);
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByText("You are signed out.").waitFor();
  expect((await page.request.get(`${url}/api/v1/session`)).status()).toBe(401);
  await page.close();
});

test("USR-21 a link from the person's page sets up an account of one's own, in another browser; what is wrong at the sign-in is not told apart", async () => {
  // Somebody whom the directory does not have: people of the directory sign in by its account.
  const page = await signIn(desktop, "MOD Administrator");
  const debra = { displayName: "Debra Berger", upn: "debrab@contoso.example", givenName: null, familyName: null, role: "User Self View", recorded: false, addresses: [], extensions: [], groupIds: [], managedGroupIds: [] };
  const { id } = (await page.evaluate(async (settings) => await (await fetch("/api/v1/people", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(settings) })).json(), debra)) as { id: string };
  await page.goto(`${url}/settings/people/${id}`);
  const section = page.getByRole("region", { name: "Sign-in" });
  await section.getByRole("button", { name: "Make a link" }).click();
  const link = (await section.locator("code").textContent())!;
  await page.screenshot({ path: join(shots, "person-enrollment-light.png"), fullPage: true });
  await page.close();

  const context = await browser.newContext();
  const own = await context.newPage();
  await own.goto(link);
  const secret = (await own.getByLabel("Key for the authenticator app").textContent())!.replaceAll(" ", "");
  await own.getByLabel("Password", { exact: true }).fill("Correct-Horse-7");
  await own.getByLabel("Password again").fill("Correct-Horse-7");
  await own.getByLabel("One-time code").fill(codeOf(secret, stepAt(new Date())));
  await accessible(own);
  await own.screenshot({ path: join(shots, "enrollment-light.png") });
  await own.getByRole("button", { name: "Set up and sign in" }).click();
  await own.waitForURL((address) => address.pathname === "/interactions");
  expect(((await (await own.request.get(`${url}/api/v1/session`)).json()) as { person: { name: string } }).person.name).toBe("Debra Berger");
  await context.clearCookies();
  await own.goto(link);
  await own.getByText("This enrollment is over").waitFor();

  await own.goto(`${url}/sign-in`);
  await own.getByRole("button", { name: "Sign in with a password" }).click();
  expect(await own.getByLabel("Organization (short name)").inputValue()).toBe("contoso");
  await own.getByLabel("User principal name").fill("debrab@contoso.example");
  await own.getByLabel("Password").fill("Correct-Horse-7");
  await own.getByLabel("One-time code").fill("000000");
  await own.screenshot({ path: join(shots, "sign-in-password-light.png") });
  await own.getByRole("button", { name: "Sign in", exact: true }).click();
  await own.getByText("Organization, name, password or code is wrong.").waitFor();
  await context.close();
});

test("PLT-03 that new calls are not being recorded stands on every page within ten seconds, and why; and goes when they are again", async () => {
  const page = await signIn(desktop, "MOD Administrator");
  await rows(page).first().waitFor();
  let refuses = true;
  await page.route("**/api/v1/health", (route) =>
    refuses ? route.fulfill({ status: 503, contentType: "application/json", body: JSON.stringify({ ready: false, reasons: ["The spool has 12 MB free, less than the 512 MB that are kept for running calls."] }) }) : route.continue(),
  );
  await page.getByText("New calls are not being recorded by this recorder.").waitFor({ timeout: 10_000 });
  await page.getByText("The spool has 12 MB free").waitFor();
  await page.screenshot({ path: join(shots, "not-ready-light.png") });
  await accessible(page);
  refuses = false;
  await page.getByText("New calls are not being recorded by this recorder.").waitFor({ state: "detached", timeout: 10_000 });
  await page.close();
});
