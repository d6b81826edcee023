/** What is told to the server of a check: its sentences, shortened to what is kept. */
import { mostVerificationSentenceLength, mostVerificationSentences, type VerificationReport } from "@earwitness/contract";
import type { Statement } from "@earwitness/verify";
import type { Outcome } from "./check.ts";

/** What leads to the head and to the manifest is needed for an answer; without a recording there is nothing to hear and nothing to prove. */
export function findingOf({ report, checkpoint }: Outcome, byKey: string): VerificationReport {
  const of = (kind: Statement["kind"]): string[] => report.statements.filter((statement) => statement.kind === kind).map(({ says }) => says);
  const differing = of("fails");
  const isWhole = checkpoint !== null && report.statements.some(({ kind, about }) => kind === "holds" && about === "track");
  return { result: differing.length > 0 ? "differs" : isWhole ? "holds" : "incomplete", checked: kept([byKey, ...of("holds")]), differing: kept(differing), checkpoint };
}

function kept(sentences: readonly string[]): string[] {
  const some = sentences.length <= mostVerificationSentences ? sentences : [...sentences.slice(0, mostVerificationSentences - 1), `… and ${sentences.length - mostVerificationSentences + 1} more.`];
  return some.map((sentence) => (sentence.length <= mostVerificationSentenceLength ? sentence : `${sentence.slice(0, mostVerificationSentenceLength - 1)}…`));
}
