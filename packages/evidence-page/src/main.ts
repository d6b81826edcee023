import "./page.css";
import { createRecordedSound } from "@earwitness/media/recorded-sound";
import { sha256Here, verifyBundle, type BundleReport } from "@earwitness/verify";
import { element } from "./element.ts";
import { createInteractionView } from "./interaction-view.ts";
import { createKeysView, type Keys } from "./keys-view.ts";
import { receive, type Received } from "./received.ts";
import { createReportView } from "./report-view.ts";

const page = document.querySelector("#page")!;
const verdict = element("div", { className: "verdict busy", role: "status" }, "Checking …");
const shown = element("div", { className: "interaction" });
const report = element("div");

/** Audio for other players and the page itself are not at hand in the page. */
const notHere = (path: string): boolean => path === "index.html" || /^[0-9a-f]{24}\/audio\//.test(path);

const check = async ({ files }: Received, keys: Keys): Promise<BundleReport> => await verifyBundle(files, { sha256: sha256Here, ...keys, sound: createRecordedSound(null), timestamp: null, notHere });

function sayVerdict({ holds, statements }: BundleReport, { key }: Keys): void {
  const open = statements.filter(({ kind }) => kind === "not checked").length;
  verdict.className = `verdict ${holds ? (key === null ? "open" : "good") : "bad"}`;
  const words = holds ? (key === null ? "Everything that was checked holds, by the key that came with the bundle." : "Verified: everything that was checked holds, by the key that you gave.") : "Not verified: something in this bundle does not hold.";
  verdict.replaceChildren(element("b", {}, words), element("span", {}, ` ${open} ${open === 1 ? "thing was" : "things were"} not checked; the report says which.${key === null && holds ? " Give the log's public key to know whose it is." : ""}`));
}

function header({ index }: Received): HTMLElement {
  if (index === null) return element("header", {}, element("h1", {}, "Evidence bundle"));
  return element(
    "header",
    {},
    element("h1", {}, `Evidence of ${index.tenant.name}`),
    element("p", { className: "quiet" }, `${index.interactions.length} ${index.interactions.length === 1 ? "interaction" : "interactions"}, exported by ${index.exportedBy.name} on ${index.exportedAt}. Reason: ${index.reason}`),
  );
}

async function start(): Promise<void> {
  const received = await receive((done, all) => page.replaceChildren(element("p", { className: "quiet" }, `Reading the bundle: ${done} of ${all} files …`)));
  const { index } = received;
  let keys: Keys = { key: null, witnesses: [] };
  let latest: BundleReport | null = null;
  let current = 0;

  async function show(number: number): Promise<void> {
    const interaction = index?.interactions[number];
    if (interaction === undefined || latest === null) return;
    current = number;
    shown.replaceChildren(await createInteractionView(received, interaction, latest));
  }

  async function checkAgain(given: Keys): Promise<void> {
    keys = given;
    verdict.className = "verdict busy";
    verdict.textContent = "Checking …";
    await new Promise((drawn) => setTimeout(drawn, 20)); // hashing takes the thread for a while
    latest = await check(received, keys);
    sayVerdict(latest, keys);
    report.replaceChildren(createReportView(latest));
    await show(current);
  }

  const chooser = element("select", { ariaLabel: "Interaction" }, ...(index?.interactions ?? []).map(({ id }, number) => element("option", { value: String(number) }, `${number + 1}: ${id}`)));
  chooser.addEventListener("change", () => void show(Number(chooser.value)));
  page.replaceChildren(
    header(received),
    verdict,
    (index?.interactions.length ?? 0) > 1 ? element("nav", {}, element("label", {}, "Interaction ", chooser)) : "",
    shown,
    element("h2", {}, "What was checked"),
    report,
    element("details", { className: "keyring" }, element("summary", {}, "Check with your own keys"), createKeysView((given) => void checkAgain(given))),
    element("footer", { className: "quiet" }, "This page works without a network. For every check, that of the audio files and of this page too: earwitness verify <bundle> --key <public key>"),
  );
  await checkAgain(keys);
}

start().catch((error: unknown) => {
  page.replaceChildren(element("h1", {}, "Evidence bundle"), element("p", { className: "verdict bad", role: "alert" }, `This bundle cannot be shown: ${error instanceof Error ? error.message : String(error)}.`));
});
