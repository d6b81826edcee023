// In which order files are begun: those that take minutes first, the longest at the head, so that at the end no worker waits for another.
// Vitest's own order is by the durations of the last run, which a fresh checkout has none of and a run of a single file spoils, or by size.
import { BaseSequencer } from "vitest/node";

const dear = [
  "server/src/backup/backup", "server/src/backup/restore", "server/src/recorder/power-loss", "verify/src/verify-bundle", "verify/src/timestamp", "server/src/backup/upgrade", "server/src/recorder/media-pool",
  "server/src/fsck/running.db", "server/src/portal/control.db", "server/src/interactions/interactions.db", "server/src/fsck/fsck.db", "server/src/fsck/settings.db", "server/src/evidence/tamper.db", "server/src/audit/as-of.db", "server/src/evidence/sequencer.db",
  "calls/database-away", "calls/backup", "calls/keys-lost",
  "browser/trunks", "browser/portal", "browser/audit", "browser/proof",
].map((name) => `/${name}.test.ts`);

export class DearFirst extends BaseSequencer {
  async sort(files) {
    const sorted = await super.sort(files);
    const place = ({ moduleId }) => {
      const found = dear.findIndex((name) => moduleId.endsWith(name));
      return found === -1 ? dear.length : found;
    };
    // The kinds stay in the order that they came in.
    const kinds = [...new Set(sorted.map(({ project }) => project.name))];
    return sorted.toSorted((a, b) => kinds.indexOf(a.project.name) - kinds.indexOf(b.project.name) || place(a) - place(b));
  }
}
