import { isSound, keyPressEntry, lostEntry } from "./codecs.ts";
import { byPlace, isOrdered, lost, readPress, samplesOf, type LogEntry } from "./packet-log.ts";

/**
 * What one second of one track finally holds: its packets in order, each once, and the loss that no late packet has taken
 * back. Live sealing and recovery both come through here, so that they agree to the byte.
 */
export function settleSecond(entries: readonly LogEntry[], sampleRate: number): LogEntry[] {
  const inOrder = isOrdered(entries) ? entries : entries.toSorted(byPlace);
  const once = (entry: LogEntry, i: number, all: readonly LogEntry[]): boolean => entry.atSample !== all[i - 1]?.atSample;
  const packets = inOrder.filter((entry) => isSound(entry.codec)).filter(once);
  const presses = longestPresses(inOrder.filter((entry) => entry.codec === keyPressEntry));
  const holes = inOrder.filter((entry) => entry.codec === lostEntry);
  if (holes.length === 0) return presses.length === 0 ? packets : [...packets, ...presses].sort(byPlace);
  const left: LogEntry[] = [];
  let until = -1; // end of the hole written last: two reports of one loss are one
  for (const hole of holes) {
    const end = hole.atSample + samplesOf(hole, sampleRate);
    let at = Math.max(hole.atSample, until);
    for (const packet of packets) {
      const packetEnd = packet.atSample + samplesOf(packet, sampleRate);
      if (packetEnd <= at || packet.atSample >= end) continue;
      if (packet.atSample > at) left.push(lost(at, packet.atSample - at));
      at = packetEnd;
    }
    if (at < end) left.push(lost(at, end - at));
    until = Math.max(until, end);
  }
  return [...packets, ...presses, ...left].sort(byPlace);
}

/** A press is told of when it begins, while it lasts and when it ends: once is enough. */
function longestPresses(entries: readonly LogEntry[]): LogEntry[] {
  if (entries.length < 2) return [...entries];
  const longest = new Map<string, LogEntry>();
  for (const entry of entries) {
    const { event, fromSample, durationMs } = readPress(entry);
    const name = `${fromSample}/${event}`;
    const known = longest.get(name);
    if (known === undefined || readPress(known).durationMs < durationMs) longest.set(name, entry);
  }
  return [...longest.values()].sort((a, b) => byPlace(a, b) || readPress(a).event - readPress(b).event);
}
