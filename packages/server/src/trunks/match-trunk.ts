import ipaddr from "ipaddr.js";

/** What matching looks at; the node's snapshot has it. */
export interface KnownTrunks {
  readonly tenants: readonly {
    readonly tenantId: string;
    readonly trunks: readonly { readonly trunkId: string; readonly name: string; readonly enabled?: boolean; readonly sourceNetworks: readonly string[] }[];
  }[];
}

export interface TrunkMatch {
  readonly tenantId: string;
  readonly trunkId: string;
  readonly trunkName: string;
}

interface Network {
  readonly cidr: string;
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
  readonly trunk: TrunkMatch;
}

/** Made once for each snapshot. Most specific first. */
const indexes = new WeakMap<KnownTrunks, readonly Network[]>();

function networksOf(snapshot: KnownTrunks): readonly Network[] {
  const known = indexes.get(snapshot);
  if (known !== undefined) return known;
  const networks: Network[] = [];
  for (const { tenantId, trunks } of snapshot.tenants) {
    for (const { trunkId, name, enabled = true, sourceNetworks } of trunks) {
      if (!enabled) continue;
      for (const cidr of sourceNetworks) {
        const [address, bits] = parseNetwork(cidr);
        networks.push({ cidr, address, bits, trunk: { tenantId, trunkId, trunkName: name } });
      }
    }
  }
  // Inside a tenant a tie goes to the trunk whose id is lower: the same on every node, always.
  networks.sort((a, b) => b.bits - a.bits || (a.trunk.trunkId < b.trunk.trunkId ? -1 : 1));
  indexes.set(snapshot, networks);
  return networks;
}

/** An IPv4 network may be written as an IPv6-mapped one; it is the same network. */
function parseNetwork(cidr: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const [address, bits] = ipaddr.parseCIDR(cidr);
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96 ? [address.toIPv4Address(), bits - 96] : [address, bits];
}

function contains(network: Network, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return network.address.kind() === address.kind() && address.match(network.address as ipaddr.IPv4 & ipaddr.IPv6, network.bits);
}

/**
 * The trunk that an address sends for: the most specific network over all tenants. Null where nobody claims the address,
 * and where two tenants claim it alike: recording a call for the wrong one would be worse than not recording it.
 */
export function matchTrunk(snapshot: KnownTrunks, remoteAddress: string): TrunkMatch | null {
  const text = remoteAddress.replace(/%.*$/, ""); // a zone says which interface, not who
  if (!ipaddr.isValid(text)) return null;
  const address = ipaddr.process(text); // an IPv4 sender on a dual-stack socket looks like ::ffff:10.0.0.1
  const matching = networksOf(snapshot).filter((network) => contains(network, address));
  const [best] = matching;
  if (best === undefined) return null;
  const isContested = matching.some(({ bits, trunk }) => bits === best.bits && trunk.tenantId !== best.trunk.tenantId);
  return isContested ? null : best.trunk;
}

/** Networks that more than one tenant claims: whoever sends from there is refused until somebody decides. */
export function contestedNetworks(snapshot: KnownTrunks): string[] {
  const claims = new Map<string, Set<string>>();
  for (const { address, bits, trunk } of networksOf(snapshot)) {
    const network = `${address.toString()}/${bits}`;
    claims.set(network, (claims.get(network) ?? new Set()).add(trunk.tenantId));
  }
  return [...claims].filter(([, tenants]) => tenants.size > 1).map(([network]) => network);
}
