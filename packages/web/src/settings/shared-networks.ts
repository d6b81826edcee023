import type { Trunk } from "@earwitness/contract";
import { overlap, shortNetwork } from "./network.ts";

export interface SharedNetwork {
  /** As it was typed. */
  readonly network: string;
  /** Of the other trunk, which holds a part of it, all of it, or is the same. */
  readonly other: string;
  readonly trunk: string;
}

/** Which of a trunk's networks may send for another one that is on, too: the first such trunk for each. */
export function sharedNetworks(networks: readonly string[], others: readonly Trunk[]): SharedNetwork[] {
  const claims = others.filter(({ settings }) => settings.enabled).flatMap(({ settings }) => settings.sourceNetworks.map((other) => ({ other, trunk: settings.name })));
  return networks.flatMap((network) => {
    const found = claims.find(({ other }) => isSame(network, other)) ?? claims.find(({ other }) => overlap(network, other));
    return found === undefined ? [] : [{ network, ...found }];
  });
}

export const isSame = (network: string, other: string): boolean => shortNetwork(network.trim()) === shortNetwork(other);
