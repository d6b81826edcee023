import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import type { MessageId } from "../messages/en.ts";
import { useText } from "../text.ts";
import type { News } from "./use-draft.ts";

/** What failed and belongs to no field; what belongs to one is said there. */
export function useSaveFailure(error: unknown): string | null {
  const words = useProblemWords();
  if (error === null) return null;
  const problem = problemOf(error);
  if (problem.status === 412 || (problem.errors?.length ?? 0) > 0) return null;
  return words(problem).detail;
}

/** What others saved while this was being typed. */
export function useNews<T>(news: News<T> | null, names: Readonly<Record<keyof T & string, MessageId>>, refused: boolean): string | null {
  const text = useText();
  const listed = (keys: readonly (keyof T & string)[]) => keys.map((key) => text(names[key])).join(", ");
  if (news === null) return refused ? text("settings.conflict") : null;
  return [
    ...(refused ? [text("settings.conflict")] : []),
    ...(news.theirs.length > 0 ? [text("settings.news.theirs", { fields: listed(news.theirs) })] : []),
    ...(news.both.length > 0 ? [text("settings.news.both", { fields: listed(news.both) })] : []),
  ].join(" ");
}
