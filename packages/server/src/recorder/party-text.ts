import type { Party } from "@earwitness/contract";

/**
 * What the contains-search looks through: names, addresses and numbers of all parties in one normalized text, each field
 * wrapped in U+001F so that a trigram index can also tell where a field begins. The query side uses `searchable` on what
 * the user typed.
 */
export function partyText(parties: readonly Party[]): string {
  const fields = parties.flatMap((party) => [party.name, party.address.replace(/^(sip:|\+)/, ""), party.upn]);
  const distinct = new Set(fields.filter((field) => field !== null && field !== "").map((field) => searchable(field!)));
  return distinct.size === 0 ? "" : `\u001f${[...distinct].join("\u001f\u001f")}\u001f`;
}

/** Lower case without diacritics. */
export function searchable(text: string): string {
  return text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase().replaceAll("ø", "o").replaceAll("ł", "l").replaceAll("ß", "ss").replaceAll("\u001f", "");
}
