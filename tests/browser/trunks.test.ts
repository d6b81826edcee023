import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { CallRefused, placeCall } from "@earwitness/sandbox";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pause } from "../platform.ts";
import { startPortal, type PortalInBrowser } from "./portal.ts";

/*
 * An administrator sets up a trunk with the portal alone: refused first for a wrong address, understood from the page, put right,
 * recorded. The call comes from the sandbox's phone at an address that no trunk allows.
 */
const shots = resolve(import.meta.dirname, "../../test-results/screenshots");
const sender = "127.0.0.77";
let portal: PortalInBrowser;

beforeAll(async () => {
  await mkdir(shots, { recursive: true });
  portal = await startPortal();
});
afterAll(() => portal?.close());

const call = (user: string) =>
  placeCall({
    server: { host: "127.0.0.1", port: portal.sipPort, user },
    localAddress: sender,
    parties: [
      { name: "Somebody outside", aor: "sip:00441632960001@pbx.example" },
      { name: "Adele Vance", aor: "sip:adelev@contoso.example" },
    ],
  });

/** Every state that people see: light, dark and on a phone, and no serious finding in any. */
async function show(page: Page, name: string): Promise<void> {
  for (const [look, size, scheme] of [["light", { width: 1280, height: 900 }, "light"], ["dark", { width: 1280, height: 900 }, "dark"], ["phone", { width: 390, height: 844 }, "light"]] as const) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: scheme });
    await pause(150);
    await page.screenshot({ path: join(shots, `${name}-${look}.png`) });
    const { violations } = await new AxeBuilder({ page }).exclude("[data-tabster-dummy]").analyze(); // the dialog library's own stops for the tab key
    expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${name} ${look}: ${id}: ${nodes.map(({ html }) => html).join(" ").slice(0, 300)}`)).toEqual([]);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow, `${name} ${look} is wider than the window`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

test("a trunk is set up in the portal: refused for a wrong address, allowed with one click, recorded", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/trunks");
  await page.getByRole("link", { name: "Sandbox loopback" }).waitFor();
  await show(page, "trunks");

  let clicks = 0;
  const click = async (target: ReturnType<Page["getByRole"]>) => {
    clicks += 1;
    await target.click();
  };
  await click(page.getByRole("button", { name: "New trunk" }));
  await page.getByLabel("Name").fill("Berlin SBC");
  await page.getByLabel("Addresses").first().fill("192.0.2.300");
  await click(page.getByRole("button", { name: "Create trunk" }));
  // A mistake is said at its field, and nothing that was typed is lost.
  await page.getByText(/192\.0\.2\.300/).first().waitFor();
  await expect.poll(() => page.getByRole("alert").count()).toBeGreaterThan(0);
  await show(page, "trunk-mistake");
  await page.getByLabel("Addresses").first().fill("192.0.2.7");
  await click(page.getByRole("button", { name: "Create trunk" }));
  await page.getByRole("heading", { level: 1, name: "Berlin SBC" }).waitFor();

  const address = await page.locator("code", { hasText: /^sip:/ }).first().innerText();
  const user = /^sip:([^@]+)@/.exec(address)![1]!;
  await expect(call(user)).rejects.toBeInstanceOf(CallRefused);
  await page.getByText(new RegExp(`${sender.replaceAll(".", "\\.")}.*not`, "i")).first().waitFor({ timeout: 10_000 });
  await show(page, "trunk-refused");
  await click(page.getByRole("button", { name: `Allow ${sender}` }));
  await page.getByText("may send now").waitFor();
  await expect.poll(() => page.getByLabel("Addresses").first().inputValue()).toContain(sender);
  await pause(1_000); // a corrected trunk takes calls within a second

  const placed = await call(user);
  await page.getByText("Recorded", { exact: true }).first().waitFor({ timeout: 10_000 });
  await placed.bye();
  await page.getByRole("button", { name: "Message trace" }).first().click();
  await page.locator("pre", { hasText: "INVITE sip:" }).waitFor();
  expect(await page.locator("pre").innerText()).toContain("SIP/2.0 200 OK");
  await show(page, "trunk-recorded");
  await page.getByRole("link", { name: /Open the call/ }).first().click();
  await page.waitForURL(/\/interactions\/[0-9a-f]{24}/);
  expect(clicks, "clicks from the list of trunks to a recorded call, the refusals included").toBe(4);
  await page.close();
});

test("what was typed in a trunk survives leaving the page, and rules can be tried before they are saved", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/trunks");
  await page.getByRole("link", { name: "Sandbox loopback" }).click();
  await page.getByLabel("Country code").fill("44");
  await page.getByLabel("International prefix").fill("00");
  await page.getByLabel("Addresses to try, one on each line").fill("004420794600123\nsip:adelev@contoso.example");
  await page.getByText("+4420794600123", { exact: true }).waitFor();
  await page.getByText(/Adele Vance, recorded/).waitFor();
  await show(page, "trunk-trial");
  await page.getByRole("link", { name: "Groups" }).click();
  await page.getByRole("heading", { level: 1, name: "Groups" }).waitFor();
  await page.goBack();
  await expect.poll(() => page.getByLabel("Country code").inputValue()).toBe("44");
  await page.getByText("Not saved yet").waitFor();
  await page.getByRole("button", { name: "Discard changes" }).click();
  await expect.poll(() => page.getByLabel("Country code").inputValue()).toBe("");
  await page.close();
});

test("CAP-75 people by form and by CSV: mistakes are said by line, then all of it is there", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/people");
  await page.getByRole("link", { name: "Adele Vance" }).waitFor();
  await show(page, "people");
  await page.getByRole("button", { name: "New person" }).click();
  await page.getByLabel("Name", { exact: false }).first().fill("Ruth Okoro");
  await page.getByLabel("User principal name").fill("ruth@contoso.example");
  await page.getByLabel("Extensions").fill("12");
  await page.getByRole("button", { name: "Create person" }).click();
  await expect.poll(() => page.getByRole("alert").count()).toBeGreaterThan(0);
  await show(page, "person-mistake");
  await page.getByLabel("Extensions").fill("123");
  await page.getByRole("button", { name: "Create person" }).click();
  await page.getByRole("link", { name: "Ruth Okoro" }).waitFor();

  await page.getByRole("button", { name: "Import" }).click();
  const csv = (extension: string) => `upn;displayName;extensions;groups\nana@contoso.example;Ana Brandt;${extension};Desk|Berlin\n`;
  await page.getByLabel("Or paste it here").fill(csv("1"));
  await page.getByRole("button", { name: "See what would happen" }).click();
  await page.getByText(/Line 2/).waitFor();
  await show(page, "import-mistakes");
  await page.getByLabel("Or paste it here").fill(csv("4712"));
  await page.getByRole("button", { name: "See what would happen" }).click();
  await page.getByText("This would happen").waitFor();
  await page.getByRole("button", { name: "Import 1 person" }).click();
  await page.getByRole("heading", { name: "Done" }).waitFor();
  await page.getByRole("link", { name: "Groups" }).click();
  await page.getByLabel("Name of Desk").waitFor();
  await show(page, "groups");
  await page.close();
});
