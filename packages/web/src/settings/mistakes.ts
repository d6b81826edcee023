/** What is wrong with fields, by the place in the settings: `sourceNetworks.1`, `numbers.countryCode`. */
export interface Mistake {
  readonly where: string;
  readonly message: string;
}
export type Mistakes = readonly Mistake[];

/** The server names places in the body; the trial's body holds the settings one step deeper. */
export const placeOf = (where: string): string => where.replace(/^body\.?(settings(\.|$))?/, "");

export const fromProblem = (errors: Mistakes | undefined): Mistakes => (errors ?? []).map(({ where, message }) => ({ where: placeOf(where), message }));

const isAt = (where: string, field: string): boolean => where === field || where.startsWith(`${field}.`);

/** Everything that was said of a field and of what is inside it, as sentences. */
export function mistakesAt(mistakes: Mistakes, field: string): string | undefined {
  const mine = [...new Set(mistakes.filter(({ where }) => isAt(where, field)).map(({ message }) => message))];
  return mine.length === 0 ? undefined : mine.map(sentence).join(" ");
}

/** Which of a list's entries are wrong. */
export const placesAt = (mistakes: Mistakes, field: string): ReadonlySet<number> =>
  new Set(mistakes.flatMap(({ where }) => (where.startsWith(`${field}.`) ? [Number(where.slice(field.length + 1).split(".")[0])] : [])));

/** Those of the fields that differ: nobody is told of a field that they have not touched. */
export function mistakesOfChanged<T extends object>(mistakes: Mistakes, base: T, draft: T): Mistakes {
  return mistakes.filter(({ where }) => JSON.stringify(at(base, where)) !== JSON.stringify(at(draft, where)));
}

/** Those of the fields that are still as they were sent. */
export function mistakesStillThere<T extends object>(mistakes: Mistakes, sent: T | undefined, draft: T): Mistakes {
  return sent === undefined ? [] : mistakes.filter(({ where }) => JSON.stringify(at(sent, where)) === JSON.stringify(at(draft, where)));
}

/** The first of several voices that speaks of a place has it. */
export function firstSaid(...voices: readonly Mistakes[]): Mistakes {
  const said: Mistake[] = [];
  for (const voice of voices) said.push(...voice.filter(({ where }) => !said.some((one) => isAt(where, one.where) || isAt(one.where, where)) || voices[0] === voice));
  return said;
}

function at(settings: object, where: string): unknown {
  return where.split(".").reduce<unknown>((value, step) => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[step] : undefined), settings);
}

function sentence(message: string): string {
  const begun = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.?!]$/.test(begun) ? begun : `${begun}.`;
}
