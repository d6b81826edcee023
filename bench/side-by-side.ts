/** Times ways of doing the same thing in turn, A B A B …, so that a noisy machine is noisy for all; prints medians and ratios. */

const rounds = 15;
const roundMs = 40;

export function sideBySide(title: string, ways: Readonly<Record<string, () => void>>): void {
  const names = Object.keys(ways);
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = -2; round < rounds; round++) {
    for (const name of names) {
      const once = timeOnce(ways[name]!);
      if (round >= 0) times.get(name)!.push(once); // the first two rounds warm up
    }
  }
  const median = (name: string) => times.get(name)!.toSorted((a, b) => a - b)[rounds >> 1]!;
  console.log(`\n${title}`);
  for (const name of names) console.log(`  ${name.padEnd(52)} ${median(name).toFixed(3).padStart(10)} µs   ×${(median(name) / median(names[0]!)).toFixed(2)}`);
}

/** Microseconds for one call, over as many calls as fit into a round. */
function timeOnce(work: () => void): number {
  let calls = 0;
  const from = performance.now();
  for (let batch = 1; performance.now() - from < roundMs; batch *= 2) for (let at = 0; at < batch; at++, calls++) work();
  return ((performance.now() - from) * 1000) / calls;
}
