import type { Invitation } from "@earwitness/contract";
import { expect, test } from "vitest";
import { addressOf, offersAllow, offersEverybody } from "./allow.ts";

test("an address without its port, IPv6 without its brackets", () => {
  expect(["10.0.0.7:5060", "[2001:db8::1]:40123", "10.0.0.7"].map(addressOf)).toEqual(["10.0.0.7", "2001:db8::1", "10.0.0.7"]);
});

test("an address can be allowed once for each trunk, where it was refused last", () => {
  const refused = (remoteAddress: string, trunk: string | null, reason: Invitation["reason"] = "SOURCE_NOT_ALLOWED") => ({ remoteAddress, trunk: trunk === null ? null : { id: trunk, name: trunk }, reason }) as Invitation;
  const list = [refused("10.0.0.7:1", "a", "RECORDING"), refused("10.0.0.7:2", "a"), refused("10.0.0.7:3", "a"), refused("10.0.0.7:4", "b"), refused("10.0.0.8:5", "a"), refused("10.0.0.7:6", null), refused("10.0.0.7:7", null)];
  expect(list.map((_, index) => offersAllow(list, index))).toEqual([false, true, false, true, true, true, false]);
});

test("recording everybody is offered once for each trunk, where a call was not recorded last", () => {
  const one = (trunk: string | null, reason: Invitation["reason"] = "NOT_TO_BE_RECORDED") => ({ trunk: trunk === null ? null : { id: trunk, name: trunk }, reason }) as Invitation;
  const list = [one("a", "RECORDING"), one("a"), one("b"), one("a"), one("b", "TRUNK_OFF"), one(null)];
  expect(list.map((_, index) => offersEverybody(list, index))).toEqual([false, true, true, false, false, false]);
});
