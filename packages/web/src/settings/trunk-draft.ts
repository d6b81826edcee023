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

const keyOf = (id: string | null): string => `earwitness.draft.trunk.${id ?? "new"}`;

/** What was typed and not saved, kept in this tab when the page is left. */
export function readDraft(id: string | null): TrunkSettings | null {
  const kept = sessionStorage.getItem(keyOf(id));
  if (kept === null) return null;
  try {
    const draft: unknown = JSON.parse(kept);
    // Another version of the portal may have written it.
    const isWhole = typeof draft === "object" && draft !== null && Object.keys(newTrunk).every((key) => key in draft);
    return isWhole ? (draft as TrunkSettings) : null;
  } catch {
    return null;
  }
}

export function keepDraft(id: string | null, draft: TrunkSettings | null): void {
  if (draft === null) sessionStorage.removeItem(keyOf(id));
  else sessionStorage.setItem(keyOf(id), JSON.stringify(draft));
}
