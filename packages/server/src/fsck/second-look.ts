import { setTimeout as sleep } from "node:timers/promises";
import { nameOf, type Finding } from "./finding.ts";

/** How long a live installation is given to finish what it was in the middle of. */
export interface Patience {
  /** Between two looks: longer than the log takes to give a row its place. */
  readonly pauseMs: number;
  /** Looks after the first. */
  readonly looks: number;
}

export interface SecondLook {
  /** What the look finds every time. */
  <T extends { readonly findings: readonly Finding[] }>(look: () => Promise<T>): Promise<T>;
}

/** So many places are waited for with patience; where more differ than that, it is no hurry of the installation's own. */
const patientLooks = 10;
const hastyMs = 500;

/**
 * A check reads a database in several statements, and files beside it, while others write: what was erased, compacted or finished in
 * between would look like a difference. So what is found is looked at again, and only what is still there, word for word, is told.
 */
export function createSecondLook({ pauseMs, looks }: Patience): SecondLook {
  let persisting = 0;
  return async (look) => {
    let latest = await look();
    let found = latest.findings;
    for (let again = 0; found.length > 0 && again < (persisting < patientLooks ? looks : 1); again += 1) {
      await sleep(persisting < patientLooks ? pauseMs : Math.min(pauseMs, hastyMs));
      latest = await look();
      const now = new Set(latest.findings.map(nameOf));
      found = found.filter((finding) => now.has(nameOf(finding)));
    }
    if (found.length > 0) persisting += 1;
    return { ...latest, findings: found };
  };
}
