import type { Trunk, TrunkSettings } from "@earwitness/contract";
import type { Text } from "../text.ts";
import { overlap, readNetwork, shortNetwork } from "./network.ts";

export interface SharedNetwork {
  /** As it was typed. */
  readonly network: string;
  /** Of the other trunk, which holds a part of it, all of it, or is the same. */
  readonly other: string;
  readonly trunk: string;
  /** Whether a call from there that names neither trunk's recording address goes to the other one. */
  readonly goesToOther: boolean;
  /** What decides that. */
  readonly because: "smaller" | "older" | "off";
}

/** A trunk as its form has it. */
export interface OwnTrunk {
  readonly settings: Pick<TrunkSettings, "sourceNetworks" | "enabled">;
  /** Null: not set up yet, and so younger than all others. */
  readonly known: Pick<Trunk, "id" | "createdAt"> | null;
}

/**
 * Which of a trunk's networks may send for another one that is on, too, and which of the two takes the calls to an address that
 * is no trunk's: the smaller network, of the same one the older trunk, as the recorder decides. Of several others the one that
 * would take them.
 */
export function sharedNetworks({ settings, known }: OwnTrunk, all: readonly Trunk[]): SharedNetwork[] {
  const claims = all
    .filter((trunk) => trunk.settings.enabled && trunk.id !== known?.id)
    .toSorted(olderFirst)
    .flatMap((trunk) => trunk.settings.sourceNetworks.map((other) => ({ other, trunk })));
  return settings.sourceNetworks.flatMap((network): SharedNetwork[] => {
    const overlapping = claims.filter(({ other }) => overlap(network, other)).toSorted((a, b) => bitsOf(b.other) - bitsOf(a.other));
    const found = overlapping.find(({ other }) => isSame(network, other)) ?? overlapping[0];
    if (found === undefined) return [];
    const { other, trunk } = found;
    const named = { network, other, trunk: trunk.settings.name };
    if (!isSame(network, other)) return [{ ...named, goesToOther: bitsOf(other) > bitsOf(network), because: "smaller" }];
    if (!settings.enabled) return [{ ...named, goesToOther: true, because: "off" }];
    return [{ ...named, goesToOther: known === null || olderFirst(trunk, known) < 0, because: "older" }];
  });
}

/** `own`: how the trunk is called whose form or invitation it is. */
export const sharedWords = (text: Text, own: string, { network, other, trunk, goesToOther, because }: SharedNetwork): string =>
  text(isSame(network, other) ? "trunk.networks.same" : "trunk.networks.overlap", {
    network: shortNetwork(network.trim()),
    other: shortNetwork(other),
    trunk,
    taker: goesToOther ? text("trunk.named", { trunk }) : own,
    because,
  });

const isSame = (network: string, other: string): boolean => overlap(network, other) && bitsOf(network) === bitsOf(other);
const bitsOf = (network: string): number => readNetwork(network)?.bits ?? 0;

type Aged = Pick<Trunk, "id" | "createdAt">;
const olderFirst = (one: Aged, other: Aged): number => Date.parse(one.createdAt) - Date.parse(other.createdAt) || (one.id < other.id ? -1 : 1);
