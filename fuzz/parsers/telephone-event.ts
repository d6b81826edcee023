import { createPressFollower, readTelephoneEvent, type Press } from "@earwitness/media";
import { demand, demandSameAnywhere, harness, hex, refused, taken } from "../harness.ts";
import type { Verdict } from "../harness.ts";

/**
 * Key presses, and who follows them. The first four bytes are a payload as it stands; from there on every ten are one packet of a
 * stream: steps of timestamp and arrival, marker, then its payload.
 */
function run(input: Uint8Array): Verdict {
  const first = readTelephoneEvent(input);
  demandSameAnywhere(input, readTelephoneEvent);
  demand((first === null) === input.length < 4, "four bytes are an event, fewer are none");
  if (first === null) return "refused";
  demand(first.event <= 0xff && first.duration <= 0xffff, "fields have their widths");

  const follower = createPressFollower();
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let [timestamp, arrivalMs, spanMs] = [0, 0, 0];
  let press: Press | null = null;
  let [durationMs, ends] = [0, 0];
  for (let at = 4; at + 10 <= input.length; at += 10) {
    timestamp = (timestamp + view.getInt16(at) * (view.getUint8(at + 4) & 2 ? 0xffff : 1)) >>> 0;
    arrivalMs += view.getUint16(at + 2) / 4;
    const told = readTelephoneEvent(input.subarray(at + 6, at + 10));
    if (told === null) continue;
    const now = follower.receive({ timestamp, marker: (view.getUint8(at + 4) & 1) === 1, arrivalMs, clockRateHz: view.getUint8(at + 5) & 1 ? 48_000 : 8_000 }, told);
    if (now !== press) [press, durationMs, ends] = [now, 0, 0];
    spanMs += view.getUint16(at + 2) / 4 + 8 * 0xffff;
    demand(now.event === told.event, "a packet tells of its own key");
    demand(Number.isFinite(now.durationMs) && now.durationMs >= durationMs, "a press never grows shorter");
    demand(now.durationMs <= spanMs, "nor longer than its packets can have said");
    demand(now.ends === ends + (told.ends ? 1 : 0), "its end is counted once for each packet that says it");
    [durationMs, ends] = [now.durationMs, now.ends];
  }
  return "taken";
}

const packet = (step: number, waitMs: number, marker: boolean, payload: string): string => `${(step & 0xffff).toString(16).padStart(4, "0")}${(waitMs * 4).toString(16).padStart(4, "0")}0${marker ? 1 : 0}00${payload}`;

export const telephoneEvent = harness({
  name: "telephone-event",
  run,
  maxBytes: 4_096,
  words: [],
  seeds: [
    taken("a press, its end said thrice", hex(`058a0320${packet(0, 20, true, "050a00a0")}${packet(0, 20, false, "050a0140")}${packet(0, 20, false, "058a0140").repeat(3)}`)),
    taken("a long one that goes on under another timestamp", hex(`010a0000${packet(0, 20, true, "010affff")}${packet(-1, 20, false, "010a00a0")}${packet(0, 20, false, "018a0140")}`)),
    taken("a duration that wraps", hex(`010a0000${packet(0, 20, true, "010aff60")}${packet(0, 20, false, "010a0020")}`)),
    taken("two keys", hex(`010a0000${packet(0, 20, true, "0b0a00a0")}${packet(800, 20, true, "0a0a00a0")}`)),
    refused("three bytes", hex("058a03")),
    refused("nothing", hex("")),
  ],
});
