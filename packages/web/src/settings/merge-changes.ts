/** Two people changed the same thing: each keeps what only they changed; lists take what either added or took away. */

export interface Merged<T> {
  readonly value: T;
  /** Fields that both changed, each to something else: mine stands. */
  readonly both: readonly (keyof T & string)[];
  /** Fields that are now as the other one wanted. */
  readonly theirs: readonly (keyof T & string)[];
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((one) => typeof one === "string");
const isGroup = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

export function mergeChanges<T extends object>(base: T, mine: T, theirs: T): Merged<T> {
  const value = { ...mine };
  const both: (keyof T & string)[] = [];
  const taken: (keyof T & string)[] = [];
  for (const key of Object.keys(theirs) as (keyof T & string)[]) {
    if (same(theirs[key], base[key]) || same(theirs[key], mine[key])) continue;
    taken.push(key);
    if (same(mine[key], base[key])) {
      value[key] = theirs[key];
      continue;
    }
    const [was, my, their] = [base[key], mine[key], theirs[key]];
    if (isTexts(was) && isTexts(my) && isTexts(their)) {
      value[key] = [...new Set([...their.filter((one) => my.includes(one) || !was.includes(one)), ...my.filter((one) => !was.includes(one))])] as T[typeof key];
    } else if (isGroup(was) && isGroup(my) && isGroup(their)) {
      const inner = mergeChanges(was, my, their);
      value[key] = inner.value as T[typeof key];
      if (inner.both.length > 0) both.push(key);
    } else {
      both.push(key);
    }
  }
  return { value, both, theirs: taken.filter((key) => !both.includes(key)) };
}
