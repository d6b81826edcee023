/** A message trace as text, taken apart for the ladder. The text is the server's; the messages in it are anybody's. */

export interface TracedMessage {
  readonly at: Date;
  readonly direction: "in" | "out";
  readonly remote: string;
  readonly transport: string;
  /** `INVITE`, `200 OK`. */
  readonly title: string;
  /** Whether it asks or answers. */
  readonly isRequest: boolean;
  /** Which request is answered: the method of CSeq. */
  readonly method: string | null;
  /** Start line and headers. */
  readonly head: string;
  readonly body: string;
}

const separator = `\n${"-".repeat(72)}\n`;
const opening = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (received from|sent to) (\S+) \((\w+)\)\n\n/;

/** Null where it is not such a text; then it is shown as it is. */
export function readTrace(text: string): TracedMessage[] | null {
  const entries: string[] = [];
  for (const piece of text.split(separator)) {
    // A message may hold a line of dashes of its own; what follows does not begin like an entry.
    if (opening.test(piece)) entries.push(piece);
    else if (piece.trim() !== "" && entries.length === 0) return null;
    else if (piece.trim() !== "") entries.push(`${entries.pop()}${separator}${piece}`);
  }
  return entries.map(readEntry);
}

function readEntry(entry: string): TracedMessage {
  const [whole = "", at = "", how, remote = "", transport = ""] = opening.exec(entry) ?? [];
  const message = entry.slice(whole.length).trimEnd();
  const gap = message.indexOf("\n\n");
  const [head, body] = gap < 0 ? [message, ""] : [message.slice(0, gap), message.slice(gap + 2)];
  const [startLine = ""] = head.split("\n");
  const answer = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(startLine);
  return {
    at: new Date(at),
    direction: how === "sent to" ? "out" : "in",
    remote,
    transport,
    title: answer ? `${answer[1]} ${answer[2]}`.trim() : (startLine.split(" ")[0] ?? ""),
    isRequest: answer === null,
    method: /^CSeq\s*:\s*\d+\s+(\S+)/im.exec(head)?.[1] ?? null,
    head,
    body,
  };
}

/** `+0.011 s`; from a minute on `+1:02.4`. */
export function sinceFirst(ms: number): string {
  if (ms < 60_000) return `+${(ms / 1000).toFixed(3)} s`;
  return `+${Math.floor(ms / 60_000)}:${((ms % 60_000) / 1000).toFixed(1).padStart(4, "0")}`;
}
