import ipaddr from "ipaddr.js";

export type ReadNetwork = { readonly ok: true; readonly network: string } | { readonly ok: false; readonly message: string };

/** An address or a network as somebody typed it, in one spelling: `192.0.2.7/32`, an IPv4 one never dressed as IPv6. */
export function readNetwork(text: string): ReadNetwork {
  const [address = "", bits, ...rest] = text.trim().split("/");
  // The parser takes `10.1` and `010.0.0.1` for addresses as well, and not for those that people mean.
  const isV4 = ipaddr.IPv4.isValidFourPartDecimal(address);
  const isV6 = !isV4 && !address.includes("%") && ipaddr.IPv6.isValid(address);
  const most = isV4 ? 32 : 128;
  if ((!isV4 && !isV6) || rest.length > 0 || (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most))) {
    return { ok: false, message: `“${text}” is no network such as 192.0.2.0/24 or 192.0.2.7/32` };
  }
  const written = ipaddr.parse(address);
  const length = bits === undefined ? most : Number(bits);
  const isMapped = written instanceof ipaddr.IPv6 && written.isIPv4MappedAddress() && length >= 96;
  const parsed = isMapped ? written.toIPv4Address() : written;
  const own = isMapped ? length - 96 : length;
  const cidr = `${parsed.toString()}/${own}`;
  const base = (parsed.kind() === "ipv4" ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr)).toString();
  if (base !== parsed.toString()) return { ok: false, message: `“${text}” has bits to the right of its /${length}; did you mean ${base}/${own}?` };
  return { ok: true, network: `${base}/${own}` };
}

/** Whether two networks in the spelling of `readNetwork` have an address in common. */
export function networksOverlap(one: string, other: string): boolean {
  const [a, aBits] = ipaddr.parseCIDR(one);
  const [b, bBits] = ipaddr.parseCIDR(other);
  return a.kind() === b.kind() && a.match(b as ipaddr.IPv4 & ipaddr.IPv6, Math.min(aBits, bBits));
}
