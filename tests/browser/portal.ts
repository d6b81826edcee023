/** The product as a new user meets it: npm start's own script, the sandbox, a real sign-in, a real browser. */
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { freePort } from "../platform.ts";

const projectDir = resolve(import.meta.dirname, "../..");

export interface PortalInBrowser {
  readonly url: string;
  readonly sipPort: number;
  /** Where Contoso's Microsoft 365 directory is. */
  readonly graphOrigin: string;
  /** Where everything of it lies on the disk, the sandbox's share in `sandbox`. */
  readonly dataDir: string;
  /** When the address was printed. */
  readonly printedAt: number;
  readonly browser: Browser;
  readonly desktop: BrowserContext;
  signIn(persona: string, path?: string, context?: BrowserContext): Promise<Page>;
  close(): Promise<void>;
}

export async function startPortal(): Promise<PortalInBrowser> {
  const dataDir = await mkdtemp(join(tmpdir(), "earwitness-browser-"));
  await chmod(dataDir, 0o711);
  const [httpPort, sipPort, graphPort] = [await freePort(), await freePort(), await freePort()];
  const url = `http://localhost:${httpPort}`;
  let printed = "";
  let printedAt = 0;
  const started = spawn(process.execPath, [join(projectDir, "scripts/start.mjs")], {
    cwd: projectDir,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(EARWITNESS_|DATABASE_|VITEST|NODE_OPTIONS)/.test(name))),
      EARWITNESS_DATA_DIR: dataDir,
      EARWITNESS_HTTP_PORT: String(httpPort),
      EARWITNESS_SIP_PORT: String(sipPort),
      EARWITNESS_SANDBOX_PORT: String(await freePort()),
      EARWITNESS_SANDBOX_GRAPH_PORT: String(graphPort),
      EARWITNESS_RTP_PORTS: "36000-37999",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.stderr.on("data", (chunk: Buffer) => (printed += chunk));
  await new Promise<void>((ready, failed) => {
    started.once("exit", (code) => failed(new Error(`npm start ended with ${code}:\n${printed}`)));
    started.stdout.on("data", (chunk: Buffer) => {
      printed += chunk;
      if (!printed.includes("Earwitness is ready")) return;
      printedAt ||= Date.now();
      ready();
    });
  });
  const browser = await chromium.launch({
    executablePath: process.env["EARWITNESS_TEST_CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"],
  });
  const desktop = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", timezoneId: "Europe/Berlin" });
  return {
    url,
    sipPort,
    graphOrigin: `http://localhost:${graphPort}`,
    dataDir,
    printedAt,
    browser,
    desktop,
    async signIn(persona, path = "/interactions", context = desktop) {
      const page = await context.newPage();
      await page.goto(url + path);
      const signedIn = await page.request.get(`${url}/api/v1/session`);
      if (signedIn.ok()) return page;
      await page.getByRole("link", { name: /sign in/i }).click();
      await page.getByRole("button", { name: new RegExp(persona, "i") }).first().click();
      await page.waitForURL((address) => address.origin === url && !address.pathname.startsWith("/sign-in"));
      return page;
    },
    async close() {
      await browser.close();
      const gone = new Promise((done) => started.once("exit", done));
      if (started.exitCode === null) {
        started.kill("SIGTERM");
        await gone;
      }
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
