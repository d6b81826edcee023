import { searchable } from "#recorder";

/**
 * The LIKE pattern for what a person typed (INT-18). Plain text is looked for anywhere; a trailing `*` means "begins with";
 * a leading `*` means "contains", which it does anyway. A telephone number may be typed with its usual punctuation. The
 * text looked through holds each name, address and number between U+001F, without `sip:` or `+` before it.
 */
export function searchPattern(typed: string): string {
  const beginsWith = typed.trimEnd().endsWith("*");
  const bare = typed.trim().replace(/^\*/, "").replace(/\*$/, "").replace(/^(sip:|\+)/i, "");
  const isNumber = /^[\d\s().\-/]*\d[\d\s().\-/]*$/.test(bare);
  const text = isNumber ? bare.replace(/[\s().\-/]/g, "") : searchable(bare);
  const literal = text.replace(/[\\%_]/g, (character) => `\\${character}`);
  return beginsWith ? `%\u001f${literal}%` : `%${literal}%`;
}
