import { splitOutsideQuotes } from "./header-text.ts";

/** RFC 3261 7.3.3 and the IANA registry of compact forms. */
const COMPACT: Readonly<Record<string, string>> = {
  a: "accept-contact",
  b: "referred-by",
  c: "content-type",
  d: "request-disposition",
  e: "content-encoding",
  f: "from",
  i: "call-id",
  j: "reject-contact",
  k: "supported",
  l: "content-length",
  m: "contact",
  n: "identity-info",
  o: "event",
  r: "refer-to",
  s: "subject",
  t: "to",
  u: "allow-events",
  v: "via",
  x: "session-expires",
  y: "identity",
};

/** Headers whose one line may carry several values separated by commas. */
const LISTS: ReadonlySet<string> = new Set([
  "accept",
  "accept-contact",
  "accept-encoding",
  "accept-language",
  "alert-info",
  "allow",
  "allow-events",
  "call-info",
  "contact",
  "content-encoding",
  "content-language",
  "diversion",
  "error-info",
  "geolocation",
  "history-info",
  "in-reply-to",
  "p-asserted-identity",
  "p-preferred-identity",
  "path",
  "privacy",
  "proxy-require",
  "reason",
  "record-route",
  "reject-contact",
  "require",
  "route",
  "security-client",
  "security-server",
  "security-verify",
  "service-route",
  "supported",
  "unsupported",
  "user-to-user",
  "via",
  "warning",
]);

export type SipHeaderField = readonly [name: string, value: string];

/** The key under which a header is found: lower case, long form. */
function keyOf(name: string): string {
  const lower = name.toLowerCase();
  return (lower.length === 1 ? COMPACT[lower] : undefined) ?? lower;
}

/** Header fields in their order, each as it stood on its line; found by name in any case and in compact form. */
export class SipHeaders implements Iterable<SipHeaderField> {
  readonly #fields: { readonly name: string; readonly key: string; readonly value: string }[] = [];

  constructor(fields: Iterable<SipHeaderField> = []) {
    for (const [name, value] of fields) this.add(name, value);
  }

  /** Value of the first such line. */
  get(name: string): string | undefined {
    const key = keyOf(name);
    return this.#fields.find((field) => field.key === key)?.value;
  }

  /** Values of all such lines, one element per line. */
  all(name: string): string[] {
    const key = keyOf(name);
    return this.#fields.filter((field) => field.key === key).map((field) => field.value);
  }

  /** Values over all such lines, comma-separated ones taken apart where the header is a list. */
  list(name: string): string[] {
    const values = this.all(name);
    return LISTS.has(keyOf(name)) ? values.flatMap((value) => splitOutsideQuotes(value, ",")) : values;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Appends a line. */
  add(name: string, value: string): this {
    this.#fields.push({ name, key: keyOf(name), value });
    return this;
  }

  /** One line in place of all such lines, where the first of them stood. */
  set(name: string, value: string): this {
    const key = keyOf(name);
    const first = this.#fields.findIndex((field) => field.key === key);
    if (first < 0) return this.add(name, value);
    this.delete(name);
    this.#fields.splice(first, 0, { name, key, value });
    return this;
  }

  delete(name: string): this {
    const key = keyOf(name);
    const kept = this.#fields.filter((field) => field.key !== key);
    this.#fields.splice(0, this.#fields.length, ...kept);
    return this;
  }

  get size(): number {
    return this.#fields.length;
  }

  *[Symbol.iterator](): Generator<SipHeaderField> {
    for (const field of this.#fields) yield [field.name, field.value];
  }
}
