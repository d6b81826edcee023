const ones = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
const tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ordinals: Record<string, string> = { one: "first", two: "second", three: "third", five: "fifth", eight: "eighth", nine: "ninth", twelve: "twelfth" };

const digits = (text: string): string => [...text].map((digit) => ones[Number(digit)] ?? "").join(" ");

/** 0 to 999,999 as it is read aloud. */
export function cardinal(value: number): string {
  if (value < 20) return ones[value] ?? "";
  if (value < 100) return `${tens[Math.floor(value / 10)]}${value % 10 === 0 ? "" : ` ${ones[value % 10]}`}`;
  if (value < 1000) return `${ones[Math.floor(value / 100)]} hundred${value % 100 === 0 ? "" : ` ${cardinal(value % 100)}`}`;
  return `${cardinal(Math.floor(value / 1000))} thousand${value % 1000 === 0 ? "" : ` ${cardinal(value % 1000)}`}`;
}

function ordinal(value: number): string {
  const words = cardinal(value).split(" ");
  const last = words.pop() ?? "";
  words.push(ordinals[last] ?? (last.endsWith("y") ? `${last.slice(0, -1)}ieth` : `${last}th`));
  return words.join(" ");
}

/** Long numbers and those that begin with zero are read digit by digit: they name an account, a case or a telephone. */
function plain(text: string): string {
  const value = Number(text);
  if (text.length > 4 || (text.length > 1 && text.startsWith("0"))) return digits(text);
  if (text.length === 4 && value >= 1900 && value < 2100 && value % 100 !== 0 && Math.floor(value / 10) !== 200) return `${cardinal(Math.floor(value / 100))} ${value % 100 < 10 ? "oh " : ""}${cardinal(value % 100)}`;
  return cardinal(value);
}

/** Writes out every number of a text in words: money, percentages, times of day, ordinals, decimals, identifiers. */
export function spellNumbers(text: string): string {
  return text
    .replace(/(\d),(?=\d{3}\b)/g, "$1")
    .replace(/\$(\d{1,6})(?:\.(\d\d))?\b/g, (_, dollars: string, cents: string | undefined) =>
      `${cardinal(Number(dollars))} dollar${dollars === "1" ? "" : "s"}${cents === undefined || cents === "00" ? "" : ` and ${cardinal(Number(cents))} cents`}`)
    .replace(/\b(\d{1,2}):(\d\d)\b/g, (_, hour: string, minute: string) => `${cardinal(Number(hour))}${minute === "00" ? " o'clock" : ` ${minute.startsWith("0") ? "oh " : ""}${cardinal(Number(minute))}`}`)
    .replace(/\b(\d{1,4})(?:st|nd|rd|th)\b/g, (_, value: string) => ordinal(Number(value)))
    .replace(/(\d+)\.(\d+)/g, (_, whole: string, part: string) => `${plain(whole)} point ${digits(part)}`)
    .replace(/\+?\d+(?:-\d+)+/g, (groups) => groups.replace("+", "").split("-").map(digits).join(", "))
    .replace(/%/g, " percent")
    .replace(/\d+/g, plain);
}
