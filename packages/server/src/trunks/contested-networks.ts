import type { KnownSenders } from "./identify.ts";
import { plainNetwork } from "./network-index.ts";

/** Networks that more than one tenant claims: whoever sends from there is refused until somebody decides. */
export function contestedNetworks(snapshot: KnownSenders): string[] {
  const claims = new Map<string, Set<string>>();
  for (const { tenantId, trunks } of snapshot.tenants) {
    for (const network of trunks.flatMap(({ enabled, sourceNetworks }) => (enabled ? sourceNetworks.map(plainNetwork) : []))) {
      claims.set(network, (claims.get(network) ?? new Set()).add(tenantId));
    }
  }
  return [...claims].filter(([, tenants]) => tenants.size > 1).map(([network]) => network);
}
