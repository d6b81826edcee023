/** One interaction: who, when, why it was recorded, what it sounds like. */
import { interactionPaths, mediaTime, parseManifest, type BundledInteraction, type BundleReport, type Manifest } from "@earwitness/verify";
import { element } from "./element.ts";
import { createPlayer } from "./player.ts";
import { wholeOf, type Received } from "./received.ts";
import { createSounds } from "./sound.ts";

export async function createInteractionView({ files }: Received, interaction: BundledInteraction, report: BundleReport): Promise<HTMLElement> {
  const paths = interactionPaths(interaction.id);
  const broken = new Set(report.statements.filter(({ kind }) => kind === "fails").map(({ where }) => where));
  const text = async (path: string): Promise<string | null> => (files.has(path) && !broken.has(path) ? new TextDecoder().decode(await wholeOf(files.get(path)!)) : null);
  const metadata = await text(paths.interaction);
  const manifest = await manifestOf();

  async function manifestOf(): Promise<Manifest | null> {
    const file = files.get(paths.manifest);
    if (file === undefined || broken.has(paths.manifest)) return null;
    try {
      return parseManifest(await wholeOf(file));
    } catch {
      return null;
    }
  }

  const view = element("article", {}, element("h2", {}, titleOf(manifest, interaction, metadata)));
  if (manifest === null) view.append(element("p", { className: "quiet" }, interaction.recordingId === null ? "There is no recording of this interaction; its metadata says why." : "The recording cannot be shown: its manifest is missing or does not hold."));
  else {
    view.append(createPlayer(manifest, interaction, createSounds(manifest, interaction, files, report)));
    view.append(factsOf(manifest, interaction));
  }
  if (metadata !== null) view.append(element("details", {}, element("summary", {}, "Metadata, as the installation told it"), element("pre", {}, metadata)));
  for (const [at, body] of (manifest?.bodies ?? []).entries()) {
    const document = await text(paths.metadata(at + 1));
    if (document !== null) view.append(element("details", {}, element("summary", {}, `${body.contentType}, ${body.receivedAt}`), element("pre", {}, document)));
  }
  return view;
}

function titleOf(manifest: Manifest | null, { id }: BundledInteraction, metadata: string | null): string {
  const part = manifest?.interactions.find(({ interactionId }) => interactionId === id);
  const names = (part?.participants ?? []).map(({ name, address }) => name ?? address);
  return names.length > 0 ? names.join(" · ") : metadata === null ? id : `Interaction ${id}`;
}

function factsOf(manifest: Manifest, { id, fromMs, toMs }: BundledInteraction): HTMLElement {
  const part = manifest.interactions.find(({ interactionId }) => interactionId === id);
  const isWhole = fromMs === 0 && toMs >= manifest.durationMs;
  const gaps = manifest.tracks.reduce((sum, track) => sum + track.gaps.length, 0);
  const rows: readonly (readonly [string, string])[] = [
    ["Began", manifest.startedAt],
    ["Length", isWhole ? mediaTime(manifest.durationMs) : `${mediaTime(fromMs)} to ${mediaTime(toMs)} of ${mediaTime(manifest.durationMs)}`],
    ["Recorded for", part === undefined ? "" : `${part.user.name ?? part.user.address}`],
    ["People", (part?.participants ?? []).map(({ name, address }) => (name === null ? address : `${name} (${address})`)).join(", ")],
    ["Why it was recorded", `${manifest.decision.reasons.map((reason) => reason.replace(/\.$/, "")).join("; ")} (rules, version ${manifest.decision.ruleVersion})`],
    ["Missing audio", gaps === 0 ? "none" : `${gaps} ${gaps === 1 ? "gap" : "gaps"}, hatched above`],
    ["Ended", `${manifest.endReason}${manifest.recovered ? "; the recorder was restarted in between" : ""}`],
    ["Recorder", manifest.node],
    ["Interaction", id],
    ["Recording", manifest.recordingId],
  ];
  return element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}
