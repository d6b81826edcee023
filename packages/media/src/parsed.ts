/** What a reader of foreign text answers: the value, or one sentence saying what was wrong with it. Readers never throw. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** `reason` must not quote unbounded input: it ends up in responses and alarms. */
export function refused(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}
