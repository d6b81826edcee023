import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSipMessage, serializeSip } from "./sip-message.ts";
import type { SipMessage, SipRequest } from "./sip-message.ts";
import { SipHeaders } from "./sip-headers.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);

const HEAD = [
  "INVITE sip:srs@rec.example.net SIP/2.0",
  "Via: SIP/2.0/TLS sbc1.example.org;branch=z9hG4bK7f3a",
  'From: "Desk, <north>" <sip:src@sbc1.example.org>;tag=35e195',
  "To: <sip:srs@rec.example.net>",
  "Call-ID: 9f1c0d@sbc1.example.org",
  "CSeq: 1 INVITE",
];

function message(lines: readonly string[], body = ""): Uint8Array {
  return bytes(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

function accepted(input: Uint8Array): SipMessage {
  const result = parseSipMessage(input);
  if (!result.ok) throw new Error(result.reason);
  return result.message;
}

function request(input: Uint8Array): SipRequest {
  const result = accepted(input);
  if (result.kind !== "request") throw new Error("not a request");
  return result;
}

describe("requests and responses", () => {
  test("a request gives its line, headers in order, and body", () => {
    const invite = request(message([...HEAD, "Content-Length: 3"], "abc"));
    expect([invite.method, invite.uri, text(invite.body)]).toEqual(["INVITE", "sip:srs@rec.example.net", "abc"]);
    expect([...invite.headers].map(([name]) => name)).toEqual(["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"]);
  });

  test("a response gives its status and reason", () => {
    const response = accepted(message(["SIP/2.0 180 Ringing now", ...HEAD.slice(1)]));
    expect(response).toMatchObject({ kind: "response", status: 180, reason: "Ringing now" });
  });

  test("a response without a reason phrase is a response", () => {
    expect(accepted(message(["SIP/2.0 200", ...HEAD.slice(1)]))).toMatchObject({ status: 200, reason: "" });
  });

  test("line ends before the message and bare line feeds are tolerated", () => {
    expect(request(bytes(`\r\n\r\n${HEAD.join("\n")}\n\nxy`)).body).toEqual(bytes("xy"));
  });
});

describe("headers", () => {
  test("compact names, any case, folded lines and white space before the colon", () => {
    const { headers } = request(
      bytes(
        [
          "INVITE sip:a@b SIP/2.0",
          "v : SIP/2.0/UDP h;branch=z9hG4bK1",
          "f: <sip:a@b>;tag=1",
          "T: <sip:c@d>",
          "i: x",
          "CSEQ: 7 INVITE",
          "k: timer, 100rel",
          "Subject: one",
          "  two",
          "\tthree",
          "",
          "",
        ].join("\r\n"),
      ),
    );
    expect(headers.get("Via")).toBe("SIP/2.0/UDP h;branch=z9hG4bK1");
    expect(headers.get("from")).toBe("<sip:a@b>;tag=1");
    expect(headers.get("cseq")).toBe("7 INVITE");
    expect(headers.list("Supported")).toEqual(["timer", "100rel"]);
    expect(headers.get("s")).toBe("one two three");
  });

  test("lists are taken apart over lines and commas, but not inside quotes and brackets", () => {
    const headers = new SipHeaders([
      ["Contact", '"a, b" <sip:x@y;p="1,2">;q=0.1, <sip:z@w,v>'],
      ["m", "<sip:last@w>"],
      ["Authorization", 'Digest username="a", realm="b"'],
    ]);
    expect(headers.list("Contact")).toEqual(['"a, b" <sip:x@y;p="1,2">;q=0.1', "<sip:z@w,v>", "<sip:last@w>"]);
    expect(headers.list("Authorization")).toHaveLength(1);
  });

  test("set replaces all lines where the first stood; delete removes compact ones too", () => {
    const headers = new SipHeaders([
      ["Via", "1"],
      ["To", "t"],
      ["v", "2"],
    ]);
    headers.set("VIA", "3");
    expect([...headers]).toEqual([
      ["VIA", "3"],
      ["To", "t"],
    ]);
    expect(headers.delete("t").has("To")).toBe(false);
  });

  test("lines that are no header are passed over", () => {
    expect(request(message([...HEAD, "no colon here", "bad name: x", ": y", "Ok: z"])).headers.get("Ok")).toBe("z");
  });
});

describe("Content-Length of a datagram (RFC 3261 18.3)", () => {
  test("shorter than the body cuts it", () => {
    expect(text(request(message([...HEAD, "l: 2"], "abc")).body)).toBe("ab");
  });
  test("absent takes all of it", () => {
    expect(text(request(message(HEAD, "abc")).body)).toBe("abc");
  });
  test.each(["4", "-1", "3x", "", "99999999999999999999", "0x3"])("%s is refused, and can be answered", (length) => {
    const result = parseSipMessage(message([...HEAD, `Content-Length: ${length}`], "abc"));
    expect(result).toMatchObject({ ok: false, partial: { method: "INVITE" } });
  });
  test("two that disagree are refused: a message must not hide in another", () => {
    expect(parseSipMessage(message([...HEAD, "Content-Length: 3", "l: 0"], "abc")).ok).toBe(false);
    expect(parseSipMessage(message([...HEAD, "Content-Length: 3", "l: 3"], "abc")).ok).toBe(true);
  });
});

/** What is counted here is what time grows with. */
describe("bounds", () => {
  const request = (...more: readonly string[]): Uint8Array =>
    new TextEncoder().encode([`OPTIONS sip:a@b SIP/2.0`, "From: <sip:a@b>;tag=1", "To: <sip:c@d>", "Call-ID: 1", "CSeq: 1 OPTIONS", "Content-Length: 0", ...more, "", ""].join("\r\n"));
  const via = "SIP/2.0/UDP h;branch=z9hG4bK1";

  test("a request may come over 200 hops", () => {
    expect(parseSipMessage(request(`Via: ${Array.from({ length: 200 }, () => via).join(",")}`)).ok).toBe(true);
    expect(parseSipMessage(request(`Via: ${Array.from({ length: 201 }, () => via).join(",")}`))).toEqual({ ok: false, reason: "more than 200 Via" });
  });

  test("a head has at most 64 KiB and 1,000 lines; one that is too large can be answered", () => {
    const head = (length: number): Uint8Array => {
      const rest = request(`Via: ${via}`, "Subject: ").length;
      return request(`Via: ${via}`, `Subject: ${"x".repeat(length - rest + 2)}`);
    };
    expect(parseSipMessage(head(65_536)).ok).toBe(true);
    expect(parseSipMessage(head(65_537))).toMatchObject({ ok: false, reason: "head of more than 65536 bytes", partial: { method: "OPTIONS" } });
    expect(parseSipMessage(request(`Via: ${via}`, ...Array.from({ length: 990 }, () => "a:b"))).ok).toBe(true);
    expect(parseSipMessage(request(`Via: ${via}`, ...Array.from({ length: 1_000 }, () => "a:b")))).toEqual({ ok: false, reason: "too many header lines" });
  });
});

describe("what is refused", () => {
  test.each([
    ["no version", "INVITE sip:a@b"],
    ["another version", "INVITE sip:a@b SIP/3.0"],
    ["a space in the URI", "INVITE sip:a b SIP/2.0"],
    ["no URI", "INVITE  SIP/2.0"],
  ])("%s, with enough to answer 400", (_what, line) => {
    const result = parseSipMessage(message([line, ...HEAD.slice(1)]));
    expect(result).toMatchObject({ ok: false, partial: { method: "INVITE" } });
    if (!result.ok) expect(result.partial?.headers.get("Call-ID")).toBe("9f1c0d@sbc1.example.org");
  });

  test.each(["From", "To", "Call-ID", "CSeq"])("a message without %s, unanswerably", (name) => {
    const result = parseSipMessage(message(HEAD.filter((line) => !line.startsWith(`${name}:`))));
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.partial).toBeUndefined();
  });

  test("a second From", () => {
    expect(parseSipMessage(message([...HEAD, "f: <sip:x@y>;tag=2"]))).toMatchObject({ ok: false, reason: "more than one From" });
  });

  test("a CSeq that names another method", () => {
    expect(parseSipMessage(message([...HEAD.slice(0, 5), "CSeq: 1 BYE"])).ok).toBe(false);
  });

  test("a malformed response is never to be answered", () => {
    const result = parseSipMessage(message(["SIP/2.0 999 No", ...HEAD.slice(1)]));
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.partial).toBeUndefined();
  });

  test("headers without an end", () => {
    expect(parseSipMessage(bytes(HEAD.join("\r\n"))).ok).toBe(false);
  });

  test("more than a thousand header lines, and more than a megabyte", () => {
    expect(parseSipMessage(message([...HEAD, ...Array.from({ length: 2000 }, () => "a: b")])).ok).toBe(false);
    expect(parseSipMessage(new Uint8Array((1 << 20) + 1)).ok).toBe(false);
  });
});

describe("serializing", () => {
  test("sets Content-Length to the body's bytes", () => {
    const headers = new SipHeaders([["Content-Length", "99"]]);
    const wire = text(serializeSip({ kind: "response", status: 200, reason: "OK", headers, body: bytes("é") }));
    expect(wire).toBe("SIP/2.0 200 OK\r\nContent-Length: 2\r\n\r\né");
  });

  test("a value cannot begin a line of its own", () => {
    const headers = new SipHeaders([["Subject", "x\r\nVia: forged\n\nbody"]]);
    const wire = text(serializeSip({ kind: "response", status: 200, reason: "O\nK", headers, body: new Uint8Array() }));
    expect(wire.split("\r\n")).toHaveLength(5); // status, subject, length, empty, and nothing after it
    expect(wire.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  });

  test("what was parsed is written so that it parses to the same", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.stringMatching(/^X-[A-Za-z0-9]{1,8}$/), fc.stringMatching(/^[!-~]{1,20}$/)), { maxLength: 8 }), fc.uint8Array(), (extra, body) => {
        const headers = new SipHeaders([...request(message(HEAD)).headers, ...extra]);
        const again = request(serializeSip({ kind: "request", method: "INVITE", uri: "sip:a@b", headers, body }));
        expect([...again.headers].slice(0, -1)).toEqual([...headers]);
        expect(again.body).toEqual(body);
      }),
    );
  });
});

describe("hostile bytes", () => {
  test("anything is answered with a result", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (input) => {
        expect(typeof parseSipMessage(input).ok).toBe("boolean");
      }),
    );
  });

  test("a valid message with any bytes overwritten never throws, and what parses can be written", () => {
    const valid = message([...HEAD, "Content-Length: 3"], "abc");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 10 }), (changes) => {
        const damaged = valid.slice();
        for (const [at, byte] of changes) damaged[at] = byte;
        const result = parseSipMessage(damaged);
        if (result.ok) expect(parseSipMessage(serializeSip(result.message)).ok).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("a megabyte of one character is read in linear time", () => {
    for (const char of [" ", "\t", "\r", "\n", ",", '"', "<", ":", ";", "a", "\\"]) {
      const started = performance.now();
      const result = parseSipMessage(message([...HEAD, `Contact: ${char.repeat(900_000)}`]));
      if (result.ok) result.message.headers.list("Contact");
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });
});
