import { createHash } from "node:crypto";
import { Refusal } from "#errors";

/** Names a state of something: the same content, the same tag. */
export function entityTag(content: unknown): string {
  return `"${createHash("sha256").update(JSON.stringify(content)).digest("base64url").slice(0, 22)}"`;
}

/** Refuses a change that was made looking at another state. Without If-Match whoever asks has not looked, and says so. */
export function refuseStale(ifMatch: string | undefined, current: string, what: string): void {
  if (ifMatch === undefined || ifMatch.trim() === "*") return;
  const tags = ifMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (tags.includes(current)) return;
  throw new Refusal("CHANGED_MEANWHILE", 412, `Somebody else changed this ${what} since you read it. Read it again and make your change to what it is now.`);
}
