import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { problemOf, type Versioned } from "../api.ts";
import type { MessageId } from "../messages/en.ts";
import { firstSaid, fromProblem, mistakesOfChanged, mistakesStillThere, type Mistakes } from "./mistakes.ts";
import { useNews, useSaveFailure } from "./save-words.ts";
import { useDraft, type Draft } from "./use-draft.ts";

interface EditOptions<T, Whole> {
  /** What is edited; its query's key is this and the id. */
  readonly kind: "trunk" | "person" | "accessProfile";
  /** Null: not there yet. */
  readonly id: string | null;
  readonly current: Versioned<T>;
  /** What a new one was begun with, if with anything: its draft is not that of another. */
  readonly begunWith?: string | undefined;
  /** How the fields are called in messages. */
  readonly names: Readonly<Record<keyof T & string, MessageId>>;
  readonly send: (sent: T, etag: string | null) => Promise<Versioned<Whole>>;
  readonly onSaved: (id: string) => Promise<void> | void;
}

export interface Edit<T> {
  readonly draft: Draft<T>;
  readonly saving: boolean;
  readonly saved: boolean;
  /** What failed and belongs to no field. */
  readonly failure: string | null;
  /** What others saved meanwhile. */
  readonly news: string | null;
  /** Of what is wrong, what is said by now: of touched fields first, after a try of all; and what the server found in what is still so. */
  readonly toSay: (wrong: Mistakes) => Mistakes;
  /** Saves, if nothing is wrong; from now on everything that is wrong is said. */
  readonly submit: (wrong: Mistakes) => void;
  readonly discard: () => void;
}

export const draftOf = (kind: EditOptions<never, never>["kind"], id: string | null, begunWith = ""): string => `${kind}.${id ?? "new"}${begunWith && `.${begunWith}`}`;

/** Settings being edited: a draft, what is wrong with it, and its way to the server and back. */
export function useEdit<T extends object, Whole extends { readonly id: string; readonly settings: T }>({ kind, id, current, begunWith, names, send, onSaved }: EditOptions<T, Whole>): Edit<T> {
  const queryClient = useQueryClient();
  const draft = useDraft(draftOf(kind, id, begunWith), current);
  const [wasTried, setWasTried] = useState(false);
  const save = useMutation({
    mutationFn: (sent: T) => send(sent, draft.base.etag),
    onSuccess: (fresh, sent) => {
      setWasTried(false);
      const now = { value: fresh.value.settings, etag: fresh.etag };
      if (id === null) draft.created(now);
      else draft.saved(sent, now);
      queryClient.setQueryData([kind, fresh.value.id], fresh);
      return onSaved(fresh.value.id);
    },
    // Somebody else was first: theirs comes into the form, and the form says so.
    onError: (error) => (problemOf(error).status === 412 ? queryClient.invalidateQueries({ queryKey: [kind, id] }) : undefined),
  });
  const problem = save.isError ? problemOf(save.error) : null;
  return {
    draft,
    saving: save.isPending,
    saved: save.isSuccess,
    failure: useSaveFailure(save.error),
    news: useNews(draft.news, names, draft.changed && problem?.status === 412),
    toSay: (wrong) => firstSaid(wasTried ? wrong : mistakesOfChanged(wrong, draft.base.value, draft.value), mistakesStillThere(fromProblem(problem?.errors), save.variables, draft.value)),
    submit(wrong) {
      setWasTried(true);
      if (wrong.length === 0) save.mutate(draft.value);
    },
    discard() {
      draft.discard();
      setWasTried(false);
      save.reset();
    },
  };
}
