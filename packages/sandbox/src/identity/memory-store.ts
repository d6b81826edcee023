import type { Adapter, StoredModel } from "oidc-provider";

interface Entry {
  readonly payload: StoredModel;
  readonly expiresAtMs: number;
}

const mostEntries = 10_000;

/**
 * Sessions, codes and tokens of the sandbox's identity provider, in memory on purpose: a restart ends sign-ins that are under way, and
 * nothing else, since the portal keeps sessions of its own.
 */
export function createMemoryStore(): (model: string) => Adapter {
  const entries = new Map<string, Entry>();

  const live = (key: string): StoredModel | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs > Date.now()) return entry.payload;
    entries.delete(key);
    return undefined;
  };
  const search = (model: string, fits: (payload: StoredModel) => boolean): StoredModel | undefined => {
    for (const key of entries.keys()) {
      if (!key.startsWith(`${model}:`)) continue;
      const payload = live(key);
      if (payload !== undefined && fits(payload)) return payload;
    }
    return undefined;
  };

  return (model) => {
    const keyOf = (id: string): string => `${model}:${id}`;
    return {
      async upsert(id, payload, expiresIn) {
        entries.delete(keyOf(id));
        entries.set(keyOf(id), { payload, expiresAtMs: Date.now() + (expiresIn ?? 3600) * 1000 });
        for (const oldest of entries.keys()) {
          if (entries.size <= mostEntries) break;
          entries.delete(oldest);
        }
      },
      find: async (id) => live(keyOf(id)),
      findByUid: async (uid) => search(model, (payload) => payload.uid === uid),
      findByUserCode: async (userCode) => search(model, (payload) => payload.userCode === userCode),
      async consume(id) {
        const payload = live(keyOf(id));
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
      },
      async destroy(id) {
        entries.delete(keyOf(id));
      },
      async revokeByGrantId(grantId) {
        for (const [key, entry] of entries) if (entry.payload.grantId === grantId) entries.delete(key);
      },
    };
  };
}
