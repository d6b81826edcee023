/** Streams that are open: how many there may be, and that those of strangers never take the place of a trunk's. */
export interface ConnectionCaps {
  /** All together. */
  readonly connections: number;
  /** Of one address of a trunk. */
  readonly connectionsPerSource: number;
  /** Of all addresses that are no trunk's, and of each of them. What is left of `connections` is reserved for trunks. */
  readonly strangerConnections: number;
  readonly connectionsPerStranger: number;
}

export interface ConnectionCount {
  /** Takes a place; answers how to give it back (once, however often it is called), or null where there is none. */
  take(address: string, isTrunk: boolean): (() => void) | null;
  readonly total: number;
  readonly strangers: number;
}

export function createConnectionCount(caps: ConnectionCaps): ConnectionCount {
  const perSource = new Map<string, number>();
  let total = 0;
  let strangers = 0;
  return {
    take(address, isTrunk) {
      const ofSource = perSource.get(address) ?? 0;
      const full = isTrunk ? ofSource >= caps.connectionsPerSource : ofSource >= caps.connectionsPerStranger || strangers >= caps.strangerConnections;
      if (full || total >= caps.connections) return null;
      total += 1;
      if (!isTrunk) strangers += 1;
      perSource.set(address, ofSource + 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        total -= 1;
        if (!isTrunk) strangers -= 1;
        const left = (perSource.get(address) ?? 1) - 1;
        if (left > 0) perSource.set(address, left);
        else perSource.delete(address);
      };
    },
    get total() {
      return total;
    },
    get strangers() {
      return strangers;
    },
  };
}
