import { describe, expect, test } from "vitest";
import { parseNameAddr, parseVia } from "./sip-fields.ts";
import { parseSipMessage, serializeSip } from "./sip-message.ts";
import type { SipMessage } from "./sip-message.ts";
import { createSipStreamFramer } from "./sip-stream.ts";
import { parseSipUri } from "./sip-uri.ts";
import { tortureMessages } from "./testing/rfc4475.ts";
import { ipv6Verdicts, tortureVerdicts, verdictOf } from "./testing/torture-verdicts.ts";
import { ipv6Messages } from "./testing/rfc5118.ts";
import { mediaAddress, parseSdp } from "./sdp.ts";

const everything = [...tortureMessages, ...ipv6Messages];

const bytesOf = (name: string): Uint8Array => {
  const found = everything.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no message ${name}`);
  return found.bytes;
};

function read(name: string): SipMessage {
  const result = parseSipMessage(bytesOf(name));
  if (!result.ok) throw new Error(result.reason);
  return result.message;
}

describe("RFC 4475 and RFC 5118", () => {
  test("all messages are there, and each has its verdict", () => {
    expect(tortureMessages).toHaveLength(49);
    expect(tortureVerdicts.map(({ name }) => name)).toEqual(tortureMessages.map(({ name }) => name));
    expect(ipv6Messages).toHaveLength(11);
    expect(ipv6Verdicts.map(({ name }) => name)).toEqual(ipv6Messages.map(({ name }) => name));
  });

  test.each(everything)("$section $name", ({ name, bytes }) => {
    const result = parseSipMessage(bytes);
    const { refusal, answer } = verdictOf(name);
    expect(result.ok ? null : result.reason).toBe(refusal);
    // Who refuses a request says enough for an answer, unless there can be none.
    if (!result.ok) expect(result.partial !== undefined).toBe(answer !== null);
    if (result.ok) expect(parseSipMessage(serializeSip(result.message)).ok).toBe(true);
  });

  test("wsinv: folding, spaces, escapes and comma-separated Vias", () => {
    const { headers, body } = read("wsinv");
    expect(headers.list("Via").map((via) => parseVia(via))).toMatchObject([
      { value: { transport: "UDP", host: "192.0.2.2" } },
      { value: { transport: "TCP", host: "spindle.example.com" } },
      { value: { transport: "UDP", host: "192.168.255.111" } },
    ]);
    const from = parseNameAddr(headers.get("From") ?? "");
    expect(from.ok && [from.value.displayName, from.value.params.get("tag")]).toEqual(['J Rosenberg \\"', "98asjd8"]);
    expect(headers.get("CSeq")).toBe("0009 INVITE");
    expect(headers.get("NewFangledHeader")).toBe("newfangled value continued newfangled value");
    expect(headers.get("Subject")).toBe("");
    expect(body).toHaveLength(150);
  });

  test("intmeth: every character that may be", () => {
    const message = read("intmeth");
    expect(message.kind === "request" && message.method).toBe("!interesting-Method0123456789_*+`.%indeed'~");
    const to = parseNameAddr(message.headers.get("To") ?? "");
    expect(to.ok && to.value.displayName).toBe("BEL:\x07 NUL:\0 DEL:\x7f");
    const from = parseNameAddr(message.headers.get("From") ?? "");
    expect(from.ok && from.value.params.get("fromparam''~+*_!.-%")).toBe("работающий");
    expect(message.headers.get("extensionHeader-!.%*+_`'~")).toBe("大停電");
  });

  test("esc01, escnull, semiuri: escapes stay as they are written, and user parts end at the last @", () => {
    const uriOf = (message: SipMessage) => parseSipUri(message.kind === "request" ? message.uri : "");
    expect(uriOf(read("esc01"))).toMatchObject({ value: { user: "sips%3Auser%40example.com", host: "example.net" } });
    expect(uriOf(read("semiuri"))).toMatchObject({ value: { user: "user", host: "example.com" } });
    expect(read("escnull").headers.all("Contact")).toEqual(["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"]);
  });

  test("cparam01 and cparam02: a parameter belongs to the header without brackets, to the URI within", () => {
    const contact = (name: string) => parseNameAddr(read(name).headers.get("Contact") ?? "");
    expect(contact("cparam01")).toMatchObject({ value: { uri: "sip:+19725552222@gw1.example.net", params: new Map([["unknownparam", ""]]) } });
    expect(contact("cparam02")).toMatchObject({ value: { uri: "sip:+19725552222@gw1.example.net;unknownparam", params: new Map() } });
  });

  test("quotbal: an address with an unclosed quote is refused", () => {
    expect(parseNameAddr(read("quotbal").headers.get("To") ?? "")).toEqual({ ok: false, reason: "address with an unclosed quote" });
  });

  test("badvers is refused for its version alone; baddn with an end to its headers is read", () => {
    expect(parseSipMessage(bytesOf("badvers"))).toMatchObject({ ok: false, otherVersion: true, partial: { method: "OPTIONS" } });
    const result = parseSipMessage(new Uint8Array([...bytesOf("baddn"), 13, 10]));
    const from = parseNameAddr(result.ok ? (result.message.headers.get("From") ?? "") : "");
    expect(from.ok && from.value.displayName).toBe("Bell, Alexander");
  });

  test("dblreq: a datagram holds one request, a stream holds both", () => {
    expect(read("dblreq")).toMatchObject({ method: "REGISTER" });
    const events = createSipStreamFramer().push(bytesOf("dblreq"));
    const methods = events.flatMap((event) => (event.kind === "message" ? [new TextDecoder().decode(event.bytes).split(" ", 1)[0]] : []));
    // The SDP is longer than its INVITE says; what is left of it is no request, and is cut off as if it were one.
    expect(methods).toEqual(["REGISTER", "INVITE", "C\r\n\r\n"]);
  });

  test("IPv6 in URIs, Vias and SDP", () => {
    const uri = (name: string) => {
      const message = read(name);
      return parseSipUri(message.kind === "request" ? message.uri : "");
    };
    expect(uri("port-ambiguous")).toMatchObject({ value: { host: "2001:db8::10:5070", port: null } });
    expect(uri("port-unambiguous")).toMatchObject({ value: { host: "2001:db8::10", port: 5070 } });
    expect(uri("ipv6-bad").ok).toBe(false);
    const vias = (name: string) => read(name).headers.list("Via").map((via) => parseVia(via));
    expect(vias("mult-ip-in-header")).toMatchObject([{ value: { host: "2001:db8::9:1", port: 6050 } }, { value: { host: "192.0.2.1" } }, { value: { host: "2001:db8::9:255" } }]);
    expect(vias("ipv4-mapped-ipv6")[0]).toMatchObject({ value: { host: "::ffff:192.0.2.10", port: 19_823 } });
    for (const name of ["via-received-param-with-delim", "via-received-param-no-delim"]) expect(vias(name)[0]).toMatchObject({ value: { host: "2001:db8::9:1" } });
    const sdp = parseSdp(read("mult-ip-in-sdp").body);
    expect(sdp.ok && sdp.value.media.map((media) => mediaAddress(media)?.address)).toEqual(["192.0.2.1", "2001:db8::1"]);
  });
});
