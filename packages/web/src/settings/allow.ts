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

/** Whether this one of the list is where its trunk can be made to record everybody: the newest that was not recorded for want of a recorded person. */
export function offersEverybody(list: readonly Invitation[], index: number): boolean {
  const one = list[index];
  if (one?.reason !== "NOT_TO_BE_RECORDED" || one.trunk === null) return false;
  return list.findIndex((other) => other.reason === one.reason && other.trunk?.id === one.trunk?.id) === index;
}
