import { describe, expect, test } from "vitest";
import { contestedNetworks, matchTrunk, type KnownTrunks } from "./match-trunk.ts";

const snapshot = (networks: Record<string, Record<string, string[]>>): KnownTrunks => ({
  tenants: Object.entries(networks).map(([tenantId, trunks]) => ({
    tenantId,
    trunks: Object.entries(trunks).map(([trunkId, sourceNetworks]) => ({ trunkId, name: `Trunk ${trunkId}`, sourceNetworks })),
  })),
});

describe("matchTrunk", () => {
  const known = snapshot({
    contoso: { wide: ["10.0.0.0/8"], lab: ["127.0.0.0/8", "::1/128"], six: ["2001:db8::/32"] },
    fabrikam: { narrow: ["10.20.0.0/16"], one: ["10.20.30.40/32", "2001:db8:1::/48"], mapped: ["::ffff:192.0.2.0/120"] },
  });

  test.each([
    ["10.1.2.3", "wide"],
    ["10.20.1.1", "narrow"],
    ["10.20.30.40", "one"],
    ["::ffff:10.20.30.40", "one"],
    ["::ffff:a14:1e28", "one"],
    ["127.0.0.2", "lab"],
    ["::1", "lab"],
    ["2001:db8::5", "six"],
    ["2001:DB8:1::5", "one"],
    ["2001:db8::5%eth0", "six"],
    ["192.0.2.77", "mapped"],
  ])("the most specific network over all tenants takes %s", (address, trunkId) => {
    expect(matchTrunk(known, address)?.trunkId).toBe(trunkId);
  });

  test.each(["11.0.0.1", "2001:db9::1", "fe80::1%eth0", "", "host.example", "10.0.0.1:5060", "999.1.1.1"])("nobody sends from “%s”", (address) => {
    expect(matchTrunk(known, address)).toBeNull();
  });

  test("a network that two tenants claim alike is nobody's; one inside it that is claimed once is still somebody's", () => {
    const contested = snapshot({ contoso: { a: ["192.0.2.0/24"] }, fabrikam: { b: ["192.0.2.0/24"], c: ["192.0.2.7/32"] } });
    expect(matchTrunk(contested, "192.0.2.1")).toBeNull();
    expect(matchTrunk(contested, "192.0.2.7")?.trunkId).toBe("c");
    expect(contestedNetworks(contested)).toEqual(["192.0.2.0/24"]);
    expect(contestedNetworks(known)).toEqual([]);
  });

  test("of two alike trunks of one tenant it is always the same", () => {
    for (const trunks of [{ a: ["10.0.0.0/8"], b: ["10.0.0.0/8"] }, { b: ["10.0.0.0/8"], a: ["10.0.0.0/8"] }]) {
      expect(matchTrunk(snapshot({ contoso: trunks }), "10.1.1.1")?.trunkId).toBe("a");
    }
  });
});
