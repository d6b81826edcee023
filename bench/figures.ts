/** What stands behind the tables: quantiles, slopes with their error, exponents of growth. */

/** The value below which so much of the samples lies. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Points of one stretch share a level, and all stretches one slope: a soak that was started again goes on from another level. */
  readonly stretch?: number;
}

export interface Slope {
  readonly perX: number;
  /** Standard error, as if each point's deviation were its own; neighbours that go together make the true one larger. */
  readonly error: number;
}

/** Least squares. */
export function slopeOf(points: readonly Point[]): Slope {
  const stretches = Map.groupBy(points, ({ stretch = 0 }) => stretch);
  let [xx, xy, yy] = [0, 0, 0];
  for (const stretch of stretches.values()) {
    const mean = (of: (point: Point) => number): number => stretch.reduce((sum, point) => sum + of(point), 0) / stretch.length;
    const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
    for (const point of stretch) {
      xx += (point.x - x) ** 2;
      xy += (point.x - x) * (point.y - y);
      yy += (point.y - y) ** 2;
    }
  }
  const perX = xy / xx;
  const free = points.length - stretches.size - 1;
  return { perX, error: free > 0 ? Math.sqrt(Math.max(0, yy - perX * xy) / free / xx) : Number.NaN };
}

/** e in cost ∝ load^e: 1 grows with the load, 2 with its square. */
export function exponentOf(costs: readonly { readonly load: number; readonly cost: number }[]): Slope {
  return slopeOf(costs.map(({ load, cost }) => ({ x: Math.log(load), y: Math.log(cost) })));
}

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => String(row[at]).length)));
  const line = (cells: readonly (string | number)[]): string => cells.map((cell, at) => String(cell)[at === 0 ? "padEnd" : "padStart"](widths[at]!)).join("   ");
  console.log([line(head), ...rows.map(line)].map((text) => `  ${text}`).join("\n"));
}
