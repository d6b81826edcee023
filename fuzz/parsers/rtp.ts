import { buildReceiverReport, buildRtp, createReception, createReorder, createTimeline, createRtpFields, isRtcp, parseRtcp, parseRtp, readRtp } from "@earwitness/media";
import { demand, demandInside, demandSameAnywhere, harness, hex, refused, sayAll, taken } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const fields = createRtpFields();

function runRtp(input: Uint8Array): Verdict {
  const result = parseRtp(input);
  demandSameAnywhere(input, parseRtp);
  demand(readRtp(input, 0, input.length + 1, fields) === false, "a length beyond the buffer is refused");
  if (!result.ok) return "refused";
  const packet = result.value;
  demandInside(packet.payload, input);
  if (packet.extension !== null) demandInside(packet.extension.data, input);
  demand(packet.csrcs.length <= 15 && packet.payloadType <= 127 && packet.sequence <= 0xffff, "fields have their widths");
  const again = parseRtp(buildRtp(packet));
  demand(again.ok && sayAll({ ...again.value, csrcs: [], extension: null }) === sayAll({ ...packet, csrcs: [], extension: null }), "a packet survives building");
  return "taken";
}

export const rtp = harness({
  name: "rtp",
  run: runRtp,
  maxBytes: 2_048,
  words: [],
  seeds: [
    taken("G.711", hex("80 88 1234 00000320 deadbeef d5d5d5d5d5d5d5d5")),
    taken("CSRCs, extension, padding", hex("b2 00 0001 00000000 00000001 00000002 00000003 bede 0002 10aa0000 00000000 0102 0000 04".padEnd(92, "0")).fill(4, -1)),
    taken("no payload", hex("80 00 0001 00000000 00000001")),
    refused("cut short", hex("80 00 0001 00000000 000000")),
    refused("version 1", hex("40 00 0001 00000000 00000001")),
    refused("an extension past the end", hex("90 00 0001 00000000 00000001 bede ffff")),
    refused("padding of 0", hex("a0 00 0001 00000000 00000001 00")),
    refused("padding past the beginning", hex("a0 00 0001 00000000 00000001 ff")),
  ],
});

function runRtcp(input: Uint8Array): Verdict {
  const result = parseRtcp(input);
  demandSameAnywhere(input, parseRtcp);
  if (!result.ok) return "refused";
  demand(isRtcp(input), "what is read as RTCP looks like it");
  demand(result.value.length <= Math.ceil(input.length / 4), "a packet takes a word at least");
  for (const packet of result.value) {
    if (packet.kind !== "sender-report" && packet.kind !== "receiver-report") continue;
    demand(packet.blocks.length <= 31, "a report has at most 31 blocks");
    const again = parseRtcp(buildReceiverReport({ ssrc: packet.ssrc, cname: "a", blocks: packet.blocks }));
    const [report] = again.ok ? again.value : [];
    demand(report?.kind === "receiver-report" && sayAll(report.blocks) === sayAll(packet.blocks), "blocks survive building");
  }
  return "taken";
}

const senderReport = "81c8000c 00000001 e0000000 80000000 000003e8 00000064 00003e80 00000002 01000005 00010203 00000040 00000000 00000000";
const description = "81ca0003 00000001 0103616263 000000";

export const rtcp = harness({
  name: "rtcp",
  run: runRtcp,
  maxBytes: 66_000,
  words: [],
  seeds: [
    taken("sender report and description", hex(senderReport + description)),
    taken("receiver report", hex("81c90007 00000001 00000002 ff800000 00010203 00000040 00000000 00000000")),
    taken("goodbye with a reason", hex("82cb0003 00000001 00000002 03627965")),
    taken("another type", hex("80cc0002 00000001 41424344")),
    taken("the second lies about its length", hex(`${description} 80c9ffff 00000001`)),
    refused("RTP", hex("80 00 0001 00000000 00000001")),
    refused("a length past the end", hex("80c9ffff 00000001")),
    refused("nothing", hex("")),
  ],
});

/**
 * What a stream does to the places behind the parser. Eight bytes are one packet: a step of the number, of the clock, of the time of
 * arrival, and which source it comes from.
 */
function runArrivals(input: Uint8Array): Verdict {
  let arrivalMs = 0;
  let [sequence, timestamp] = [1, 160];
  let inOrder = 0;
  let end = 0;
  const timeline = createTimeline({ sampleRate: 8_000 });
  const receptions = new Map<number, ReturnType<typeof createReception>>();
  const reorder = createReorder<{ readonly ssrc: number; readonly timestamp: number }>({
    release(item, at, missing, restarted) {
      inOrder += 1;
      const placed = timeline.place({ ...item, samples: 160, arrivalMs: at, missing, restarted });
      demand(Number.isFinite(placed.fromSample) && placed.fromSample >= end, "no packet lies on another");
      if (placed.gap !== null) demand(placed.gap.fromSample >= end && placed.gap.toSample <= placed.fromSample && placed.gap.toSample > placed.gap.fromSample, "a gap lies between packets");
      end = placed.fromSample + 160;
    },
  });
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let [pushed, refusedCount] = [0, 0];
  for (let at = 0; at + 8 <= input.length; at += 8) {
    sequence = (sequence + view.getInt16(at)) & 0xffff;
    timestamp = (timestamp + view.getInt16(at + 2) * 160) >>> 0;
    arrivalMs += view.getUint16(at + 4) / 8;
    const ssrc = view.getUint8(at + 6) & 1;
    const reception = receptions.get(ssrc) ?? createReception({ ssrc, clockRateHz: 8_000 });
    receptions.set(ssrc, reception);
    demand((reception.receive(sequence, timestamp, arrivalMs) & 0xffff) === sequence, "an extended number ends in the number");
    demand(Number.isFinite(reception.jitterMs) && reception.jitterMs >= 0, "jitter is a number");
    pushed += 1;
    const what = reorder.push(sequence, { ssrc, timestamp }, arrivalMs);
    if (what === "duplicate" || what === "late") refusedCount += 1;
    if ((view.getUint8(at + 7) & 7) === 0) reorder.drain(arrivalMs);
    if ((view.getUint8(at + 7) & 31) === 1) reception.report(arrivalMs);
  }
  reorder.flush();
  demand(inOrder + refusedCount === pushed, "every packet is released once, or counted as late or double");
  return pushed > 0 ? "taken" : "refused";
}

const arrival = (sequence: number, clock: number, eighthsMs: number, source = 0): string => [sequence & 0xffff, clock & 0xffff, eighthsMs].map((value) => value.toString(16).padStart(4, "0")).join("") + source.toString(16).padStart(2, "0") + "00";

export const rtpArrivals = harness({
  name: "rtp-arrivals",
  run: runArrivals,
  maxBytes: 16_384,
  words: [],
  seeds: [
    taken("in order", hex(arrival(1, 1, 160).repeat(20))),
    taken("lost and swapped", hex([arrival(1, 1, 160), arrival(2, 2, 160), arrival(-1, -1, 8), arrival(5, 5, 640), arrival(0, 0, 1)].join(""))),
    taken("another source, another numbering", hex([arrival(1, 1, 160), arrival(9_000, 30_000, 160, 1), arrival(1, 1, 160, 1), arrival(-20_000, 0, 65_535)].join(""))),
    refused("nothing", hex("")),
  ],
});
