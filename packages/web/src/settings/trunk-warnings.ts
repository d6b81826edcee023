import type { TrunkPage, TrunkSettings } from "@earwitness/contract";
import type { Text } from "../text.ts";
import { isSame, sharedNetworks } from "./shared-networks.ts";
import { shortNetwork } from "./network.ts";

/** What may be meant and has a consequence: said at its field before it is saved. */
export interface TrunkWarnings {
  readonly networks: string | undefined;
  readonly transport: string | undefined;
  readonly certificates: string | undefined;
}

/** More would say less. */
const mostNamed = 3;

/** `known`: all trunks and how the installation takes calls; undefined while that is not known. `id` null: the trunk is not there yet. */
export function trunkWarnings(draft: TrunkSettings, id: string | null, known: TrunkPage | undefined, text: Text): TrunkWarnings {
  const others = known?.trunks.filter((trunk) => trunk.id !== id) ?? [];
  const shared = sharedNetworks(draft.sourceNetworks, others).slice(0, mostNamed);
  const noTls = known?.takesTls === false ? text("trunk.addresses.noTls.ask") : undefined;
  return {
    networks:
      shared.length === 0
        ? undefined
        : shared
            .map(({ network, other, trunk }) => text(isSame(network, other) ? "trunk.networks.same" : "trunk.networks.overlap", { network: shortNetwork(network), other: shortNetwork(other), trunk }))
            .concat(text(shared.every(({ network, other }) => isSame(network, other)) ? "trunk.networks.whose.same" : "trunk.networks.whose"))
            .join(" "),
    transport: draft.transport === "tls" ? noTls : undefined,
    // Only TLS carries certificates.
    certificates: draft.certificates.length > 0 && draft.transport !== "tls" ? noTls : undefined,
  };
}
