import type { TrunkSettings } from "@earwitness/contract";

/** What a new trunk begins with: nobody may send, people are known by address and number, outsiders get no interaction of their own. */
export const newTrunk: TrunkSettings = {
  name: "",
  enabled: true,
  sourceNetworks: [],
  transport: "any",
  media: "any",
  certificates: [],
  personDomains: [],
  numbers: { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] },
  matching: [{ by: "address" }, { by: "number" }],
  unknown: "ignore",
};
