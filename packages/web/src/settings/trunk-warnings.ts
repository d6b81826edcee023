import type { TrunkPage, TrunkSettings } from "@earwitness/contract";
import type { Text } from "../text.ts";
import { sharedNetworks, sharedWords } from "./shared-networks.ts";

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
  const trunks = known?.trunks ?? [];
  const shared = sharedNetworks({ settings: draft, known: trunks.find((trunk) => trunk.id === id) ?? null }, trunks).slice(0, mostNamed);
  const noTls = known?.takesTls === false ? text("trunk.addresses.noTls.ask") : undefined;
  return {
    networks: shared.length === 0 ? undefined : [...shared.map((one) => sharedWords(text, text("trunk.this"), one)), text("trunk.networks.own")].join(" "),
    transport: draft.transport === "tls" ? noTls : undefined,
    // Only TLS carries certificates.
    certificates: draft.certificates.length > 0 && draft.transport !== "tls" ? noTls : undefined,
  };
}
