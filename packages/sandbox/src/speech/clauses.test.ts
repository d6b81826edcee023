import { expect, test } from "vitest";
import { parseClauses } from "./clauses.ts";
import { soundsOfLetters } from "./letters.ts";
import { spellNumbers } from "./numbers.ts";
import { phonemeNames } from "./phonemes.ts";
import { pronounce } from "./pronounce.ts";

test("numbers are read as people read them", () => {
  expect(spellNumbers("$249")).toBe("two hundred forty nine dollars");
  expect(spellNumbers("$1.05")).toBe("one dollar and five cents");
  expect(spellNumbers("$310,000")).toBe("three hundred ten thousand dollars");
  expect(spellNumbers("at 4:45 and 3:00")).toBe("at four forty five and three o'clock");
  expect(spellNumbers("the 14th, the 30th, the 9th")).toBe("the fourteenth, the thirtieth, the ninth");
  expect(spellNumbers("4.05%")).toBe("four point zero five percent");
  expect(spellNumbers("in 1982")).toBe("in nineteen eighty two");
  expect(spellNumbers("240 seats")).toBe("two hundred forty seats");
  expect(spellNumbers("number 10447")).toBe("number one zero four four seven");
  expect(spellNumbers("732-555-0101")).toBe("seven three two, five five five, zero one zero one");
});

test("punctuation makes clauses, and only a question without a question word rises", () => {
  const endings = (text: string): string[] => parseClauses(text).map((clause) => clause.ending);
  expect(endings("Yes, I can.")).toEqual(["continue", "fall"]);
  expect(endings("Can you hear me?")).toEqual(["rise"]);
  expect(endings("Where are you?")).toEqual(["fall"]);
  expect(parseClauses("First the driver called from the wrong town because there are two streets with our name.").length).toBeGreaterThan(1);
});

test("words come from the dictionary, from ours, by inflection, by letters or letter by letter", () => {
  expect(pronounce("Contoso").join(" ")).toBe("K AH0 N T OW1 S OW0");
  expect(pronounce("Wilber's").at(-1)).toBe("Z");
  expect(pronounce("PDF").join(" ")).toBe("P IY1 D IY1 EH1 F");
  expect(pronounce("constructor").length).toBeGreaterThan(5);
  expect(soundsOfLetters("zorbikan").join(" ")).toBe("Z AO0 R B IH1 K AE0 N");
  for (const word of ["xylqu", "ghnoti", "schtreiph", "aeiou", "'", "__proto__"]) {
    for (const sound of pronounce(word)) expect(phonemeNames).toContain(sound.replace(/\d$/, ""));
  }
});

test("the article changes before a vowel, and weak words shrink unless they end the clause", () => {
  const sounds = (text: string): string[] => parseClauses(text)[0]?.words.map((word) => word.sounds.join(" ")) ?? [];
  expect(sounds("the apple")[0]).toBe("DH IY0");
  expect(sounds("the pear")[0]).toBe("DH AH0");
  expect(sounds("for you")[0]).toBe("F ER0");
  expect(sounds("what is it for")[3]).toBe("F AO1 R");
});
