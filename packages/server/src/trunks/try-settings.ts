import type { TrunkSettings, TrunkTrialResult } from "@earwitness/contract";
import { findPerson, readAddress, type KnownPeople } from "#directory";

/** What a draft would make of sample participants: the very path that a call's participants go. */
export function trySettings(people: KnownPeople, { numbers, matching, personDomains, unknown }: TrunkSettings, samples: readonly string[]): TrunkTrialResult {
  return {
    results: samples.map((sample) => {
      const { address, steps } = readAddress(numbers, sample);
      const { person, explanation } = findPerson(people, { matching, personDomains }, address);
      const nobody = unknown === "record" ? "They would get an interaction of their own." : "They would get no interaction of their own.";
      const excluded = person?.recorded === false ? "They are excluded from recording." : null;
      return {
        sample,
        address,
        person: person === null ? null : { id: person.personId, name: person.displayName, recorded: person.recorded },
        explanation: [...steps.map((step) => `${step[0]!.toUpperCase()}${step.slice(1)}.`), explanation, ...(person === null ? [nobody] : []), ...(excluded === null ? [] : [excluded])].join(" "),
      };
    }),
  };
}
