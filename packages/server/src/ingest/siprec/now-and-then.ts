/** Says of each key whether it is worth a line in the log again: a flood must not fill the disk that calls are written to. */
export type NowAndThen = (key: string) => boolean;

const everyMs = 60_000;
/** Sources remembered; from more than this many, one line in a minute stands for all that are not. */
const most = 1_000;

export function createNowAndThen(nowMs: () => number): NowAndThen {
  const said = new Map<string, number>();
  let overflowSaidMs = -Infinity;

  return (key) => {
    const now = nowMs();
    const before = said.get(key);
    if (before !== undefined && now - before < everyMs) return false;
    if (before === undefined && said.size >= most) {
      for (const [other, atMs] of said) if (now - atMs >= everyMs) said.delete(other);
      if (said.size >= most) {
        if (now - overflowSaidMs < everyMs) return false;
        overflowSaidMs = now;
        return true;
      }
    }
    said.set(key, now);
    return true;
  };
}
