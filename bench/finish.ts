/**
 * npm run bench finish: calls that end in the same second, and how long until each can be played. Measured from the BYE that the client
 * sends to the moment a reader of the API sees the interaction Available. Arguments: numbers of calls (default 1 100 1000).
 */
import type { InteractionPage } from "@earwitness/contract";
import { startPlatform, type Platform } from "../tests/platform.ts";
import { quantile, startLoad, table } from "./load.ts";

const sizes = process.argv.slice(2).map(Number).filter((size) => size > 0);
const secondsOfTalk = 5;

/** Follows the live stream; answers when each Call-ID's interactions became Available (wall time). */
async function follow(platform: Platform): Promise<{ available: Map<string, number>; stop: () => void }> {
  const available = new Map<string, number>();
  const abort = new AbortController();
  const response = await platform.fetch("/api/v1/live", { signal: abort.signal });
  /** A reader that is told that it missed something reads the list again, as the portal does. */
  async function readAll(): Promise<void> {
    for (let after: string | null = ""; after !== null; ) {
      const page: InteractionPage = await platform.get<InteractionPage>(`/api/v1/interactions?limit=200${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`);
      const now = performance.timeOrigin + performance.now();
      for (const { sipCallId, mediaStatus } of page.items) if (mediaStatus === "Available" && !available.has(sipCallId)) available.set(sipCallId, now);
      after = page.next;
    }
  }
  void (async () => {
    let rest = "";
    for await (const chunk of response.body!) {
      rest += Buffer.from(chunk).toString();
      const events = rest.split("\n\n");
      rest = events.pop() ?? "";
      const now = performance.timeOrigin + performance.now();
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (event.includes("event: reset")) void readAll();
        if (data === undefined || !event.includes("event: interaction")) continue;
        const { interaction } = JSON.parse(data) as { interaction: { sipCallId: string; mediaStatus: string } };
        if (interaction.mediaStatus === "Available") available.set(interaction.sipCallId, now);
      }
    }
  })().catch(() => undefined); // ends by `stop`
  return { available, stop: () => abort.abort() };
}

const rows: (string | number)[][] = [];
for (const calls of sizes.length > 0 ? sizes : [1, 100, 1_000]) {
  const platform = await startPlatform({ EARWITNESS_LOG_LEVEL: "error", EARWITNESS_RTP_PORTS: "20000-29999" });
  const load = startLoad();
  try {
    const live = await follow(platform);
    const opened = await load.open({ server: platform.sipPort, calls, perSecond: 200, packetsPerSecond: calls > 200 ? 5 : 50, name: `f${calls}` });
    await new Promise((resolve) => setTimeout(resolve, secondsOfTalk * 1000));
    const { byes, answerMs } = await load.end();
    for (const deadline = Date.now() + 60_000; live.available.size < byes.length && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 50));
    live.stop();
    const playable = byes.flatMap(([callId, at]) => (live.available.has(callId) ? [live.available.get(callId)! - at] : []));
    const ms = (samples: readonly number[], share: number): string => quantile(samples, share).toFixed(0);
    rows.push([calls, opened.calls, playable.length, ms(answerMs, 0.5), ms(answerMs, 0.99), ms(playable, 0.5), ms(playable, 0.99), ms(playable, 1)]);
  } finally {
    load.close();
    await platform.close();
  }
}
console.log(`\nCalls that end in the same second (${secondsOfTalk} s long, two streams; milliseconds)`);
table(["calls", "recorded", "playable", "BYE p50", "BYE p99", "playable p50", "playable p99", "max"], rows);
