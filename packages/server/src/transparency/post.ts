/** One request to somebody outside, bounded in time and size. What goes wrong is told in a sentence, not thrown. */
import { messageOf } from "#errors";

export type Posted = { readonly kind: "answer"; readonly status: number; readonly body: Uint8Array } | { readonly kind: "none"; readonly why: string };

/** Signatures and certificates are some kilobytes. */
const maxAnswerBytes = 64 * 1024;

export async function post(url: string, body: string | Uint8Array, { headers = {}, timeoutMs = 10_000 }: { readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {}): Promise<Posted> {
  try {
    const response = await fetch(url, { method: "POST", body: Buffer.from(body), headers, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > maxAnswerBytes) return { kind: "none", why: "it answers without end" };
      parts.push(part);
    }
    return { kind: "answer", status: response.status, body: Buffer.concat(parts) };
  } catch (error) {
    // fetch says “fetch failed”; why stands in its cause.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { kind: "none", why: error instanceof DOMException && error.name === "TimeoutError" ? `no answer within ${timeoutMs / 1000} s` : messageOf(cause) };
  }
}
