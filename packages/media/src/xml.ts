/**
 * XML into a small tree, for documents of strangers: no DTD and so no entities of their own, bounded in size, depth and
 * number of elements. Prefixes are not resolved, because clients are met that never bind them; elements and attributes
 * are known by their local names. Small slips are read over and told; each character is looked at a few times at most.
 */
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

/** What a message that brings a document may have. Metadata of a large conference is some 100 kB. */
const MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 32;
/** 128 streams are as many as an SDP may have lines; all of them associated with each of 128 people are fewer elements than this. */
const MAX_ELEMENTS = 20_000;
/** Of one element. Real ones have three. */
const MAX_ATTRIBUTES = 200;
/** Of a name: names are joined to paths, and a long one with many children would multiply. */
const MAX_NAME = 200;
/** What has as many is no XML, whatever it looks like in places. */
const MAX_MISTAKES = 20;

interface OpenElement {
  /** With its prefix: what a closing tag must repeat. */
  readonly tag: string;
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/** What ends the reading of a document; never leaves this file. */
class Refusal extends Error {}

export function parseXml(bytes: Uint8Array): Parsed<XmlDocument> {
  if (bytes.length > MAX_BYTES) return refused(`XML document of more than ${MAX_BYTES} bytes`);
  try {
    return parsed(readDocument(decode(bytes)));
  } catch (thrown) {
    if (thrown instanceof Refusal) return refused(thrown.message);
    throw thrown;
  }
}

function readDocument(written: string): XmlDocument {
  const problems: string[] = [];
  const open: OpenElement[] = [];
  let root: XmlElement | null = null;
  let elements = 0;
  let mistakes = 0;
  let at = 0;

  /** Of those that may stand in one document by the hundred. */
  function note(problem: string): void {
    if (!problems.includes(problem)) problems.push(problem);
  }

  function complain(problem: string): void {
    note(problem);
    mistakes += 1;
    if (mistakes === MAX_MISTAKES) throw new Refusal(`not XML: ${problems[0]}`);
  }

  const text = FORBIDDEN.test(written) ? written.replaceAll(new RegExp(FORBIDDEN, "g"), " ") : written;
  if (text !== written) note("forbidden character");

  /** What stands before the next `end`, and goes behind it. */
  function readTo(end: string, what: string): string {
    const found = text.indexOf(end, at);
    if (found < 0) throw new Refusal(`not XML: ${what} without an end`);
    const content = text.slice(at, found);
    at = found + end.length;
    return content;
  }

  function skipSpace(): void {
    while (isSpace(text.charCodeAt(at))) at += 1;
  }

  function readName(): string {
    const from = at;
    while (at < text.length && !endsName(text.charCodeAt(at))) at += 1;
    if (at - from > MAX_NAME) throw new Refusal(`XML name of more than ${MAX_NAME} characters`);
    return copyOf(text.slice(from, at));
  }

  function plainText(escaped: string): string {
    if (!escaped.includes("&")) return escaped;
    const { text: plain, bare } = resolveReferences(escaped);
    if (bare) note("bare ampersand");
    return plain;
  }

  function addText(piece: string): void {
    const parent = open.at(-1);
    if (parent !== undefined) parent.text += piece;
    else if (piece.trim() !== "") complain("text outside the root element");
  }

  function readMarkup(): void {
    if (text.startsWith("</", at)) return readClosingTag();
    if (text.startsWith("<!--", at)) {
      at += 4;
      readTo("-->", "comment");
    } else if (text.startsWith("<![CDATA[", at)) {
      at += 9;
      addText(readTo("]]>", "CDATA section"));
    } else if (text.startsWith("<?", at)) {
      at += 2;
      readTo("?>", "processing instruction");
    } else if (text.startsWith("<!", at)) throw new Refusal("XML with a document type is not accepted");
    else if (beginsName(text.charCodeAt(at + 1))) readOpeningTag();
    else {
      note("bare <");
      addText("<");
      at += 1;
    }
  }

  function readOpeningTag(): void {
    at += 1;
    const tag = readName();
    const attributes = readAttributes();
    elements += 1;
    if (elements > MAX_ELEMENTS) throw new Refusal(`XML of more than ${MAX_ELEMENTS} elements`);
    if (open.length === MAX_DEPTH) throw new Refusal(`XML nested more than ${MAX_DEPTH} deep`);
    open.push({ tag, name: localName(tag), attributes, children: [], text: "" });
    if (text[at] === "/") {
      close();
      at += 1;
    }
    at += 1;
  }

  /** Up to `>` or `/>`. */
  function readAttributes(): ReadonlyMap<string, string> {
    let attributes: Map<string, string> | null = null;
    for (let count = 1; ; count += 1) {
      skipSpace();
      const next = text[at];
      if (next === ">" || (next === "/" && text[at + 1] === ">")) return attributes ?? NO_ATTRIBUTES;
      if (count > MAX_ATTRIBUTES) throw new Refusal(`XML element of more than ${MAX_ATTRIBUTES} attributes`);
      const name = readName();
      if (name === "") throw new Refusal(`not XML: ${at >= text.length ? "tag without an end" : "malformed tag"}`);
      const value = readValue();
      if (name === "xmlns" || name.startsWith("xmlns:")) continue;
      attributes ??= new Map();
      attributes.set(localName(name), value);
    }
  }

  function readValue(): string {
    skipSpace();
    if (text[at] !== "=") {
      complain("attribute without a value");
      return "";
    }
    at += 1;
    skipSpace();
    const quote = text[at];
    if (quote !== '"' && quote !== "'") throw new Refusal("not XML: attribute without quotes");
    at += 1;
    return copyOf(plainText(readTo(quote, "attribute").replaceAll(/\r\n|[\t\n\r]/g, " ")).trim());
  }

  function readClosingTag(): void {
    at += 2;
    const tag = readTo(">", "tag").trimEnd();
    const depth = open.findLastIndex((one) => one.tag === tag);
    if (depth < 0 || depth !== open.length - 1) complain("closing tag that does not fit");
    if (depth >= 0) while (open.length > depth) close();
  }

  function close(): void {
    const { name, attributes, children, text: own } = open.pop()!;
    const closed = { name, attributes, children, text: own === "" ? "" : copyOf(own.replaceAll(/\s+/g, " ").trim()) };
    const parent = open.at(-1);
    if (parent !== undefined) parent.children.push(closed);
    else if (root === null) root = closed;
    else complain("second root element");
  }

  while (at < text.length) {
    const markup = text.indexOf("<", at);
    const end = markup < 0 ? text.length : markup;
    if (end > at) addText(plainText(text.slice(at, end)));
    at = end;
    if (at < text.length) readMarkup();
  }
  if (open.length > 0) complain("element without an end");
  if (root === null) throw new Refusal(`not XML: ${problems[0] ?? "no element"}`);
  return { root, problems };
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/** Read as spaces. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** A letter, an underscore, a colon, or anything beyond ASCII. */
const beginsName = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code === 58 || code > 127;

/** White space and `"`, `'`, `/`, `<`, `=`, `>`. */
const endsName = (code: number): boolean => code === 34 || code === 39 || code === 47 || (code >= 60 && code <= 62) || isSpace(code);

const NAMED: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);
/** `#x10FFFF`. */
const LONGEST_REFERENCE = 8;

/** An ampersand that begins no reference that XML itself knows stands for itself: "Smith & Sons" would swallow everything up to the next semicolon. */
function resolveReferences(escaped: string): { readonly text: string; readonly bare: boolean } {
  let text = "";
  let taken = 0;
  let bare = false;
  for (let at = escaped.indexOf("&"); at >= 0; at = escaped.indexOf("&", at + 1)) {
    const semicolon = semicolonAfter(escaped, at + 1);
    const character = semicolon < 0 ? null : resolve(escaped.slice(at + 1, semicolon));
    if (character === null) bare = true;
    else {
      text += escaped.slice(taken, at) + character;
      taken = semicolon + 1;
    }
  }
  return { text: text + escaped.slice(taken), bare };
}

/** −1 where none is as near as it has to be. */
function semicolonAfter(text: string, from: number): number {
  for (let at = from; at <= from + LONGEST_REFERENCE; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 59) return at;
    if (code === 38 || isSpace(code)) return -1;
  }
  return -1;
}

function resolve(name: string): string | null {
  const named = NAMED.get(name);
  if (named !== undefined) return named;
  const digits = /^#(?:([0-9]{1,7})|x([0-9A-Fa-f]{1,6}))$/.exec(name);
  if (digits === null) return null;
  const code = digits[1] === undefined ? Number.parseInt(digits[2]!, 16) : Number(digits[1]);
  const isCharacter = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  const character = isCharacter ? String.fromCodePoint(code) : "";
  return character === "" || FORBIDDEN.test(character) ? null : character;
}

/** V8 makes shorter ones anew by itself; longer ones hold on to the text they were cut from. */
const SHORTEST_PIECE = 13;

/** What a document said of a call may be kept for months, and must not keep the whole document in memory with it. */
function copyOf(piece: string): string {
  return piece.length < SHORTEST_PIECE ? piece : (JSON.parse(JSON.stringify(piece)) as string);
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
