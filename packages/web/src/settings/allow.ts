import type { Invitation } from "@earwitness/contract";

/** `address:port` without the port; IPv6 stands in brackets. */
export function addressOf(remote: string): string {
  return remote.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}

/** Whether this one of the list, newest first, is where its address can be allowed: the newest that was refused for it on the same trunk. */
export function offersAllow(list: readonly Invitation[], index: number): boolean {
  const one = list[index];
  if (one?.reason !== "SOURCE_NOT_ALLOWED") return false;
  const isSame = (other: Invitation) => other.reason === one.reason && other.trunk?.id === one.trunk?.id && addressOf(other.remoteAddress) === addressOf(one.remoteAddress);
  return list.findIndex(isSame) === index;
}
