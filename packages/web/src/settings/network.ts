/** Addresses and networks as people type them; the server decides, this only tells at once what it will say. */

interface Network {
  readonly isV6: boolean;
  readonly value: bigint;
  readonly bits: number;
}

export function readNetwork(text: string): Network | null {
  const [address = "", length, ...rest] = text.trim().split("/");
  const isV6 = address.includes(":");
  const value = isV6 ? readV6(address) : readV4(address);
  const most = isV6 ? 128 : 32;
  if (value === null || rest.length > 0 || (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > most))) return null;
  return { isV6, value, bits: length === undefined ? most : Number(length) };
}

function readV4(address: string): bigint | null {
  const parts = address.split(".");
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)) return null;
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function readV6(address: string): bigint | null {
  const halves = address.split("::");
  if (halves.length > 2) return null;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  const given = groups.flat();
  if (given.some((group) => !/^[0-9a-f]{1,4}$/i.test(group)) || (halves.length === 1 ? given.length !== 8 : given.length > 7)) return null;
  const filled = halves.length === 1 ? given : [...groups[0]!, ...Array.from({ length: 8 - given.length }, () => "0"), ...groups[1]!];
  return filled.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

/** Whether one of the networks holds the address. */
export function isWithin(networks: readonly string[], address: string): boolean {
  const one = readNetwork(address);
  if (one === null) return false;
  return networks.some((network) => (readNetwork(network)?.bits ?? 129) <= one.bits && overlap(network, address));
}

/** Whether some address is in both. */
export function overlap(text: string, otherText: string): boolean {
  const [one, other] = [readNetwork(text), readNetwork(otherText)];
  if (one === null || other === null || one.isV6 !== other.isV6) return false;
  const rest = BigInt((one.isV6 ? 128 : 32) - Math.min(one.bits, other.bits));
  return one.value >> rest === other.value >> rest;
}

/** One address reads better without saying that it is one. */
export const shortNetwork = (network: string): string => network.replace(network.includes(":") ? /\/128$/ : /\/32$/, "");
