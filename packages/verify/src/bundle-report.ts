/** What checking a bundle came to: sentences, each of which says what holds, what does not, and what nobody looked at. */
import { Malformed } from "./note.ts";

export type StatementKind = "holds" | "fails" | "not checked" | "erased";

export interface Statement {
  readonly kind: StatementKind;
  /** What the statement is about, the same word for every statement of its kind: `checkpoint`, `track`, … */
  readonly about: string;
  /** File or interaction; empty for the bundle as a whole. */
  readonly where: string;
  readonly says: string;
  /** For those who want to see them: digests and roots in hex. */
  readonly bytes?: Readonly<Record<string, string>>;
}

export interface BundleReport {
  /** Nothing fails. Read with what was not checked. */
  readonly holds: boolean;
  /** The bundle could not even be read. */
  readonly unreadable: boolean;
  readonly statements: readonly Statement[];
}

export interface ReportWriter {
  holds(about: string, where: string, says: string, bytes?: Statement["bytes"]): void;
  fails(about: string, where: string, says: string, bytes?: Statement["bytes"]): void;
  notChecked(about: string, where: string, says: string): void;
  erased(about: string, where: string, says: string): void;
  /** Runs a check; what it throws is a failure of what it is about, in words. Answers null then. */
  attempt<T>(about: string, where: string, check: () => Promise<T>): Promise<T | null>;
  /** Whether nothing has failed since `mark()`. */
  mark(): () => boolean;
  report(unreadable?: boolean): BundleReport;
}

export function createReport(): ReportWriter {
  const statements: Statement[] = [];
  let failures = 0;
  const add = (kind: StatementKind, about: string, where: string, says: string, bytes?: Statement["bytes"]): void => {
    if (kind === "fails") failures += 1;
    statements.push({ kind, about, where, says, ...(bytes === undefined ? {} : { bytes }) });
  };
  return {
    holds: (...rest) => add("holds", ...rest),
    fails: (...rest) => add("fails", ...rest),
    notChecked: (...rest) => add("not checked", ...rest),
    erased: (...rest) => add("erased", ...rest),
    async attempt(about, where, check) {
      try {
        return await check();
      } catch (error) {
        add("fails", about, where, error instanceof Malformed ? sentence(error.message) : `It could not be read (${error instanceof Error ? error.message : String(error)}).`);
        return null;
      }
    },
    mark() {
      const before = failures;
      return () => failures === before;
    },
    report: (unreadable = false) => ({ holds: failures === 0, unreadable, statements }),
  };
}

const sentence = (words: string): string => `${words.slice(0, 1).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
