/** The smallest input found that still fails in the same way: pieces are cut out, large ones first, as long as it does. */
export function minimize(input: Uint8Array, stillFails: (candidate: Uint8Array) => boolean, maxRuns = 2_000): Uint8Array {
  let smallest = input;
  let runs = 0;
  for (let size = smallest.length >> 1; size > 0 && runs < maxRuns; size >>= 1) {
    for (let at = 0; at < smallest.length && runs < maxRuns; ) {
      const candidate = new Uint8Array(smallest.length - Math.min(size, smallest.length - at));
      candidate.set(smallest.subarray(0, at));
      candidate.set(smallest.subarray(at + size), at);
      runs += 1;
      if (stillFails(candidate)) smallest = candidate;
      else at += size;
    }
  }
  return smallest;
}
