/**
 * So many of something at once for each caller: whoever opens more than a person or an orderly program needs may not starve
 * the others. Taking a place answers how to give it back, which works once; null when all are taken.
 */
export interface Quota {
  take(key: string): (() => void) | null;
}

export function createQuota(most: number): Quota {
  const taken = new Map<string, number>();
  return {
    take(key) {
      const before = taken.get(key) ?? 0;
      if (before >= most) return null;
      taken.set(key, before + 1);
      let isGivenBack = false;
      return () => {
        if (isGivenBack) return;
        isGivenBack = true;
        const left = (taken.get(key) ?? 1) - 1;
        if (left > 0) taken.set(key, left);
        else taken.delete(key); // callers come and go
      };
    },
  };
}
