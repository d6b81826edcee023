import { useEffect, useState } from "react";
import type { Versioned } from "../api.ts";
import { mergeChanges } from "./merge-changes.ts";

/** What was typed, and what it was typed over. */
interface Kept<T> {
  readonly draft: T;
  readonly base: Versioned<T>;
  /** The tag before the last save: an answer that is still on its way with it is old, not news. */
  readonly past?: string | null;
}

export interface Draft<T> {
  readonly value: T;
  readonly set: (value: T) => void;
  readonly base: Versioned<T>;
  readonly changed: boolean;
  /** What was saved elsewhere while this was being typed; it is in the form already. Null: nothing. */
  readonly news: News<T> | null;
  readonly discard: () => void;
  /** What was sent is saved; what was typed since then stays typed. */
  readonly saved: (sent: T, fresh: Versioned<T>) => void;
  /** What was typed has become a thing of its own, in the server's spelling: nothing of it is left for the next new one. */
  readonly created: (fresh: Versioned<T>) => void;
}

export interface News<T> {
  readonly both: readonly (keyof T & string)[];
  readonly theirs: readonly (keyof T & string)[];
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/**
 * A form's draft: kept in this tab when the page is left, and never lost to what others save meanwhile. `current` is what the server
 * has; a newer one goes into the form, but for the fields that were typed in.
 */
export function useDraft<T extends object>(name: string, current: Versioned<T>): Draft<T> {
  const key = `earwitness.draft.${name}`;
  const [{ draft, base, past }, setKept] = useState<Kept<T>>(() => readKept(key, current.value) ?? { draft: current.value, base: current });
  const [news, setNews] = useState<News<T> | null>(null);
  const changed = !same(draft, base.value);

  if (past !== undefined && past !== null && current.etag === base.etag) {
    // The save has come round; whatever follows is news again, also a return to what was before.
    setKept({ draft, base });
  } else if (current.etag !== past && (current.etag !== base.etag || !same(current.value, base.value))) {
    const merged = mergeChanges(base.value, draft, current.value);
    setKept({ draft: changed ? merged.value : current.value, base: current });
    if (changed && merged.both.length + merged.theirs.length > 0) setNews(merged);
  }

  useEffect(() => {
    if (changed) sessionStorage.setItem(key, JSON.stringify({ draft, base } satisfies Kept<T>));
    else sessionStorage.removeItem(key);
  }, [base, changed, draft, key]);

  return {
    value: draft,
    base,
    changed,
    news: changed ? news : null,
    set: (value) => setKept((before) => ({ ...before, draft: value })),
    discard: () => {
      setKept((before) => ({ ...before, draft: before.base.value }));
      setNews(null);
    },
    saved: (sent, fresh) => {
      setKept((before) => ({ draft: mergeChanges(sent, before.draft, fresh.value).value, base: fresh, past: before.base.etag }));
      setNews(null);
    },
    created: (fresh) => setKept({ draft: fresh.value, base: fresh, past: base.etag }),
  };
}

export const forgetDraft = (name: string): void => sessionStorage.removeItem(`earwitness.draft.${name}`);

/** Another version of the portal may have written it. */
function readKept<T extends object>(key: string, shape: T): Kept<T> | null {
  const text = sessionStorage.getItem(key);
  if (text === null) return null;
  try {
    const kept = JSON.parse(text) as { draft?: object; base?: { value?: object } } | null;
    const isWhole = (one: object | undefined) => typeof one === "object" && one !== null && Object.keys(shape).every((field) => field in one);
    return isWhole(kept?.draft) && isWhole(kept?.base?.value) ? (kept as Kept<T>) : null;
  } catch {
    return null; // not ours
  }
}
