import { afterAll, beforeAll, expect, test } from "vitest";
import { command, startPlatform, type Platform } from "../platform.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.close());

test("a start without the sandbox is clean, also where the sandbox ran before", async () => {
  expect(await command(platform.dataDir, ["tenant", "list"])).toContain("contoso");
  await platform.stop();
  await platform.restart({ EARWITNESS_SANDBOX: "", EARWITNESS_PROVISION_FILE: "", EARWITNESS_SIP_HOST: "127.0.0.1" });
  expect(await command(platform.dataDir, ["tenant", "list"])).not.toContain("contoso");
  expect((await platform.fetch("/api/v1/interactions")).status).toBe(401); // the sandbox's key opens nothing here
  expect((await platform.fetch("/api/v1/health")).status).toBe(200);
});
