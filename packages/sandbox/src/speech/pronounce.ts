import { dictionary } from "cmu-pronouncing-dictionary";
import { soundsOfLetters } from "./letters.ts";

/** Words that the dictionary lacks or says otherwise than Contoso's people do. */
const ours: Record<string, string> = {
  contoso: "K AH0 N T OW1 S OW0",
  earwitness: "IH1 R W IH2 T N AH0 S",
  pradeep: "P R AH0 D IY1 P",
  siciliani: "S IH0 S IH0 L IY0 AA1 N IY0",
  johanna: "Y OW0 HH AA1 N AH0",
  langer: "L AE1 NG ER0",
  wilke: "W IH1 L K IY0",
  siprec: "S IH1 P R EH2 K",
  a: "AH0",
  to: "T UW0",
};

const letterNames: Record<string, string> = {
  a: "EY1", b: "B IY1", c: "S IY1", d: "D IY1", e: "IY1", f: "EH1 F", g: "JH IY1", h: "EY1 CH", i: "AY1", j: "JH EY1", k: "K EY1", l: "EH1 L", m: "EH1 M", n: "EH1 N", o: "OW1", p: "P IY1",
  q: "K Y UW1", r: "AA1 R", s: "EH1 S", t: "T IY1", u: "Y UW1", v: "V IY1", w: "D AH1 B AH0 L Y UW0", x: "EH1 K S", y: "W AY1", z: "Z IY1",
};

const own = (record: Record<string, string>, word: string): string | undefined => (Object.hasOwn(record, word) ? record[word] : undefined);
const lookUp = (word: string): string | undefined => own(ours, word) ?? own(dictionary, word);

function plural(stem: string): string {
  const last = stem.slice(stem.lastIndexOf(" ") + 1);
  if (["S", "Z", "SH", "ZH", "CH", "JH"].includes(last)) return `${stem} IH0 Z`;
  return ["P", "T", "K", "F", "TH"].includes(last) ? `${stem} S` : `${stem} Z`;
}

function past(stem: string): string {
  const last = stem.slice(stem.lastIndexOf(" ") + 1);
  if (last === "T" || last === "D") return `${stem} IH0 D`;
  return ["P", "K", "F", "TH", "S", "SH", "CH"].includes(last) ? `${stem} T` : `${stem} D`;
}

/** An inflected word of which only the stem is known. */
function inflected(word: string): string | undefined {
  const stem = (suffix: string): string | undefined => {
    if (!word.endsWith(suffix) || word.length < suffix.length + 2) return undefined;
    const base = word.slice(0, -suffix.length);
    return lookUp(base) ?? lookUp(`${base}e`);
  };
  const possessive = stem("'s") ?? stem("s");
  if (possessive !== undefined) return plural(possessive);
  const preterite = stem("ed");
  if (preterite !== undefined) return past(preterite);
  const participle = stem("ing");
  return participle === undefined ? undefined : `${participle} IH0 NG`;
}

/** Sounds of one word as the CMU dictionary writes them: vowels carry 0, 1 or 2 for their stress. */
export function pronounce(word: string): readonly string[] {
  const plain = word.toLowerCase();
  // Capitals that are no word are read letter by letter: ATM, HR, IBAN would be a word.
  if (word.length > 1 && word.length <= 4 && word === word.toUpperCase() && /^[A-Z]+$/.test(word) && (lookUp(plain) === undefined || !/[aeiouy]/.test(plain))) {
    return [...plain].flatMap((letter) => (letterNames[letter] ?? "").split(" "));
  }
  const known = lookUp(plain) ?? inflected(plain);
  return known === undefined ? soundsOfLetters(plain.replace(/[^a-z]/g, "")) : known.split(" ");
}
