import { GraphRefusal } from "./reply.ts";

/** How much Graph lets an app ask: so many resource units in so much time. Microsoft's own is 3,500 to 8,000 in 10 s. */
export interface Quota {
  readonly units: number;
  readonly perMs: number;
  /** false: it does not say how long to wait, as some of Microsoft's services do not. */
  readonly saysWhen?: boolean;
}

export interface Throttle {
  set(quota: Quota | null): void;
  /** Takes a request's units, or refuses it. */
  take(units: number): void;
}

export function createThrottle(first: Quota | null, now: () => Date): Throttle {
  let quota = first;
  let windowEndsMs = 0;
  let used = 0;
  return {
    set(next) {
      quota = next;
      windowEndsMs = 0;
    },
    take(units) {
      if (quota === null) return;
      const nowMs = now().getTime();
      if (nowMs >= windowEndsMs) {
        windowEndsMs = nowMs + quota.perMs;
        used = 0;
      }
      // One request is always let through, or a small quota would never end.
      if (used > 0 && used + units > quota.units) {
        const seconds = Math.max(1, Math.ceil((windowEndsMs - nowMs) / 1_000));
        throw new GraphRefusal(429, "TooManyRequests", "Too many requests. Please try again later.", {
          ...(quota.saysWhen === false ? {} : { "retry-after": String(seconds) }),
          "x-ms-throttle-scope": "Tenant_Application/ReadWrite/sandbox/contoso",
          "x-ms-throttle-information": "ResourceUnitLimitExceeded",
        });
      }
      used += units;
    },
  };
}

/** What a request costs, by Microsoft's table. */
export function unitsOf(cost: number, query: URLSearchParams): number {
  const top = Number(query.get("$top") ?? 100);
  return Math.max(1, cost - (query.has("$select") ? 1 : 0) - (top < 20 ? 1 : 0));
}
