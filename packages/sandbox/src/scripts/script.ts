import { findContact, type Contact } from "../contoso.ts";

/** A conversation as data: who may play it, what they say, and what happens to the call meanwhile. */
export interface Script {
  readonly name: string;
  /** One line for `--list`. */
  readonly title: string;
  readonly codec: "PCMU" | "PCMA";
  /** For each role, who may play it; one is drawn for each call, nobody twice. */
  readonly cast: Readonly<Record<string, readonly string[]>>;
  /** Roles that are in the call when it begins, the caller first. */
  readonly opening: readonly string[];
  /** The role that had the call before it was copied, such as the queue it came from, and for how long. */
  readonly earlier?: { readonly who: string; readonly ms: number };
  readonly steps: readonly Step[];
}

export type Step =
  /** Begins `gapMs` after the turn before has ended; a negative gap talks into it. */
  | { readonly kind: "say"; readonly who: string; readonly text: string; readonly gapMs: number }
  /** Nobody speaks. */
  | { readonly kind: "wait"; readonly ms: number }
  /** `inactive`: the stream stops and SDP says so; `metadata`: the stream goes on in silence. */
  | { readonly kind: "hold"; readonly who: string; readonly style: "metadata" | "inactive" }
  | { readonly kind: "resume"; readonly who: string }
  | { readonly kind: "join"; readonly who: string }
  | { readonly kind: "leave"; readonly who: string }
  /** `by` takes the place of `who`: in the same session, or in a new one of the same group. */
  | { readonly kind: "replace"; readonly who: string; readonly by: string }
  | { readonly kind: "transfer"; readonly who: string; readonly by: string };

export const say = (who: string, text: string, gapMs = 350): Step => ({ kind: "say", who, text, gapMs });
export const wait = (ms: number): Step => ({ kind: "wait", ms });
export const hold = (who: string, style: "metadata" | "inactive" = "metadata"): Step => ({ kind: "hold", who, style });
export const resume = (who: string): Step => ({ kind: "resume", who });
export const join = (who: string): Step => ({ kind: "join", who });
export const leave = (who: string): Step => ({ kind: "leave", who });
export const replace = (who: string, by: string): Step => ({ kind: "replace", who, by });
export const transfer = (who: string, by: string): Step => ({ kind: "transfer", who, by });

/** Everything that is wrong with a script; empty where it can be performed. */
export function faultsOf(script: Script): string[] {
  const faults: string[] = [];
  const roles = Object.keys(script.cast);
  for (const [role, keys] of Object.entries(script.cast)) {
    if (keys.length === 0) faults.push(`${role}: nobody may play it`);
    for (const key of keys) if (findContact(key) === undefined) faults.push(`${role}: there is no ${key}`);
  }
  if (script.opening.length < 2) faults.push("fewer than two parties at the beginning");
  const present = new Set(script.opening);
  const onHold = new Set<string>();
  for (const role of [...script.opening, ...(script.earlier === undefined ? [] : [script.earlier.who])]) if (!roles.includes(role)) faults.push(`opening: no role ${role}`);
  script.steps.forEach((step, index) => {
    const at = `step ${index + 1} (${step.kind})`;
    if (step.kind === "wait") return;
    if (step.kind === "join") {
      if (!roles.includes(step.who)) faults.push(`${at}: no role ${step.who}`);
      if (present.has(step.who)) faults.push(`${at}: ${step.who} is in the call already`);
      present.add(step.who);
      return;
    }
    if (!present.has(step.who)) faults.push(`${at}: ${step.who} is not in the call`);
    switch (step.kind) {
      case "say":
        if (onHold.has(step.who)) faults.push(`${at}: ${step.who} is on hold`);
        if (step.text.trim() === "") faults.push(`${at}: nothing to say`);
        break;
      case "hold":
        onHold.add(step.who);
        break;
      case "resume":
        if (!onHold.delete(step.who)) faults.push(`${at}: ${step.who} is not on hold`);
        break;
      case "leave":
        present.delete(step.who);
        break;
      case "replace":
      case "transfer":
        if (!roles.includes(step.by)) faults.push(`${at}: no role ${step.by}`);
        if (present.has(step.by)) faults.push(`${at}: ${step.by} is in the call already`);
        present.delete(step.who);
        onHold.delete(step.who);
        present.add(step.by);
        break;
    }
  });
  return faults;
}

/** Draws who plays which role, with the roles that only one may play first; `chosen` pins some. Null where there are too few people who are free. */
export function castScript(script: Script, options: { chosen?: Readonly<Record<string, Contact>>; busy?: ReadonlySet<string>; random?: () => number } = {}): Map<string, Contact> | null {
  const { chosen = {}, busy = new Set<string>(), random = Math.random } = options;
  const cast = new Map<string, Contact>(Object.entries(chosen));
  const taken = new Set<string>([...busy, ...[...cast.values()].map((contact) => contact.key)]);
  const open = Object.entries(script.cast).filter(([role]) => !cast.has(role));
  for (const [role, keys] of open.sort(([, left], [, right]) => left.length - right.length)) {
    const free = keys.filter((key) => !taken.has(key));
    const contact = findContact(free[Math.floor(random() * free.length)] ?? "");
    if (contact === undefined) return null;
    taken.add(contact.key);
    cast.set(role, contact);
  }
  return cast;
}
