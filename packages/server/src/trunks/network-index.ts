import ipaddr from "ipaddr.js";

interface Prefix<T> {
  readonly bits: number;
  /** How far an address is shifted so that its network is left. */
  readonly shift: bigint;
  readonly entries: Map<bigint, T[]>;
}

export interface NetworkFound<T> {
  readonly bits: number;
  readonly claims: readonly T[];
}

/**
 * Which networks an address is in, the most specific first. A look costs one step for each length of prefix that is in use,
 * however many networks there are: it is made for every request, a stranger's too.
 */
export interface NetworkIndex<T> {
  find(remoteAddress: string): readonly NetworkFound<T>[];
}

export function createNetworkIndex<T>(networks: Iterable<readonly [cidr: string, claim: T]>): NetworkIndex<T> {
  const byKind = { ipv4: new Map<number, Prefix<T>>(), ipv6: new Map<number, Prefix<T>>() };
  for (const [cidr, claim] of networks) {
    const [address, bits] = unmapped(...ipaddr.parseCIDR(cidr));
    const prefixes = byKind[address.kind()];
    const prefix = prefixes.get(bits) ?? { bits, shift: BigInt(widthOf(address) - bits), entries: new Map<bigint, T[]>() };
    prefixes.set(bits, prefix);
    const key = valueOf(address) >> prefix.shift;
    prefix.entries.set(key, [...(prefix.entries.get(key) ?? []), claim]);
  }
  const ordered = { ipv4: mostSpecificFirst(byKind.ipv4), ipv6: mostSpecificFirst(byKind.ipv6) };
  return {
    find(remoteAddress) {
      const address = readAddress(remoteAddress);
      if (address === null) return [];
      const value = valueOf(address);
      return ordered[address.kind()].flatMap(({ bits, shift, entries }) => {
        const claims = entries.get(value >> shift);
        return claims === undefined ? [] : [{ bits, claims }];
      });
    },
  };
}

const mostSpecificFirst = <T>(prefixes: Map<number, Prefix<T>>): Prefix<T>[] => [...prefixes.values()].sort((a, b) => b.bits - a.bits);

/** An IPv4 sender on a dual-stack socket looks like ::ffff:10.0.0.1; a zone says which interface, not who. */
export function readAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const plain = text.length > 64 ? "" : text.replace(/%.*$/s, "").replace(/^::ffff:(?=[0-9.]+$)/i, "");
  return ipaddr.IPv4.isValidFourPartDecimal(plain) || (plain.includes(":") && ipaddr.IPv6.isValid(plain)) ? ipaddr.process(plain) : null;
}

/** The address as people write it: no IPv4 dressed as IPv6. */
export function plainAddress(text: string): string {
  return readAddress(text)?.toString() ?? text.slice(0, 64);
}

function unmapped(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96 ? [address.toIPv4Address(), bits - 96] : [address, bits];
}

/** An IPv4 network may be written as an IPv6-mapped one; it is the same network. */
export function plainNetwork(cidr: string): string {
  const [address, bits] = unmapped(...ipaddr.parseCIDR(cidr));
  return `${address.toString()}/${bits}`;
}

const widthOf = (address: ipaddr.IPv4 | ipaddr.IPv6): number => (address.kind() === "ipv4" ? 32 : 128);

function valueOf(address: ipaddr.IPv4 | ipaddr.IPv6): bigint {
  if (address instanceof ipaddr.IPv6) return address.parts.reduce((value, part) => (value << 16n) | BigInt(part), 0n);
  const [a = 0, b = 0, c = 0, d = 0] = address.octets;
  return BigInt(((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
}

/** The network of so many bits that an address is in. */
export function networkOf(remoteAddress: string, bits: number): string {
  const address = readAddress(remoteAddress);
  if (address === null) return remoteAddress.slice(0, 64);
  const cidr = `${address.toString()}/${bits}`;
  const base = (address.kind() === "ipv4" ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr)).toString();
  return `${base}/${bits}`;
}
