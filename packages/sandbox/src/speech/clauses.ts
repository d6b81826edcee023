import { spellNumbers } from "./numbers.ts";
import { pronounce } from "./pronounce.ts";

export interface Word {
  readonly text: string;
  readonly sounds: readonly string[];
  /** Articles, prepositions, pronouns…: said fast and without accent. */
  readonly weak: boolean;
}

export interface Clause {
  readonly words: readonly Word[];
  /** What the voice does at its end: falls, rises as in a question, or stays up because more will come. */
  readonly ending: "fall" | "rise" | "continue";
  readonly pauseMs: number;
}

const weakWords = new Set(
  ("a an the of to in on at by for from with as and or but nor so if than that this these those is are was were be been being am do does did has have had having will would can could shall should may might must " +
    "i you he she it we they me him her us them my your his its our their i'm you're we're they're it's i've we've i'll we'll you'll i'd there there's not just into about over up out").split(" "),
);

const questionWords = new Set(["what", "when", "where", "who", "whom", "whose", "which", "why", "how"]);

/** Vowels of weak words shrink: `can` in "I can call" is no `can` of tin. */
const weakForms: Record<string, string> = {
  are: "ER0", and: "AH0 N D", can: "K AH0 N", for: "F ER0", from: "F R AH0 M", of: "AH0 V", as: "AH0 Z", at: "AH0 T", that: "DH AH0 T", than: "DH AH0 N", was: "W AH0 Z", your: "Y ER0", or: "ER0", have: "HH AH0 V", has: "HH AH0 Z", them: "DH AH0 M",
};

function sayWord(text: string, next: string | undefined): Word {
  const lower = text.toLowerCase();
  const weak = weakWords.has(lower);
  const beforeVowel = next !== undefined && /^[aeiou]/i.test(next);
  if (lower === "the") return { text, sounds: beforeVowel ? ["DH", "IY0"] : ["DH", "AH0"], weak };
  // At the end of a clause even a weak word is said in full: "what is it for?"
  const short = weak && next !== undefined && Object.hasOwn(weakForms, lower) ? weakForms[lower] : undefined;
  return { text, sounds: short?.split(" ") ?? pronounce(text), weak };
}

/** A long run of words is said in groups; speakers part them before these. */
const openers = new Set(["and", "but", "because", "that", "which", "who", "when", "if", "so", "until", "before", "after", "while", "with", "from", "about", "for", "to"]);
const longestGroup = 9;

function groups(words: readonly string[]): string[][] {
  if (words.length <= longestGroup) return [[...words]];
  const middle = words.length / 2;
  let cut = -1;
  for (let index = 3; index <= words.length - 3; index++) {
    if (openers.has((words[index] ?? "").toLowerCase()) && (cut < 0 || Math.abs(index - middle) < Math.abs(cut - middle))) cut = index;
  }
  return cut < 0 ? [[...words]] : [...groups(words.slice(0, cut)), ...groups(words.slice(cut))];
}

/** Text as the clauses it is spoken in. */
export function parseClauses(text: string): Clause[] {
  const clauses: Clause[] = [];
  const readable = spellNumbers(text.replace(/[’‘]/g, "'")).replace(/&/g, " and ").replace(/@/g, " at ");
  for (const match of readable.matchAll(/([^.!?;:,–—]+)([.!?;:,–—]*)/g)) {
    const words = (match[1] ?? "").match(/[A-Za-z']*[A-Za-z][A-Za-z']*/g)?.map((word) => word.replace(/^'+|'+$/g, "")).filter((word) => word !== "") ?? [];
    if (words.length === 0) continue;
    const mark = (match[2] ?? "").charAt(0);
    const parts = groups(words);
    parts.forEach((part, index) => {
      const last = index === parts.length - 1;
      const asked = mark === "?" && !questionWords.has((words[0] ?? "").toLowerCase());
      clauses.push({
        words: part.map((word, at) => sayWord(word, part[at + 1])),
        ending: !last ? "continue" : mark === "?" ? (asked ? "rise" : "fall") : mark === "," || mark === ":" || mark === "–" || mark === "—" ? "continue" : "fall",
        pauseMs: !last ? 70 : mark === "" ? 0 : mark === "," ? 190 : mark === ":" || mark === ";" || mark === "–" || mark === "—" ? 260 : 380,
      });
    });
  }
  return clauses;
}
