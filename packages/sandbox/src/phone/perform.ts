import { addressOf, type Contact } from "../contoso.ts";
import type { Script } from "../scripts/index.ts";
import type { Renderer } from "../speech/renderer.ts";
import type { CallPlan, PartyPlan, PlacedCall } from "./place-call.ts";

/** A script with its cast drawn and every line already spoken: nothing has to be computed while the call runs. */
export interface Performance {
  readonly script: Script;
  readonly cast: ReadonlyMap<string, Contact>;
  /** By index of the step. */
  readonly lines: ReadonlyMap<number, Uint8Array>;
}

export async function prepare(script: Script, cast: ReadonlyMap<string, Contact>, renderer: Renderer, codec = script.codec): Promise<Performance> {
  const lines = new Map<number, Uint8Array>();
  for (const [index, step] of script.steps.entries()) {
    const voice = step.kind === "say" ? cast.get(step.who)?.voice : undefined;
    if (step.kind === "say" && voice !== undefined) lines.set(index, await renderer.say(voice, step.text, codec));
  }
  return { script, cast, lines };
}

function partyOf(performance: Performance, role: string): PartyPlan {
  const contact = performance.cast.get(role);
  if (contact === undefined) throw new Error(`nobody plays ${role}`);
  return { name: contact.displayName, aor: addressOf(contact) };
}

export const openingParties = (performance: Performance): Pick<CallPlan, "parties" | "earlier"> => ({
  parties: performance.script.opening.map((role) => partyOf(performance, role)),
  ...(performance.script.earlier === undefined ? {} : { earlier: { ...partyOf(performance, performance.script.earlier.who), durationMs: performance.script.earlier.ms } }),
});

/** G.711 has eight bytes for each millisecond. */
const bytesPerMs = 8;

/** Plays a script into a call that was just placed, until its last word; hanging up is left to the caller. `signal` stops it early. */
export async function perform(performance: Performance, call: PlacedCall, signal: AbortSignal): Promise<void> {
  let over = signal.aborted;
  let wake: () => void = () => undefined;
  const stop = (): void => {
    over = true;
    wake();
  };
  signal.addEventListener("abort", stop, { once: true });
  void call.ended.then(stop);
  const until = async (mediaMs: number): Promise<void> => {
    const waitMs = mediaMs - call.elapsedMs();
    if (over || waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  };

  /** Media time at which the last turn ends. */
  let spokenMs = 0;
  try {
    for (const [index, step] of performance.script.steps.entries()) {
      if (over) return;
      if (step.kind === "say") {
        const line = performance.lines.get(index);
        if (line === undefined) continue;
        const atMs = Math.max(spokenMs + step.gapMs, call.elapsedMs() + 40);
        call.say(partyOf(performance, step.who).aor, line, atMs);
        spokenMs = Math.max(spokenMs, atMs + line.length / bytesPerMs);
        continue;
      }
      // What happens to the call happens when the words before it have been said.
      await until(spokenMs);
      if (over) return;
      const { aor } = step.kind === "wait" ? { aor: "" } : partyOf(performance, step.who);
      switch (step.kind) {
        case "wait":
          spokenMs += step.ms;
          break;
        case "hold":
          await call.hold(aor, step.style);
          break;
        case "resume":
          await call.resume(aor);
          break;
        case "join":
          await call.join(partyOf(performance, step.who));
          break;
        case "leave":
          await call.leave(aor);
          break;
        case "replace":
          await call.replace(aor, partyOf(performance, step.by));
          break;
        case "transfer":
          await call.transfer(aor, partyOf(performance, step.by));
          break;
      }
      spokenMs = Math.max(spokenMs, call.elapsedMs());
    }
    await until(spokenMs + 400);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
