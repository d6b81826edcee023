/** What follows from a sealed manifest for one person's part of the recording. */
import type { Manifest, ManifestInteraction } from "@earwitness/verify";

/** Whether there is sound in the part. */
export const isHeard = (part: ManifestInteraction, { tracks }: Manifest): boolean => tracks.some(({ offsetMs, durationMs }) => durationMs > 0 && overlaps(part, offsetMs, offsetMs + durationMs));

/** Whether something of it is missing. */
export const hasGaps = (part: ManifestInteraction, { tracks }: Manifest): boolean => tracks.some(({ gaps }) => gaps.some(({ fromMs, toMs }) => overlaps(part, fromMs, toMs)));

const overlaps = (part: ManifestInteraction, fromMs: number, toMs: number): boolean => Math.min(toMs, part.toMs ?? Infinity) > Math.max(fromMs, part.fromMs);
