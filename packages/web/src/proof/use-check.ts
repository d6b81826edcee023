import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import type { Outcome, Trust } from "./check.ts";
import type { CheckMessage } from "./check-worker.ts";
import { findingOf } from "./finding.ts";
import { fingerprint, judgeKey, knownKey, rememberKey, type KeyVerdict } from "./log-key.ts";

export type Check =
  | { readonly phase: "idle" }
  | { readonly phase: "fetching"; readonly bytes: number }
  | { readonly phase: "checking"; readonly share: number }
  | { readonly phase: "failed"; readonly why: string }
  | { readonly phase: "done"; readonly outcome: Outcome; readonly archive: Blob; readonly key: KeyVerdict; readonly trust: Trust; readonly noted: "noted" | "own" | { readonly why: string } };

/** Fetches what proves an interaction, checks it in a thread of its own, and says to the server what came of it. */
export function useCheck(interactionId: string, tenantId: string) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [check, setCheck] = useState<Check>({ phase: "idle" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const stop = useCallback(() => {
    running.current?.abort();
    running.current = null;
    setCheck({ phase: "idle" });
  }, []);

  const refresh = () => void queryClient.invalidateQueries({ queryKey: ["interaction", interactionId] });

  /** `own`: keys that somebody typed. They are tried on what is here already; what fails by them says more about them than about the call, and is not noted. */
  async function run(own: { readonly archive: Blob; readonly trust: Trust } | null): Promise<void> {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    const { signal } = abort;
    const show = (next: Check): void => {
      if (!signal.aborted) setCheck(next);
    };
    try {
      if (globalThis.crypto?.subtle === undefined) return show({ phase: "failed", why: text("verify.needsTls") });
      show({ phase: "fetching", bytes: 0 });
      const archive = own?.archive ?? (await api.proof(interactionId, (bytes) => show({ phase: "fetching", bytes }), signal));
      const trust = own?.trust ?? { key: knownKey(tenantId)?.vkey ?? null, witnesses: [], authorities: "" };
      show({ phase: "checking", share: 0 });
      const outcome = await inWorker(archive, trust, signal, (share) => show({ phase: "checking", share }));
      const key = judgeKey(trust.key, outcome);
      if (key === "unknown" && outcome.signedBy !== null) rememberKey(tenantId, { vkey: outcome.signedBy, since: new Date().toISOString(), given: false });
      const done = { phase: "done", outcome, archive, key, trust } as const;
      if (own !== null && !outcome.report.holds) return show({ ...done, noted: "own" });
      if (own?.trust.key && outcome.report.holds) rememberKey(tenantId, { vkey: own.trust.key, since: new Date().toISOString(), given: true });
      const noted = await api.reportVerification(interactionId, findingOf(outcome, byKey(key, trust, outcome))).then(
        () => "noted" as const,
        (error: unknown) => ({ why: words(problemOf(error)).detail }),
      );
      show({ ...done, noted });
      refresh();
    } catch (error) {
      if (signal.aborted) return;
      show({ phase: "failed", why: error instanceof CheckFailed ? text("verify.unreadable", { why: error.message }) : words(problemOf(error)).detail });
      refresh(); // what cannot be read at all, the server notes by itself
    }
  }

  function byKey(verdict: KeyVerdict, { key }: Trust, { signedBy }: Outcome): string {
    const vkey = signedBy ?? key;
    if (vkey === null) return text("verify.by.none");
    const { name, id } = fingerprint(vkey);
    return text(`verify.by.${verdict}`, { name, id });
  }

  return { check, start: () => void run(null), again: (archive: Blob, trust: Trust) => void run({ archive, trust }), stop };
}

class CheckFailed extends Error {}

async function inWorker(archive: Blob, trust: Trust, signal: AbortSignal, progress: (share: number) => void): Promise<Outcome> {
  const worker = new Worker(new URL("./check-worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<Outcome>((done, failed) => {
      signal.addEventListener("abort", () => failed(signal.reason as Error));
      worker.onerror = ({ message }) => failed(new CheckFailed(message));
      worker.onmessage = ({ data }: MessageEvent<CheckMessage>) => {
        if (data.kind === "progress") progress(data.share);
        else if (data.kind === "done") done(data.outcome);
        else failed(new CheckFailed(data.why));
      };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage({ archive, trust });
    });
  } finally {
    worker.terminate();
  }
}
