/**
 * The small grammar that SIP and MIME header values share: tokens, quoted strings, parameters. Everything scans left to
 * right and looks at each character once; no regular expression that could be made to backtrack meets foreign text.
 */

/** Splits at `separator`, but not inside double quotes or angle brackets. Elements are trimmed; empty ones are dropped. */
export function splitOutsideQuotes(text: string, separator: string): string[] {
  const elements: string[] = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let at = 0; at <= text.length; at += 1) {
    const char = text[at];
    if (char === undefined || (char === separator && !quoted && !bracketed)) {
      const element = text.slice(start, at).trim();
      if (element !== "") elements.push(element);
      start = at + 1;
    } else if (quoted) {
      if (char === "\\" && at + 1 < text.length) at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === "<") bracketed = true;
    else if (char === ">") bracketed = false;
  }
  return elements;
}

/** The content of a quoted string with its escapes resolved; anything else as it is. */
export function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  let content = "";
  for (let at = 1; at < text.length; at += 1) {
    const char = text[at] as string;
    if (char === '"') break;
    if (char === "\\" && at + 1 < text.length) {
      at += 1;
      content += text[at];
    } else content += char;
  }
  return content;
}

/** Names are lower case; a parameter without a value has the value `""`. The first of two equal names counts. */
export type Params = ReadonlyMap<string, string>;

/** `;a=b;c="d e"` without or with the leading semicolon. */
export function parseParams(text: string): Params {
  const params = new Map<string, string>();
  for (const element of splitOutsideQuotes(text, ";")) {
    const equals = element.indexOf("=");
    const name = (equals < 0 ? element : element.slice(0, equals)).trim().toLowerCase();
    if (name === "" || params.has(name)) continue;
    params.set(name, equals < 0 ? "" : unquote(element.slice(equals + 1).trim()));
  }
  return params;
}

export function isToken(text: string): boolean {
  return /^[A-Za-z0-9\-.!%*_+`'~]+$/.test(text);
}

/** Decimal digits only, at most `max`; null otherwise. */
export function parseWhole(text: string, max = Number.MAX_SAFE_INTEGER): number | null {
  if (!/^[0-9]{1,16}$/.test(text)) return null;
  const value = Number(text);
  return value <= max ? value : null;
}
