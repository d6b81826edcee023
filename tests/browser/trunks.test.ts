import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Trunk } from "@earwitness/contract";
import { CallRefused, placeCall } from "@earwitness/sandbox";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pause } from "../platform.ts";
import { axe } from "./axe.ts";
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

const call = (user: string, localAddress = sender) =>
  placeCall({
    server: { host: "127.0.0.1", port: portal.sipPort, user },
    localAddress,
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
    const { violations } = await axe(page).exclude("[data-tabster-dummy]").analyze(); // the dialog library's own stops for the tab key
    expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${name} ${look}: ${id}: ${nodes.map(({ html }) => html).join(" ").slice(0, 300)}`)).toEqual([]);
    // Also inside of the parts that scroll; text as it is on the wire may be wider than its box.
    const wider = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll("main, main div")].filter((part) => part.scrollWidth > part.clientWidth && (part === document.documentElement || /auto|scroll/.test(getComputedStyle(part).overflowX))).map((part) => part.className || part.tagName));
    expect(wider, `${name} ${look} is wider than its window`).toEqual([]);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

const networks = (page: Page) => page.getByLabel("Addresses", { exact: true });
const field = (page: Page, name: string) => page.getByRole("textbox", { name, exact: true });

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
  await field(page, "Name").fill("Berlin SBC");
  // A mistake is said at its field as soon as it is typed, and nothing that was typed is lost.
  await networks(page).fill("192.0.2.300 ");
  await page.getByText("“192.0.2.300” is no address or network").waitFor();
  await show(page, "trunk-mistake");
  await page.getByRole("button", { name: "Remove 192.0.2.300" }).press("Enter");
  await networks(page).fill("192.0.2.7 ");
  await click(page.getByRole("button", { name: "Create trunk" }));
  await page.getByRole("heading", { level: 1, name: "Berlin SBC" }).waitFor();
  await page.getByText("No call has come in on this trunk yet").waitFor();

  const address = await page.locator("code", { hasText: /^sip:/ }).first().innerText();
  const user = /^sip:([^@]+)@/.exec(address)![1]!;
  await pause(2_000); // a trunk is known to the doors within a second; until then its address is nobody's, and the sandbox takes what comes from this machine
  await expect(call(user)).rejects.toBeInstanceOf(CallRefused);
  // It appears on the page that is open, without a reload, and says what was wrong.
  await page.getByText(new RegExp(`${sender.replaceAll(".", "\\.")}.*not`, "i")).first().waitFor({ timeout: 10_000 });
  // Another trunk has the address already: to which of the two a call goes is said before it is allowed.
  await page.getByText(`${sender} overlaps with 127.0.0.0/8, which may send for “Sandbox loopback” too. A call from there to an address that is no trunk’s goes to “Berlin SBC”, whose network is smaller.`).waitFor();
  await show(page, "trunk-refused");
  await click(page.getByRole("button", { name: `Allow ${sender}` }));
  await page.getByText("may send for Berlin SBC now").waitFor();
  // The form has it too, beside what was there.
  await page.getByRole("button", { name: `Edit ${sender}` }).waitFor();
  await page.getByRole("button", { name: "Edit 192.0.2.7", exact: true }).waitFor();
  await pause(1_000); // a corrected trunk takes calls within a second

  const placed = await call(user);
  await page.getByText("Recorded", { exact: true }).first().waitFor({ timeout: 10_000 });
  await placed.bye();
  await page.getByRole("button", { name: "Message trace" }).first().click();
  const ladder = page.getByRole("region", { name: "Message trace" });
  await ladder.getByText("200 OK").first().waitFor();
  await ladder.locator("summary", { hasText: "INVITE" }).first().click();
  await ladder.locator("pre", { hasText: `INVITE sip:${user}@` }).first().waitFor();
  // The BYE came after the trace was opened.
  await ladder.locator("summary", { hasText: "BYE" }).first().waitFor({ timeout: 10_000 });
  await show(page, "trunk-recorded");
  const [download] = await Promise.all([page.waitForEvent("download"), ladder.getByRole("link", { name: "Download" }).click()]);
  expect(download.suggestedFilename()).toMatch(/^sip-trace-.*\.txt$/);
  await page.getByRole("link", { name: /^Open (the )?call/ }).first().click();
  await page.waitForURL(/\/interactions\/[0-9a-f]{24}/);
  expect(clicks, "clicks from the list of trunks to a recorded call, the refusals included").toBe(3);
  // The next new trunk begins empty.
  await page.goto(`${portal.url}/settings/trunks/new`);
  expect(await field(page, "Name").inputValue()).toBe("");
  expect(await page.getByRole("button", { name: /^Edit 192/ }).count()).toBe(0);
  await page.close();
});

test("a call that could be given to no trunk is on the page of all invitations, and its address can be given to one there", async () => {
  const stranger = "127.0.0.78";
  const page = await portal.signIn("MOD Administrator", "/settings/invitations");
  await page.getByRole("list", { name: "Invitations" }).getByText("Recorded", { exact: true }).first().waitFor({ timeout: 20_000 });
  await show(page, "invitations");

  // What became of them is chosen, stands in the address, and is taken away by its chip.
  await page.getByRole("combobox", { name: "What became of it" }).selectOption("refused");
  await page.waitForURL(/outcome=refused/);
  await expect.poll(() => page.getByRole("list", { name: "Invitations" }).getByText("Recorded", { exact: true }).count()).toBe(0);
  await show(page, "invitations-refused");
  await page.getByRole("button", { name: /Refused/ }).click();
  await page.waitForURL((url) => !url.search.includes("outcome"));
  await page.getByRole("list", { name: "Invitations" }).getByText("Recorded", { exact: true }).first().waitFor();

  // The sandbox takes calls from the whole machine; for a moment it does not.
  const { trunks } = (await (await page.request.get(`${portal.url}/api/v1/trunks`)).json()) as { trunks: Trunk[] };
  const { id, settings } = trunks.find(({ settings: { name } }) => name === "Sandbox loopback")!;
  const put = (sourceNetworks: string[]) =>
    page.evaluate(async ([path, body]) => (await fetch(path!, { method: "PUT", headers: { "content-type": "application/json" }, body: body! })).status, [`/api/v1/trunks/${id}`, JSON.stringify({ ...settings, sourceNetworks })]);
  expect(await put([])).toBe(200);
  await pause(1_000);
  await page.getByRole("combobox", { name: "Which trunk" }).selectOption("none");
  await page.waitForURL(/trunk=none/);
  await page.getByText("Every call could be given to a trunk.").waitFor();
  await expect(call("srs", stranger)).rejects.toBeInstanceOf(CallRefused);
  await page.getByRole("button", { name: `Allow ${stranger} on` }).click({ timeout: 10_000 });
  await page.getByRole("menuitem", { name: "Sandbox loopback" }).click();
  await page.getByText(`${stranger} may send for Sandbox loopback now`).waitFor();
  await pause(1_000);
  const placed = await call("srs", stranger);
  await placed.bye();
  expect(await put(settings.sourceNetworks)).toBe(200);
  await page.close();
});

test("before a new trunk is saved its form says whose an address is already, that no TLS port is open, and what a private key is", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/trunks/new");
  // Whose the address is already, and what a choice leads to, is said before anything is saved.
  await networks(page).fill("127.0.0.5 ");
  await page.getByText("127.0.0.5 overlaps with 127.0.0.0/8, which may send for “Sandbox loopback” too. A call from there to an address that is no trunk’s goes to this trunk, whose network is smaller.").waitFor();
  await networks(page).fill("127.0.0.0/8 ");
  await page.getByText("127.0.0.0/8 may send for “Sandbox loopback” too. A call from there to an address that is no trunk’s goes to “Sandbox loopback”, the older one.").waitFor();
  await page.getByRole("radio", { name: "TLS only" }).check();
  await page.getByText("No TLS port is open on this installation").waitFor();
  await show(page, "trunk-warnings");
  await page.getByRole("radio", { name: "UDP, TCP or TLS" }).check();
  await page.getByRole("button", { name: "Remove 127.0.0.5" }).press("Enter");
  await page.getByRole("button", { name: "Remove 127.0.0.0/8" }).press("Enter");
  // A private key is named as one, and kept nowhere.
  await field(page, "Client certificates").fill("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
  await page.getByText("That was a private key").waitFor();
  expect(await page.evaluate(() => JSON.stringify(sessionStorage) + document.body.innerHTML)).not.toContain("c2VjcmV0");
  expect((await field(page, "Client certificates").inputValue()).trim()).toBe("");
  await show(page, "trunk-private-key");
  await page.close();
});

/** A trunk that records known people alone, and a call on it between two that nobody knows. */
async function addTrunkOfStrangers(page: Page, name: string, from: string, [one, other]: readonly [string, string]) {
  const { trunks } = (await (await page.request.get(`${portal.url}/api/v1/trunks`)).json()) as { trunks: Trunk[] };
  const made = (await page.evaluate(
    async (body) => await (await fetch("/api/v1/trunks", { method: "POST", headers: { "content-type": "application/json" }, body })).json(),
    JSON.stringify({ ...trunks.find(({ settings }) => settings.name === "Sandbox loopback")!.settings, name, unknown: "ignore", sourceNetworks: [from] }),
  )) as Trunk;
  await pause(2_000);
  const strangers = () =>
    placeCall({
      server: { host: "127.0.0.1", port: portal.sipPort, user: made.recordingUser },
      localAddress: from,
      parties: [
        { name: "Somebody", aor: `sip:${one}@pbx.example` },
        { name: "Somebody else", aor: `sip:${other}@pbx.example` },
      ],
    });
  return { made, strangers };
}

test("beside a call that was not recorded each of its people leads to a form with their address and name; added there, their next call is recorded", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/trunks");
  await page.getByRole("link", { name: "Sandbox loopback" }).waitFor();
  const { made, strangers } = await addTrunkOfStrangers(page, "Front desk", "127.0.0.80", ["00441632960111", "00441632960112"]);
  await expect(strangers()).rejects.toBeInstanceOf(CallRefused);
  await page.goto(`${portal.url}/settings/trunks/${made.id}`);
  const ways = page.getByRole("listitem").filter({ hasText: "Or add a person:" });
  await ways.getByRole("link", { name: /^Add Somebody else, .*441632960112.*, as a person$/ }).waitFor({ timeout: 10_000 });
  await show(page, "invitation-people");
  let clicks = 0;
  const click = async (target: ReturnType<Page["getByRole"]>) => {
    clicks += 1;
    await target.click();
  };
  await click(ways.getByRole("link", { name: /^Add Somebody, / }));
  await page.getByText("Filled in from a call that was not recorded.").waitFor();
  expect(await field(page, "Name").inputValue()).toBe("Somebody");
  await page.getByRole("button", { name: /^Edit .*441632960111/ }).waitFor();
  await show(page, "person-from-call");
  await field(page, "User principal name").fill("somebody@contoso.example");
  await click(page.getByRole("button", { name: "Create person" }));
  await page.getByRole("heading", { level: 1, name: "People" }).waitFor();
  expect(clicks, "clicks from the call that was not recorded to the person").toBe(2);
  await pause(1_000);
  await (await strangers()).bye();
  // What was typed for one call is not in the form of another, nor in an empty one.
  await page.goto(`${portal.url}/settings/people/new?address=%2B4930555&name=Pat`);
  await field(page, "User principal name").fill("pat@contoso.example");
  await page.goto(`${portal.url}/settings/people/new`);
  expect([await field(page, "Name").inputValue(), await field(page, "User principal name").inputValue()]).toEqual(["", ""]);
  await page.goto(`${portal.url}/settings/people/new?address=%2B4930555&name=Pat`);
  expect([await field(page, "Name").inputValue(), await field(page, "User principal name").inputValue()]).toEqual(["Pat", "pat@contoso.example"]);
  await page.close();
});

test("a call of strangers is not recorded; everybody is recorded from then on, asked and with one click", async () => {
  const from = "127.0.0.79";
  const page = await portal.signIn("MOD Administrator", "/settings/trunks");
  await page.getByRole("link", { name: "Sandbox loopback" }).waitFor();
  const { made, strangers } = await addTrunkOfStrangers(page, "Strangers", from, ["00441632960001", "00441632960002"]);
  await expect(strangers()).rejects.toBeInstanceOf(CallRefused);
  await page.goto(`${portal.url}/settings/invitations?trunk=${made.id}`);
  await page.getByRole("button", { name: "Record everybody" }).click({ timeout: 10_000 });
  const sure = page.getByRole("group", { name: "Record everybody" });
  await sure.getByText("From now on every call on Strangers is recorded").waitFor();
  await show(page, "invitation-everybody");
  await sure.getByRole("button", { name: "Record everybody" }).click();
  await page.getByText("Every call on Strangers is recorded now.").waitFor();
  const { items } = (await (await page.request.get(`${portal.url}/api/v1/audit?subject=${made.id}&action=Modify`)).json()) as { items: unknown[] };
  expect(items).toHaveLength(1);
  await pause(1_000);
  await (await strangers()).bye();
  await page.close();
});

test("what was typed in a trunk survives leaving the page, and rules can be tried before they are saved", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/trunks");
  await page.getByRole("link", { name: "Sandbox loopback" }).click();
  await field(page, "Country code").fill("44");
  await field(page, "International prefix").fill("00");
  await page.getByLabel("Addresses to try, one on each line").fill("004420794600123\nsip:adelev@contoso.example");
  await page.getByText(/^→ \+4420794600123$/).waitFor();
  await page.getByText(/Adele Vance, recorded/).waitFor();
  await show(page, "trunk-trial");
  // The server reads expressions as they are typed.
  await page.getByRole("button", { name: "Add a rewrite" }).click();
  await page.getByRole("textbox", { name: "Expression" }).first().fill("(unclosed");
  await page.getByText(/not a regular expression/).waitFor();
  await page.getByText("A rule needs a correction before anything can be tried.").waitFor();
  await page.getByRole("button", { name: "Remove rewrite 1" }).click();
  await page.getByRole("link", { name: "Groups" }).click();
  await page.getByRole("heading", { level: 1, name: "Groups" }).waitFor();
  await page.goBack();
  await expect.poll(() => field(page, "Country code").inputValue()).toBe("44");
  await page.getByText("Not saved yet").waitFor();
  await page.getByRole("button", { name: "Discard changes" }).click();
  await expect.poll(() => field(page, "Country code").inputValue()).toBe("");
  await page.close();
});

test("two administrators at once: neither loses what they typed", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/trunks");
  await page.getByRole("link", { name: "Sandbox loopback" }).click();
  await field(page, "National prefix").fill("0");
  await field(page, "Country code").fill("49");
  const { trunks } = (await (await page.request.get(`${portal.url}/api/v1/trunks`)).json()) as { trunks: Trunk[] };
  const { id, settings } = trunks.find(({ settings: { name } }) => name === "Sandbox loopback")!;
  const theirs = await page.evaluate(
    async ([path, body]) => (await fetch(path!, { method: "PUT", headers: { "content-type": "application/json" }, body: body! })).status,
    [`/api/v1/trunks/${id}`, JSON.stringify({ ...settings, personDomains: [...settings.personDomains, "fabrikam.example"], numbers: { ...settings.numbers, countryCode: "43" } })],
  );
  expect(theirs).toBe(200);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  // Theirs is in the form, and of what both changed it is said so.
  await page.getByText(/Changed by both of you: How numbers are read/).waitFor();
  await page.getByRole("button", { name: "Edit fabrikam.example" }).waitFor();
  expect(await field(page, "Country code").inputValue()).toBe("49");
  await show(page, "trunk-conflict");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText(/^Saved\./).waitFor();
  const after = (await (await page.request.get(`${portal.url}/api/v1/trunks/${id}`)).json()) as Trunk;
  expect(after.settings.personDomains).toContain("fabrikam.example");
  expect(after.settings.numbers).toMatchObject({ countryCode: "49", nationalPrefix: "0" });
  await page.close();
});

test("a password is shown once; a trunk is switched off and on, and deleted by its name alone", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/trunks/new");
  await field(page, "Name").fill("Short-lived");
  await page.getByRole("button", { name: "Create trunk" }).click();
  await page.getByRole("heading", { level: 1, name: "Short-lived" }).waitFor();
  // It is asked first: whoever has no password is refused from then on.
  await page.getByRole("button", { name: "Make a password" }).click();
  const sure = page.getByRole("group", { name: "Password" });
  await sure.getByText("every call without it is refused").waitFor();
  await show(page, "trunk-password-sure");
  await sure.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Not asked for").waitFor();
  await page.getByRole("button", { name: "Make a password" }).click();
  await sure.getByRole("button", { name: "Make a password" }).click();
  await page.getByText("shown this once").waitFor();
  await show(page, "trunk-password");
  await page.reload();
  await page.getByText(/Asked for\. User/).waitFor();
  expect(await page.getByText("shown this once").count()).toBe(0);

  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("This trunk is off: every call it sends is refused.").waitFor();
  await page.getByRole("button", { name: "Switch on" }).first().click();
  await page.getByRole("button", { name: "Switch off" }).waitFor();

  await page.getByRole("button", { name: "Delete trunk" }).click();
  const dialog = page.getByRole("dialog");
  expect(await dialog.getByRole("button", { name: "Delete trunk" }).isDisabled()).toBe(true);
  await show(page, "trunk-delete");
  await dialog.getByRole("textbox").fill("Short-lived");
  await dialog.getByRole("button", { name: "Delete trunk" }).click();
  await page.getByRole("heading", { level: 1, name: "Trunks" }).waitFor();
  await expect.poll(() => page.getByRole("link", { name: "Short-lived" }).count()).toBe(0);
  await page.close();
});

test("CAP-75 people by form and by CSV: mistakes are said by line, then all of it is there", async () => {
  const page = await portal.signIn("MOD Administrator", "/settings/people");
  await page.getByRole("link", { name: "Adele Vance" }).waitFor();
  await show(page, "people");
  await page.getByRole("button", { name: "New person" }).click();
  await field(page, "Name").first().fill("Ruth Okoro");
  await field(page, "User principal name").fill("ruth@contoso.example");
  await field(page, "Extensions").fill("12 ");
  await page.getByText("“12” is no extension").waitFor();
  await page.getByRole("button", { name: "Create person" }).click();
  await show(page, "person-mistake");
  await page.getByRole("button", { name: "Edit 12" }).click();
  await page.keyboard.type("3 ");
  await page.getByRole("button", { name: "Create person" }).click();
  await page.getByRole("link", { name: "Ruth Okoro" }).waitFor();
  await page.getByRole("searchbox", { name: "Search names, addresses, extensions" }).fill("okoro");
  await page.waitForURL(/q=okoro/);
  await page.getByText("1 matches").waitFor();

  await page.getByRole("button", { name: "Import" }).click();
  const csv = (extension: string) => `upn;displayName;extensions;groups\nana@contoso.example;Ana Brandt;${extension};Desk|Berlin\n`;
  await page.getByLabel("Or paste it here").fill(csv("1"));
  await page.getByRole("button", { name: "See what would happen" }).click();
  await page.getByText("Nothing was changed: the file has mistakes").waitFor();
  await page.getByRole("row", { name: /^2 extensions/ }).waitFor();
  await show(page, "import-mistakes");
  // A file goes as its bytes: one that is not UTF-8 is found out and not taken with broken letters.
  await page.locator("input[type=file]").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from("upn,displayName\nzoe@contoso.example,Zo\u00eb\n", "latin1") });
  await page.getByText(/not UTF-8/).waitFor();
  await page.locator("input[type=file]").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(csv("4712")) });
  await page.getByText("This would happen").waitFor();
  await show(page, "import-look");
  await page.getByRole("button", { name: "Import 1 person" }).click();
  await page.getByRole("heading", { name: "Done" }).waitFor();

  await page.getByRole("link", { name: "Groups" }).click();
  await page.getByRole("button", { name: "Rename Desk" }).click();
  await page.getByLabel("New name of Desk").fill("Front desk");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Delete Front desk" }).click();
  await page.getByText("Its one person stays, without the group.").waitFor();
  await show(page, "groups");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect.poll(() => page.getByText("Front desk").count()).toBe(0);
  await page.close();
});

test("without the right to manage the tenant the settings say which one is missing, and who can give it", async () => {
  const context = await portal.browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await portal.signIn("Adele Vance", "/settings/trunks", context);
  await page.getByText("tenant.manage").waitFor();
  await show(page, "settings-forbidden");
  await context.close();
});
