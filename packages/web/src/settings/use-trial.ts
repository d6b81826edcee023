import type { TrunkSettings, TrunkTrialResult } from "@earwitness/contract";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, problemOf } from "../api.ts";
import { fromProblem, type Mistakes } from "./mistakes.ts";

/** Long enough that a word is one question, short enough to feel like an answer to it. */
const pauseMs = 300;
/** Rules can be checked without anything to try them on; the server wants something. */
const anything = ["+4930123456"];
export const mostSamples = 20;

export interface Trial {
  /** Null: there is nothing to try, or nothing can be tried yet. */
  readonly results: TrunkTrialResult["results"] | null;
  /** What the server says of the draft. */
  readonly mistakes: Mistakes;
  /** What failed that is no mistake of the draft. */
  readonly failure: unknown;
  readonly isStale: boolean;
}

/** The server reads the draft as it is typed: what it would make of sample addresses, and what is wrong with it. Nothing is saved. */
export function useTrial(draft: TrunkSettings, samples: readonly string[], isOn: boolean): Trial {
  // The rules alone are tried: a draft without a name yet is as good.
  const asked = JSON.stringify({ settings: { ...draft, name: draft.name.trim() || "–" }, samples: samples.length > 0 ? samples : anything });
  const [settled, setSettled] = useState(asked);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(asked), pauseMs);
    return () => clearTimeout(timer);
  }, [asked]);
  const trial = useQuery({
    queryKey: ["trial", settled],
    queryFn: () => {
      const { settings, samples: given } = JSON.parse(settled) as { settings: TrunkSettings; samples: string[] };
      return api.tryTrunk(settings, given);
    },
    enabled: isOn,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    gcTime: 30_000,
    retry: false,
  });
  const problem = trial.isError ? problemOf(trial.error) : null;
  const mistakes = settled === asked ? fromProblem(problem?.errors) : [];
  return {
    results: samples.length > 0 && trial.data && !trial.isError ? trial.data.results : null,
    mistakes,
    failure: problem !== null && (problem.errors?.length ?? 0) === 0 ? trial.error : null,
    isStale: settled !== asked || trial.isFetching,
  };
}
