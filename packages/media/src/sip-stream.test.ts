import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSipStreamFramer } from "./sip-stream.ts";
import type { SipStreamEvent } from "./sip-stream.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (input: Uint8Array): string => new TextDecoder().decode(input);

const OPTIONS = "OPTIONS sip:a SIP/2.0\r\nVia: x\r\nContent-Length: 0\r\n\r\n";
const INVITE = "INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\nl: 10\r\n\r\n\r\n\r\n\r\n\r\nab";

function describeEvents(events: readonly SipStreamEvent[]): string[] {
  return events.map((event) => (event.kind === "message" ? text(event.bytes) : event.kind));
}

/** Cuts `input` at the given places and pushes the pieces. */
function pushInPieces(input: Uint8Array, cuts: readonly number[]): string[] {
  const framer = createSipStreamFramer({ maxMessageBytes: 4096 });
  const places = [0, ...cuts.map((cut) => cut % (input.length + 1)).toSorted((a, b) => a - b), input.length];
  const events = places.flatMap((place, index) => framer.push(input.subarray(place, places[index + 1] ?? input.length)));
  return describeEvents(events);
}

describe("cutting a stream", () => {
  const stream = bytes(`\r\n\r\n${OPTIONS}${INVITE}\r\n\r\n\r\n\r\n${OPTIONS}\r\n`);
  const expected = ["keepalive", OPTIONS, INVITE, "keepalive", "keepalive", OPTIONS];

  test("messages by their length, keep-alives between them", () => {
    expect(pushInPieces(stream, [])).toEqual(expected);
  });

  test("gives the same wherever the network cuts", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (cuts) => {
        expect(pushInPieces(stream, cuts)).toEqual(expected);
      }),
    );
    expect(pushInPieces(stream, Array.from({ length: stream.length }, (_, at) => at))).toEqual(expected);
  });

  test("one CRLF is the answer to our own keep-alive and means nothing", () => {
    expect(pushInPieces(bytes(`\r\n${OPTIONS}\r\n${OPTIONS}`), [])).toEqual([OPTIONS, OPTIONS]);
  });

  test("messages do not share memory with what was pushed", () => {
    const input = bytes(OPTIONS);
    const [event] = createSipStreamFramer().push(input);
    input.fill(0);
    expect(event?.kind === "message" && text(event.bytes)).toBe(OPTIONS);
  });

  test("a message without a body may leave the length out", () => {
    expect(pushInPieces(bytes("OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n"), [])).toHaveLength(1);
  });
});

describe("where the next message is not known", () => {
  test.each([
    ["a body without a length", "INVITE sip:a SIP/2.0\r\nContent-Type: a/b\r\n\r\nabc", "no Content-Length"],
    ["a length that is no number", "INVITE sip:a SIP/2.0\r\nContent-Length: abc\r\n\r\n", "malformed Content-Length"],
    ["lengths that disagree", "INVITE sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n", "malformed Content-Length"],
    ["a message over the limit", "INVITE sip:a SIP/2.0\r\nl: 5000\r\n\r\n", "message too large"],
    ["a head over the limit", `INVITE ${"a".repeat(5000)}`, "head too large"],
  ])("%s ends the stream", (_what, input, reason) => {
    const framer = createSipStreamFramer({ maxMessageBytes: 4096 });
    expect(framer.push(bytes(input))).toMatchObject([{ kind: "error", reason }]);
    expect(framer.push(bytes(OPTIONS))).toEqual([]);
  });
});

test("a head has at most 64 KiB, however long a message may be; what it begins with can be answered", () => {
  const [event] = createSipStreamFramer().push(bytes(`${OPTIONS.slice(0, -2)}X: ${"x".repeat(70_000)}`));
  expect(event).toEqual({ kind: "error", reason: "head too large", head: null });
  const [ended] = createSipStreamFramer().push(bytes(`${OPTIONS.slice(0, -2)}X: ${"x".repeat(70_000)}\r\n\r\n`));
  expect(ended).toMatchObject({ kind: "error", reason: "head too large" });
  expect(ended?.kind === "error" && ended.head).toHaveLength(65_536);
});

test("any bytes in any pieces are framed or refused", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 30 }), (pieces) => {
      const framer = createSipStreamFramer({ maxMessageBytes: 500 });
      for (const piece of pieces) for (const event of framer.push(piece)) expect(event.kind).toMatch(/^(message|keepalive|error)$/);
    }),
  );
});

test("a head that trickles in byte by byte costs linear time", () => {
  const framer = createSipStreamFramer();
  const started = performance.now();
  const piece = bytes("a");
  for (let count = 0; count < 500_000; count += 1) framer.push(piece);
  expect(performance.now() - started).toBeLessThan(2000);
});
