import type { Trunk } from "@earwitness/contract";
import { expect, test } from "vitest";
import { newTrunk } from "./new-trunk.ts";
import { sharedNetworks, type OwnTrunk } from "./shared-networks.ts";

const trunk = (name: string, sourceNetworks: string[], { enabled = true, day = 1 } = {}): Trunk => ({
  id: name,
  createdAt: `2026-11-0${day}T09:00:00.000Z`,
  settings: { ...newTrunk, name, sourceNetworks, enabled },
  recordingUser: "abcdef",
  addresses: [],
  digest: null,
  lastInvitation: null,
  certificateProblems: [],
});

const others = [trunk("Wide", ["192.0.2.0/24"]), trunk("Berlin", ["192.0.2.7/32", "2001:db8::/32"], { day: 3 }), trunk("Off", ["198.51.100.1/32"], { enabled: false })];
const fresh = (...sourceNetworks: string[]): OwnTrunk => ({ settings: { sourceNetworks, enabled: true }, known: null });

test("an address that another trunk has is told with that trunk, rather than one whose network only holds it", () => {
  expect(sharedNetworks(fresh("192.0.2.7"), others)).toEqual([{ network: "192.0.2.7", other: "192.0.2.7/32", trunk: "Berlin", goesToOther: true, because: "older" }]);
});

test("a network that is part of another's, or holds it, is told, and that the smaller one decides; of either kind of address", () => {
  expect(sharedNetworks(fresh("192.0.2.8", "192.0.2.0/30", "192.0.0.0/16", "2001:db8::1"), others).map(({ network, other, goesToOther, because }) => [network, other, goesToOther, because])).toEqual([
    ["192.0.2.8", "192.0.2.0/24", false, "smaller"],
    ["192.0.2.0/30", "192.0.2.0/24", false, "smaller"],
    ["192.0.0.0/16", "192.0.2.7/32", true, "smaller"],
    ["2001:db8::1", "2001:db8::/32", false, "smaller"],
  ]);
});

test("of the same network the older trunk takes the calls, of several the oldest, and one that is off none", () => {
  const all = [trunk("Young", ["192.0.2.7/32"], { day: 5 }), trunk("Middle", ["192.0.2.7/32"], { day: 3 }), trunk("Old", ["192.0.2.7/32"], { day: 2 })];
  const taker = (own: Trunk, enabled = true) => sharedNetworks({ settings: { sourceNetworks: ["192.0.2.7"], enabled }, known: own }, all).map(({ trunk: other, goesToOther, because }) => (goesToOther ? [other, because] : ["own", because]));
  expect(taker(all[0]!)).toEqual([["Old", "older"]]);
  expect(taker(all[1]!)).toEqual([["Old", "older"]]);
  expect(taker(all[2]!)).toEqual([["own", "older"]]);
  expect(taker(all[2]!, false)).toEqual([["Middle", "off"]]);
  const sameAge = [trunk("b", ["192.0.2.7/32"]), trunk("a", ["192.0.2.7/32"])];
  expect(sharedNetworks({ settings: sameAge[0]!.settings, known: sameAge[0]! }, sameAge), "as the recorder: by id").toMatchObject([{ trunk: "a", goesToOther: true }]);
});

test("nothing is told of what nobody else has, of a trunk that is off, and of what is no address", () => {
  expect(sharedNetworks(fresh("203.0.113.1", "198.51.100.1", "hello", "0:0::"), others)).toEqual([]);
});
