/** Tenants whose directory could not be read at the last run, of all that this node looked at (M365-54: a run that failed is seen). */
export interface Failing {
  set(tenantId: string, since: Date | null): void;
  /** Those that are left are the ones that have a directory. */
  keepOnly(tenantIds: readonly string[]): void;
  count(): number;
  warnings(): string[];
}

export function createFailing(): Failing {
  const since = new Map<string, Date>();
  return {
    set(tenantId, at) {
      if (at === null) since.delete(tenantId);
      else since.set(tenantId, at);
    },
    keepOnly(tenantIds) {
      const kept = new Set(tenantIds);
      for (const tenantId of since.keys()) if (!kept.has(tenantId)) since.delete(tenantId);
    },
    count: () => since.size,
    warnings() {
      if (since.size === 0) return [];
      const oldest = new Date(Math.min(...[...since.values()].map((at) => at.getTime())));
      return [`The Microsoft 365 directory of ${since.size === 1 ? "a tenant" : `${since.size} tenants`} cannot be read, since ${oldest.toISOString()} at the longest: the page Directory of each says why.`];
    },
  };
}
