import type { Invitation } from "@earwitness/contract";
import type { MessageId } from "../messages/en.ts";

/** What became of an invitation, as a word and a color that is never alone. */
export const outcomeWords: Readonly<Record<Invitation["outcome"], MessageId>> = {
  recorded: "invitations.outcome.recorded",
  ignored: "invitations.outcome.ignored",
  refused: "invitations.outcome.refused",
};

/** `address:port` without the port; IPv6 stands in brackets. */
export function addressOf(remote: string): string {
  return remote.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
