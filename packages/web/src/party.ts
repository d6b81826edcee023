import type { Interaction, Party } from "@earwitness/contract";

/** `sip:` says nothing to a reader. */
export const shortAddress = (address: string): string => address.replace(/^sips?:/, "");

/** Name if one is known, else the number or address. */
export const partyName = (party: { name: string | null; address: string } | null): string => (party ? party.name || shortAddress(party.address) : "");

/** What stands under the pointer where a name is shown (CAP-26). */
export function partyTip(party: { name: string | null; upn?: string | null; address: string } | null): string | undefined {
  if (!party?.name) return undefined;
  return [party.name, party.upn, shortAddress(party.address)].filter((one, n, all) => one && all.findIndex((other) => other?.toLowerCase() === one.toLowerCase()) === n).join(" · ");
}

export const isConference = (call: Pick<Interaction, "type">): boolean => call.type.startsWith("Conference_");

/** The other side, seen from the recorded person. */
export const otherParty = (call: Interaction): Party | null => (call.direction === "Incoming" ? call.calling : call.called);

/** Everybody but the caller, where there are more than the two whose columns name them (CAP-29). */
export function otherParticipants(call: Interaction): Party[] {
  if (call.participants.length <= 2) return [];
  return call.participants.filter((party) => party.address !== call.calling?.address);
}
