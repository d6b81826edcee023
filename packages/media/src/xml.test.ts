import fc from "fast-check";
import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import { parseXml } from "./xml.ts";
import type { XmlElement } from "./xml.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function read(text: string): { readonly root: XmlElement; readonly problems: readonly string[] } {
  const result = parseXml(bytes(text));
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

/** A parser of strangers' making, strict: null where it finds anything wrong. */
function readBySaxes(text: string): XmlElement | null {
  const open: { name: string; attributes: Map<string, string>; children: XmlElement[]; text: string }[] = [];
  let [root, faults]: [XmlElement | null, number] = [null, 0];
  const local = (name: string): string => name.slice(name.lastIndexOf(":") + 1);
  const addText = (piece: string): void => void (open.length > 0 && (open.at(-1)!.text += piece));
  const parser = new SaxesParser({ xmlns: false, position: false });
  parser.on("error", () => (faults += 1));
  parser.on("doctype", () => (faults += 1));
  parser.on("opentag", ({ name, attributes }) => {
    const own = Object.entries(attributes).filter(([attribute]) => attribute !== "xmlns" && !attribute.startsWith("xmlns:"));
    open.push({ name: local(name), attributes: new Map(own.map(([attribute, value]) => [local(attribute), value.trim()])), children: [], text: "" });
  });
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => {
    const closed = open.pop()!;
    closed.text = closed.text.replaceAll(/\s+/g, " ").trim();
    if (open.length > 0) open.at(-1)!.children.push(closed);
    else root ??= closed;
  });
  parser.write(text).close();
  return faults === 0 ? root : null;
}

const document = `<?xml version="1.0" encoding="UTF-8"?>
<!-- of a vendor --><r:recording xmlns:r='urn:x' xmlns="urn:y" id = "a&amp;b"
  note='he said "x" &#x41;&#66;'><r:empty/><pair k="1"></pair >text &lt;here&gt;<![CDATA[ <raw> & ]]> and\tthere
  <deep><deeper>ä\u{1f600}</deeper></deep><?pi with > in it?></r:recording>`;

describe("by the book", () => {
  test("names, values, text, comments, sections and references", () => {
    const { root, problems } = read(document);
    expect(root).toEqual({
      name: "recording",
      attributes: new Map([["id", "a&b"], ["note", 'he said "x" AB']]),
      text: "text <here> <raw> & and there",
      children: [
        { name: "empty", attributes: new Map(), children: [], text: "" },
        { name: "pair", attributes: new Map([["k", "1"]]), children: [], text: "" },
        { name: "deep", attributes: new Map(), text: "", children: [{ name: "deeper", attributes: new Map(), children: [], text: "ä\u{1f600}" }] },
      ],
    });
    expect(problems).toEqual([]);
  });

  test("what a strict parser reads, we read the same, whatever happened to the document on its way", () => {
    let both = 0;
    const edit = fc.tuple(fc.nat(document.length), fc.nat(12), fc.constantFrom("", "<a>", "</a>", "<a b='c'/>", "<b>x</b>", "&#10;", "&quot;", "&#x110000;", "&", "<", ">", "]]>", "<!--x-->", "<![CDATA[&]]>", '"', "'", "=", " ", "\r\n", "\t", "/", "\u00a0", ":"));
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 3 }), (edits) => {
        let text = document;
        for (const [from, length, insert] of edits) text = text.slice(0, from) + insert + text.slice(from + length);
        const theirs = readBySaxes(text);
        if (theirs === null) return;
        both += 1;
        expect(read(text)).toEqual({ root: theirs, problems: [] });
      }),
      { numRuns: 5_000, seed: 7 },
    );
    expect(both).toBeGreaterThan(500);
  });
});

describe("read all the same, and told", () => {
  test.each([
    ["an ampersand", "<a>Smith & Sons; &amp; &nbsp; &#0; &#xd800;</a>", "Smith & Sons; & &nbsp; &#0; &#xd800;", "bare ampersand"],
    ["a smaller-than sign", "<a>1 < 2 <3</a>", "1 < 2 <3", "bare <"],
    ["a control character", "<a>x\0\u0001y</a>", "x y", "forbidden character"],
    ["a tag that closes nothing", "<a>x</b>y</a>", "xy", "closing tag that does not fit"],
    ["a tag that is not closed", "<a>x<b>z</a>", "x", "closing tag that does not fit"],
    ["an attribute without a value", "<a b c='d'>x</a>", "x", "attribute without a value"],
    ["text outside", "<a>x</a>y", "x", "text outside the root element"],
    ["a second root", "<a>x</a><b/>", "x", "second root element"],
    ["an element behind it that does not end", "<a>x</a><b>", "x", "element without an end"],
  ])("%s", (_what, text, own, problem) => {
    const { root, problems } = read(text);
    expect(root.text).toBe(own);
    expect(problems).toEqual([problem]);
  });

  test("bytes that are not UTF-8 are windows-1252", () => {
    const result = parseXml(Uint8Array.from(Buffer.from("<a>J\u00f6rg</a>", "latin1")));
    expect(result.ok && result.value.root.text).toBe("J\u00f6rg");
  });
});

test.each([
  ["a document type", "<!DOCTYPE a><a/>", "XML with a document type is not accepted"],
  ["no end", "<a>", "not XML: element without an end"],
  ["a comment without an end", "<a><!-- </a>", "not XML: comment without an end"],
  ["a value without an end", "<a b='></a>", "not XML: attribute without an end"],
  ["a value without quotes", "<a b=c/>", "not XML: attribute without quotes"],
  ["a tag without an end", "<a b='c'", "not XML: tag without an end"],
  ["a tag inside a tag", "<a <b/>", "not XML: malformed tag"],
  ["nothing", " ", "not XML: no element"],
])("%s is refused", (_what, text, reason) => {
  expect(parseXml(bytes(text))).toEqual({ ok: false, reason });
});

/** What is counted here is what time and memory grow with. */
describe("bounds", () => {
  const elements = (count: number): string => `<r>${"<e/>".repeat(count - 1)}</r>`;
  const attributes = (count: number): string => `<r ${Array.from({ length: count }, (_, at) => `xmlns:a${at}=''`).join(" ")}/>`;
  test.each([
    ["bytes", (count: number) => `<r>${" ".repeat(count - 7)}</r>`, 262_144, "XML document of more than 262144 bytes"],
    ["elements", elements, 20_000, "XML of more than 20000 elements"],
    ["elements inside one another", (depth: number) => "<e>".repeat(depth) + "</e>".repeat(depth), 32, "XML nested more than 32 deep"],
    ["attributes of an element", attributes, 200, "XML element of more than 200 attributes"],
    ["characters of a name", (length: number) => `<${"n".repeat(length)}/>`, 200, "XML name of more than 200 characters"],
    ["mistakes", (count: number) => `<r>${"</x>".repeat(count)}</r>`, 19, "not XML: closing tag that does not fit"],
  ])("as many %s as that, and not one more", (_what, write, most, reason) => {
    expect(parseXml(bytes(write(most))).ok).toBe(true);
    expect(parseXml(bytes(write(most + 1)))).toEqual({ ok: false, reason });
  });

  test("bare ampersands and smaller-than signs are no mistakes, however many", () => {
    expect(read(`<a>${"R&D < ".repeat(1_000)}</a>`).problems).toEqual(["bare ampersand", "bare <"]);
  });
});
