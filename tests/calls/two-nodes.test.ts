import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placeCall } from "@earwitness/sandbox";
import { pause, startPlatform, type Platform } from "../platform.ts";
import { startPostgres } from "../../scripts/test-postgres.mjs";

let postgres: Awaited<ReturnType<typeof startPostgres>>;
const nodes: Platform[] = [];

beforeAll(async () => {
  const bin = spawnSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1"], { encoding: "utf8" }).stdout.trim();
  postgres = await startPostgres(bin);
  for (let node = 0; node < 2; node++) nodes.push(await startPlatform({ DATABASE_URL: postgres.url }));
});
afterAll(async () => {
  for (const node of nodes) await node.close();
  await postgres?.stop();
});

const place = (node: Platform) =>
  placeCall({
    server: { host: "127.0.0.1", port: node.sipPort },
    localAddress: "127.0.0.1",
    parties: [
      { name: "Adele Vance", aor: "sip:adelev@contoso.example", audio: { kind: "tone", frequencyHz: 800, bursts: [{ atMs: 0, durationMs: 60_000 }] } },
      { name: "Alex Wilber", aor: "sip:alexw@contoso.example" },
    ],
  });

test("CAP-76 two recorders of one installation: every call says which took it; one dies and the other loses nothing", { timeout: 90_000 }, async () => {
  const [first, second] = nodes as [Platform, Platform];
  const [doomed, other] = await Promise.all([place(first), place(second)]);
  await pause(2_000);
  await first.kill();
  await doomed.vanish();
  const later = await place(second);
  await pause(2_000);
  await Promise.all([other.bye(), later.bye()]);

  const recorded = await Promise.all([other, later].map((call) => second.settled(call.callId)));
  const details = await Promise.all(recorded.map(([interaction]) => second.detail(interaction!.id)));
  expect(new Set(details.map((detail) => detail.recording!.node)).size).toBe(1);
  for (const [interaction] of recorded) expect(interaction).toMatchObject({ releaseCause: "Normal", hasGaps: false });

  await first.restart();
  const [cut] = await second.settled(doomed.callId, "Available", 20_000);
  const detail = await second.detail(cut!.id);
  expect(cut).toMatchObject({ releaseCause: "Failure", hasGaps: true });
  expect(detail.recording!.node).not.toBe(details[0]!.recording!.node);
});
