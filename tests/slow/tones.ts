/** A tone for each stream, whole hertz, so that no two of 100 streams sound alike; the foreign one is far from all of them. */
export const toneOf = (stream: number): number => 300 + 19 * (stream % 100);

export const foreignHz = 3_100;
