/**
 * How a word is said that no dictionary knows: names, product names, typing mistakes. Rules run from left to right, the first that
 * fits wins; `^` and `$` are the word's ends. Right often enough for names; a word that matters belongs in `pronounce.ts`.
 */

interface Rule {
  readonly letters: string;
  readonly before: RegExp | null;
  readonly after: RegExp | null;
  readonly sounds: readonly string[];
}

const rule = (letters: string, sounds: string, after: RegExp | null = null, before: RegExp | null = null): Rule => ({
  letters, before, after, sounds: sounds === "" ? [] : sounds.split(" "),
});

const soft = /^[eiy]/;
/** A consonant and a silent e: the vowel before says its name. */
const silentE = /^[bcdfgklmnprstvz]e$/;
const end = /^$/;
const start = /^$/;

const rules: readonly Rule[] = [
  rule("tion", "SH AH0 N"), rule("sion", "ZH AH0 N"), rule("ture", "CH ER0"), rule("cious", "SH AH0 S"), rule("tious", "SH AH0 S"), rule("cial", "SH AH0 L"),
  rule("ight", "AY T"), rule("ought", "AO T"), rule("augh", "AO"), rule("ough", "AH F"), rule("eigh", "EY"), rule("igh", "AY"),
  rule("tch", "CH"), rule("sch", "SH"), rule("dge", "JH"), rule("chr", "K R"), rule("ch", "CH"), rule("sh", "SH"), rule("ph", "F"), rule("th", "TH"),
  rule("wh", "W"), rule("wr", "R", null, start), rule("kn", "N", null, start), rule("gn", "N", null, start), rule("ps", "S", null, start), rule("gh", "G"),
  rule("ck", "K"), rule("qu", "K W"), rule("q", "K"), rule("ng", "NG", end), rule("ng", "NG G"), rule("nk", "NG K"), rule("mb", "M", end),
  rule("sc", "S", soft), rule("cc", "K S", soft), rule("cc", "K"), rule("c", "S", soft), rule("c", "K"), rule("gg", "G"), rule("g", "JH", soft), rule("g", "G"),
  rule("bb", "B"), rule("dd", "D"), rule("ff", "F"), rule("ll", "L"), rule("mm", "M"), rule("nn", "N"), rule("pp", "P"), rule("rr", "R"), rule("ss", "S"), rule("tt", "T"), rule("zz", "Z"),
  rule("b", "B"), rule("d", "D"), rule("f", "F"), rule("h", "", null, /[aeiou]$/), rule("h", "HH"), rule("j", "JH"), rule("k", "K"), rule("l", "L"), rule("m", "M"), rule("n", "N"), rule("p", "P"),
  rule("r", "R"), rule("s", "Z", end, /[aeioubdgmnlrvw]$/), rule("s", "S"), rule("t", "T"), rule("v", "V"), rule("w", "W"), rule("x", "Z", null, start), rule("x", "K S"), rule("z", "Z"),
  rule("ee", "IY"), rule("ea", "IY"), rule("eau", "OW"), rule("eu", "Y UW"), rule("ew", "UW"), rule("ei", "EY"), rule("ey", "IY", end), rule("ey", "EY"), rule("er", "ER", /^([^aeiouy]|$)/),
  rule("ai", "EY"), rule("ay", "EY"), rule("au", "AO"), rule("aw", "AO"), rule("ar", "AA R", /^([^aeiouy]|$)/), rule("oa", "OW"), rule("oo", "UW"), rule("ou", "AW"), rule("ow", "OW", end), rule("ow", "AW"), rule("oi", "OY"), rule("oy", "OY"),
  rule("or", "AO R", /^([^aeiouy]|$)/), rule("ir", "ER", /^([^aeiouy]|$)/), rule("ur", "ER", /^([^aeiouy]|$)/), rule("ue", "UW", end), rule("ui", "UW"), rule("ie", "IY"), rule("ia", "IY AH0"), rule("io", "IY OW"),
  rule("a", "EY", silentE), rule("e", "IY", silentE), rule("i", "AY", silentE), rule("o", "OW", silentE), rule("u", "UW", silentE), rule("y", "AY", silentE),
  rule("e", "", end, /[^aeiou].*$/), rule("a", "AH0", end), rule("o", "OW", end), rule("i", "IY", end), rule("u", "UW", end), rule("y", "IY", end, /./),
  rule("y", "Y", /^[aeiou]/, start), rule("y", "IH"), rule("a", "AE"), rule("e", "EH"), rule("i", "IH"), rule("o", "AA", /^[^aeiouy]{2}/), rule("o", "OW"), rule("u", "AH"),
];

/** Stress falls on the second vowel from the end (`conTOso`), on the first in words of two syllables. */
function withStress(sounds: readonly string[]): string[] {
  const vowels = sounds.flatMap((sound, index) => (/^[AEIOU]/.test(sound) ? [index] : []));
  const stressed = vowels.length <= 2 ? vowels[0] : vowels[vowels.length - 2];
  return sounds.map((sound, index) => (vowels.includes(index) ? `${sound.replace(/\d$/, "")}${index === stressed ? 1 : 0}` : sound));
}

/** Sounds of a word of the letters a–z, with a stress mark on each vowel. */
export function soundsOfLetters(word: string): string[] {
  const sounds: string[] = [];
  let at = 0;
  while (at < word.length) {
    const before = word.slice(0, at);
    const fitting = rules.find(
      (each) =>
        word.startsWith(each.letters, at) &&
        (each.before === null || each.before.test(before)) &&
        (each.after === null || each.after.test(word.slice(at + each.letters.length))),
    );
    if (fitting !== undefined) sounds.push(...fitting.sounds);
    at += fitting?.letters.length ?? 1;
  }
  return withStress(sounds);
}
