import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMultipart, splitBody } from "./multipart.ts";
import type { BodyPart } from "./multipart.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);
const MIXED = "multipart/mixed;boundary=ew0";

function parts(body: string, contentType = MIXED): BodyPart[] {
  const result = parseMultipart(contentType, bytes(body));
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

const WELL_FORMED = [
  "a preamble",
  "--ew0",
  "Content-Type: application/sdp",
  "Content-Disposition: session;handling=required",
  "",
  "v=0",
  "s=-",
  "--ew0",
  "Content-Type: application/rs-metadata+xml; charset=UTF-8",
  "Content-Disposition: recording-session",
  "",
  "<recording/>",
  "",
  "--ew0--",
  "an epilogue",
];

describe("parts", () => {
  test("types, dispositions and bodies without the line end of the boundary", () => {
    const [sdp, metadata, ...rest] = parts(WELL_FORMED.join("\r\n"));
    expect([sdp?.contentType, sdp?.disposition, sdp && text(sdp.body)]).toEqual(["application/sdp", "session", "v=0\r\ns=-"]);
    expect([metadata?.contentType, metadata?.params.get("charset"), metadata && text(metadata.body)]).toEqual([
      "application/rs-metadata+xml",
      "UTF-8",
      "<recording/>\r\n",
    ]);
    expect(rest).toEqual([]);
  });

  test.each([
    ["line feeds alone", WELL_FORMED.join("\n")],
    ["no final boundary", WELL_FORMED.slice(0, 13).join("\r\n")],
    ["no space after the colon", WELL_FORMED.join("\r\n").replaceAll("Type: ", "Type:")],
    ["spaces after the boundaries", WELL_FORMED.join("\r\n").replaceAll("--ew0\r", "--ew0 \t\r").replace("--ew0--", "--ew0-- ")],
    ["no preamble", WELL_FORMED.slice(1).join("\r\n")],
    ["odd casing", WELL_FORMED.join("\r\n").replaceAll("Content-Type: application", "CONTENT-TYPE: APPLICATION")],
  ])("tolerates %s", (_what, body) => {
    expect(parts(body).map((part) => [part.contentType, text(part.body).trim().replaceAll("\r", "")])).toEqual([
      ["application/sdp", "v=0\ns=-"],
      ["application/rs-metadata+xml", "<recording/>"],
    ]);
  });

  test("a quoted boundary, a part without headers, a boundary that begins like another", () => {
    const [part, ...rest] = parts('--a b\r\n\r\n--a bc\r\n--a b--', 'multipart/mixed; boundary="a b"');
    expect([part?.contentType, part && text(part.body)]).toEqual(["text/plain", "--a bc"]);
    expect(rest).toEqual([]);
  });

  test.each([
    ["another type", "application/sdp"],
    ["no boundary", "multipart/mixed"],
    ["an empty boundary", 'multipart/mixed;boundary=""'],
    ["a boundary that does not occur", "multipart/mixed;boundary=other"],
    ["a type that is none", "multipart"],
  ])("%s is refused", (_what, contentType) => {
    expect(parseMultipart(contentType, bytes(WELL_FORMED.join("\r\n"))).ok).toBe(false);
  });

  test("more parts than any message needs are refused", () => {
    expect(parseMultipart(MIXED, bytes("--ew0\r\n\r\nx\r\n".repeat(1000))).ok).toBe(false);
  });
});

describe("what a message carries", () => {
  const kinds = (contentType: string | undefined, body: string): unknown => {
    const result = splitBody(contentType, bytes(body));
    if (!result.ok) return result.reason;
    const { sdp, metadata, other } = result.value;
    return [sdp && text(sdp.body), metadata && text(metadata.body), other.map((part) => part.contentType)];
  };

  test("parts in any order, unknown ones kept aside", () => {
    const body = "--ew0\nContent-Type: application/gtd\n\nGCI,1\n--ew0\nContent-Type: application/rs-metadata\n\nM\n--ew0\nContent-Type: application/sdp\n\nS\n--ew0--";
    expect(kinds(MIXED, body)).toEqual(["S", "M", ["application/gtd"]]);
  });

  test("bare bodies and none", () => {
    expect(kinds("application/sdp", "S")).toEqual(["S", null, []]);
    expect(kinds("Application/RS-Metadata+XML;charset=utf-8", "M")).toEqual([null, "M", []]);
    expect(kinds("application/dtmf-relay", "x")).toEqual([null, null, ["application/dtmf-relay"]]);
    expect(kinds(undefined, "")).toEqual([null, null, []]);
    expect(kinds("nonsense", "x")).toEqual([null, null, ["application/octet-stream"]]);
  });

  test("metadata under another type is known by its disposition", () => {
    const body = "--ew0\nContent-Type: text/xml\nContent-Disposition: recording-session\n\nM\n--ew0\nContent-Type: application/sdp\n\nS\n--ew0--";
    expect(kinds(MIXED, body)).toEqual(["S", "M", []]);
  });

  test("a multipart inside a multipart is opened, a broken one is kept as it is", () => {
    const inner = "--in\nContent-Type: application/sdp\n\nS\n--in--";
    const body = `--ew0\nContent-Type: multipart/alternative;boundary=in\n\n${inner}\n--ew0\nContent-Type: multipart/mixed;boundary=none\n\nx\n--ew0--`;
    expect(kinds(MIXED, body)).toEqual(["S", null, ["multipart/mixed"]]);
  });

  test("a multipart that cannot be read is refused", () => {
    expect(kinds("multipart/mixed", "x")).toBe("multipart without a usable boundary");
  });
});

describe("hostile bytes", () => {
  test("of a part, 16 KiB are read as headers; of a nest, no part is opened beyond the limit", () => {
    const split = splitBody(MIXED, bytes(`--ew0\r\nContent-Type: application/sdp\r\nX: ${"x".repeat(16 * 1024)}\r\nContent-Disposition: session\r\n\r\nv=0\r\n`));
    expect(split.ok && [split.value.sdp?.disposition, text(split.value.sdp!.body)]).toEqual([null, "v=0\r\n"]);
    const nest = "--ew0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n";
    expect(splitBody(MIXED, bytes(nest.repeat(64) + "--ew0--")).ok).toBe(true);
    expect(splitBody(MIXED, bytes(nest.replace("x\r\n--b--", "x\r\n--b\r\n\r\ny\r\n--b--").repeat(40) + "--ew0--"))).toEqual({ ok: false, reason: "too many body parts" });
  });

  test("any body is read or refused", () => {
    const line = fc.oneof(fc.constantFrom("--ew0", "--ew0--", "", "Content-Type:multipart/mixed;boundary=ew0", "Content-Type: application/sdp", " ", "\r"), fc.string());
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), fc.constantFrom("\r\n", "\n", "\r"), (lines, end) => {
        const body = bytes(lines.join(end));
        const result = splitBody(MIXED, body);
        if (result.ok) for (const part of result.value.other) expect(part.body.length).toBeLessThanOrEqual(body.length);
      }),
      { numRuns: 1000 },
    );
  });

  test("a megabyte of half boundaries is read in linear time", () => {
    const started = performance.now();
    const boundary = `${"-".repeat(150)}x`;
    parseMultipart(`multipart/mixed;boundary=${boundary}`, bytes(`${"-".repeat(151)}\n`.repeat(6000)));
    parseMultipart(MIXED, bytes("\n".repeat(1_000_000)));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
