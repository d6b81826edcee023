import type { Trunk } from "@earwitness/contract";
import { expect, test } from "vitest";
import { newTrunk } from "./new-trunk.ts";
import { sharedNetworks } from "./shared-networks.ts";

const trunk = (name: string, sourceNetworks: string[], enabled = true): Trunk => ({
  id: name,
  settings: { ...newTrunk, name, sourceNetworks, enabled },
  recordingUser: "abcdef",
  addresses: [],
  digest: null,
  lastInvitation: null,
  certificateProblems: [],
});

const others = [trunk("Wide", ["192.0.2.0/24"]), trunk("Berlin", ["192.0.2.7/32", "2001:db8::/32"]), trunk("Off", ["198.51.100.1/32"], false)];

test("an address that another trunk has is told with that trunk, rather than one whose network only holds it", () => {
  expect(sharedNetworks(["192.0.2.7"], others)).toEqual([{ network: "192.0.2.7", other: "192.0.2.7/32", trunk: "Berlin" }]);
});

test("a network that is part of another's, or holds it, is told; of either kind of address", () => {
  expect(sharedNetworks(["192.0.2.8", "192.0.0.0/16", "2001:db8::1"], others).map(({ network, other }) => [network, other])).toEqual([
    ["192.0.2.8", "192.0.2.0/24"],
    ["192.0.0.0/16", "192.0.2.0/24"],
    ["2001:db8::1", "2001:db8::/32"],
  ]);
});

test("nothing is told of what nobody else has, of a trunk that is off, and of what is no address", () => {
  expect(sharedNetworks(["203.0.113.1", "198.51.100.1", "hello", "0:0::"], others)).toEqual([]);
});
