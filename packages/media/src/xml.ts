/**
 * XML into a small tree, for documents of strangers: no DTD and so no entities of their own, bounded in size, depth and
 * number of elements. Prefixes are not resolved, because clients are met that never bind them; elements and attributes
 * are known by their local names.
 */
import { SaxesParser } from "saxes";
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";

export interface XmlElement {
  /** Local name as written. */
  readonly name: string;
  /** By local name, as written. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Own text without that of children; white space runs made one space, ends trimmed. */
  readonly text: string;
}

export interface XmlDocument {
  readonly root: XmlElement;
  /** What was not well-formed and was read all the same. */
  readonly problems: readonly string[];
}

const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 32;
const MAX_ELEMENTS = 20_000;
/** Of one element; a table of 60,000 names costs over 100 ms to build. Real ones have three. */
const MAX_ATTRIBUTES = 200;
/** Of a name: names are joined to paths, and a long one with many children would multiply. */
const MAX_NAME = 200;
/** Each costs an Error with its stack inside the parser. */
const MAX_PROBLEMS = 20;

/** One that begins no reference that XML itself knows. */
const BARE_AMPERSAND = /&(?!(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);)/g;

interface OpenElement {
  name: string;
  attributes: Map<string, string>;
  children: XmlElement[];
  text: string;
}

export function parseXml(bytes: Uint8Array): Parsed<XmlDocument> {
  if (bytes.length > MAX_BYTES) return refused("XML document too large");
  const text = decode(bytes);
  // "Smith & Sons" would swallow everything up to the next semicolon.
  const bare = text.search(BARE_AMPERSAND) >= 0 && !text.includes("<![CDATA[");
  try {
    return bare ? readDocument(text.replaceAll(BARE_AMPERSAND, "&amp;"), ["bare ampersand"]) : readDocument(text, []);
  } catch (error) {
    // Ours below, or whatever a stranger's bytes make the parser trip over: neither may end a call.
    return refused(error instanceof Error ? error.message.slice(0, 200) : "not XML");
  }
}

function readDocument(text: string, known: readonly string[]): Parsed<XmlDocument> {
  const problems = [...known];
  const open: OpenElement[] = [];
  let root: XmlElement | null = null;
  let elements = 0;
  let attributesOfElement = 0;

  const parser = new SaxesParser({ xmlns: false, fragment: false, position: false });
  parser.on("error", (error) => {
    problems.push(error.message.slice(0, 200));
    if (problems.length === MAX_PROBLEMS) throw new Error(`not XML: ${problems[0]}`);
  });
  parser.on("doctype", () => {
    throw new Error("XML with a document type is not accepted");
  });
  parser.on("attribute", () => {
    attributesOfElement += 1;
    if (attributesOfElement > MAX_ATTRIBUTES) throw new Error("XML has too many attributes");
  });
  parser.on("opentag", (tag) => {
    attributesOfElement = 0;
    elements += 1;
    if (elements > MAX_ELEMENTS) throw new Error("XML has too many elements");
    if (open.length === MAX_DEPTH) throw new Error("XML is nested too deeply");
    if (tag.name.length > MAX_NAME) throw new Error("XML has too long a name");
    const attributes = new Map<string, string>();
    for (const [name, value] of Object.entries(tag.attributes)) {
      if (name !== "xmlns" && !name.startsWith("xmlns:")) attributes.set(localName(name), value.trim());
    }
    open.push({ name: localName(tag.name), attributes, children: [], text: "" });
  });
  const addText = (piece: string): void => {
    const current = open.at(-1);
    if (current !== undefined) current.text += piece;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => {
    const closed = open.pop();
    if (closed === undefined) return;
    closed.text = closed.text.replaceAll(/[\s\0]+/g, " ").trim();
    const parent = open.at(-1);
    if (parent !== undefined) parent.children.push(closed);
    else root ??= closed;
  });
  parser.write(text).close();

  if (root === null) return refused(`not XML: ${problems[0] ?? "no element"}`);
  return parsed({ root, problems });
}

function localName(name: string): string {
  return name.slice(name.lastIndexOf(":") + 1);
}

/** UTF-8 whatever the declaration says; where the bytes are not, the one other encoding that is met. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
