/**
 * Regular expressions that users write. RE2 syntax: the time a search takes grows with the text alone, never with what
 * somebody put into text or expression to make it hang. What is left to bound is the size of either.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";

/** Instructions of one compiled expression. The worst that was found at this size takes 7 ms over the longest text, `^0(\d+)$` 3 µs. */
const mostInstructions = 300;
/** No address that names somebody is longer; what is longer is not searched. */
const longestText = 160;

export interface Expression {
  readonly instructions: number;
  readonly groups: number;
  /** The first match: where it is, and its groups (0 is the whole, an absent one is empty). Null: there is none. */
  search(text: string): { readonly start: number; readonly end: number; readonly groups: readonly string[] } | null;
}

export type ReadExpression = { readonly ok: true; readonly expression: Expression } | { readonly ok: false; readonly message: string };

export function readExpression(source: string): ReadExpression {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    return { ok: false, message: faultOf(source, error) };
  }
  const instructions = compiled.matcher("").programSize();
  if (instructions > mostInstructions) return { ok: false, message: `is too large: it takes ${instructions} steps, at most ${mostInstructions} are allowed. Use shorter repetitions` };
  const groups = compiled.groupCount();
  return {
    ok: true,
    expression: {
      instructions,
      groups,
      search(text) {
        if (text.length > longestText) return null;
        const matcher = compiled.matcher(text);
        if (!matcher.find()) return null;
        return { start: matcher.start(), end: matcher.end(), groups: Array.from({ length: groups + 1 }, (_, group) => matcher.group(group) ?? "") };
      },
    },
  };
}

function faultOf(source: string, error: unknown): string {
  if (!(error instanceof RE2JSSyntaxException)) return "is not a regular expression in RE2 syntax";
  const { error: fault, input } = error as unknown as { error: string; input: string | null };
  const at = input === null || input === "" || input === source ? -1 : source.indexOf(input);
  return `is not a regular expression in RE2 syntax: ${fault}${at === -1 ? "" : ` (“${input}” at character ${at + 1})`}`;
}

/** `$1` to `$99` of a template are the groups of a match, `$$` is a dollar sign. */
export function expand(template: string, groups: readonly string[]): string {
  return template.replace(/\$(\$|\d{1,2})/g, (_, what: string) => (what === "$" ? "$" : (groups[Number(what)] ?? "")));
}

/** Groups that the template names and the expression has not. */
export function missingGroups(template: string, expression: Expression): number[] {
  const named = [...template.matchAll(/\$(\$|\d{1,2})/g)].flatMap(([, what]) => (what === "$" ? [] : Number(what)));
  return [...new Set(named.filter((group) => group > expression.groups))];
}
