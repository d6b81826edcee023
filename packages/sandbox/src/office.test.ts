import { afterEach, expect, test } from "vitest";
import { createOffice } from "./office.ts";
import { createFakeRecorder } from "./phone/fake-recorder.ts";

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));

test("the office waits for the recorder, calls at once, is over with its first call in time and hangs up when it closes", async () => {
  let away = true;
  const problems: string[] = [];
  const fake = await createFakeRecorder({ before: () => (away ? "ignore" : null) });
  open.push(fake);
  const office = await createOffice({ server: { host: "127.0.0.1", port: fake.port }, calls: 2, problem: (text) => problems.push(text) });
  open.push(office);
  await pause(700);
  expect(fake.count("OPTIONS")).toBeGreaterThan(0);
  expect(fake.count("INVITE")).toBe(0);
  away = false;
  await expect.poll(() => fake.count("BYE"), { timeout: 20_000 }).toBeGreaterThan(0);
  const first = fake.requests.find((request) => request.method === "BYE")?.headers.get("Call-ID");
  expect(fake.requests.find((request) => request.method === "INVITE")?.headers.get("Call-ID")).toBe(first);
  // Both sides really spoke: far from every packet of either stream is silence.
  for (const label of ["1", "2"]) {
    const spoken = (fake.audio.get(label) ?? []).filter(({ packet }) => packet.payload.some((byte) => byte !== 0xff && byte !== 0xd5));
    expect(spoken.length).toBeGreaterThan(60);
  }
  await expect.poll(() => office.running(), { timeout: 10_000 }).toBeGreaterThan(0);
  const from = performance.now();
  await office.close();
  expect(performance.now() - from).toBeLessThan(2500);
  expect(office.running()).toBe(0);
  const ids = (method: string): string[] => [...new Set(fake.requests.filter((request) => request.method === method).map((request) => request.headers.get("Call-ID") ?? ""))].toSorted();
  expect(ids("BYE")).toEqual(ids("INVITE"));
  expect(problems).toEqual([]);
}, 40_000);

test("a recorder that refuses is left alone for as long as it asked, and named once", async () => {
  const problems: string[] = [];
  const fake = await createFakeRecorder({ before: (request) => (request.method === "INVITE" ? { status: 503, reason: "Draining", headers: [["Retry-After", "1"]] } : null) });
  open.push(fake);
  open.push(await createOffice({ server: { host: "127.0.0.1", port: fake.port }, calls: 1, problem: (text) => problems.push(text) }));
  await expect.poll(() => fake.count("INVITE"), { timeout: 10_000 }).toBe(2);
  expect(problems).toEqual(["the recorder refused a call: 503 Draining"]);
}, 20_000);
