import { describe, expect, test } from "vitest";
import { isWithin, readNetwork, shortNetwork } from "./network.ts";

describe("networks as they are typed", () => {
  test.each(["192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::1", "2001:db8::/32", "::", "::1/128", "1:2:3:4:5:6:7:8"])("%s is one", (text) => {
    expect(readNetwork(text)).not.toBeNull();
  });

  test.each(["", "192.0.2", "192.0.2.300", "192.0.2.07", "192.0.2.7/33", "192.0.2.7/", "192.0.2.7/24/1", "sbc.example", "1:2:3:4:5:6:7", "1::2::3", "2001:db8::/129", "12345::"])("“%s” is none", (text) => {
    expect(readNetwork(text)).toBeNull();
  });

  test("what a network holds", () => {
    expect(isWithin(["198.51.100.0/28", "10.20.0.4/32"], "198.51.100.15")).toBe(true);
    expect(isWithin(["198.51.100.0/28", "10.20.0.4/32"], "198.51.100.16")).toBe(false);
    expect(isWithin(["10.20.0.4/32"], "10.20.0.4")).toBe(true);
    expect(isWithin(["2001:db8:17::/48"], "2001:db8:17:5::9")).toBe(true);
    expect(isWithin(["0.0.0.0/0"], "2001:db8::1")).toBe(false);
    expect(isWithin([], "10.20.0.4")).toBe(false);
  });

  test("a single address is shown without its length", () => {
    expect(["10.20.0.4/32", "10.20.0.0/24", "2001:db8::1/128", "2001:db8::/32"].map(shortNetwork)).toEqual(["10.20.0.4", "10.20.0.0/24", "2001:db8::1", "2001:db8::/32"]);
  });
});
