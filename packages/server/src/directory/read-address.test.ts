import { describe, expect, test } from "vitest";
import type { NumberRules } from "@earwitness/contract";
import { normalizeAddress } from "@earwitness/media";
import { readAddress } from "./read-address.ts";

const none: NumberRules = { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] };
const germany: NumberRules = { ...none, countryCode: "49", internationalPrefix: "00", nationalPrefix: "0" };
const northAmerica: NumberRules = { ...none, countryCode: "1", internationalPrefix: "011", nationalPrefix: "1" };
const spain: NumberRules = { ...none, countryCode: "34", internationalPrefix: "00" };
const of = (rules: NumberRules, written: string): string => readAddress(rules, written).address;

describe("readAddress", () => {
  test.each([
    "tel:+49-30-1234567", "sip:+493012345@sbc.example;user=phone", "sip:AdeleV@Contoso.Example:5061;transport=tls", "0301234", "4711", "sip:4711@pbx.example", "tel:4711",
    "“Adele” <sip:adele@contoso.example>", "\"A\" <tel:+4930123>", "nonsense", "", "sip:@host", "a b c", "sip:%zz@host", "sip:a@[2001:db8::1]", "<>", "sip:",
  ])("without rules %s is what everybody makes of it", (written) => {
    expect(readAddress(none, written)).toEqual({ address: normalizeAddress(written), steps: [] });
  });

  test.each([
    [germany, "tel:0301234567", "+49301234567"],
    [germany, "sip:0301234567@10.0.0.1;user=phone", "+49301234567"],
    [germany, "sip:030 1234567@10.0.0.1;user=phone", "+49301234567"],
    [germany, "sip:0301234567@10.0.0.1", "+49301234567"],
    [germany, "(030) 123-4567", "+49301234567"],
    [germany, "sip:004940555666@10.0.0.1", "+4940555666"],
    [germany, "sip:+4940555666@10.0.0.1", "+4940555666"],
    [germany, "tel:+1-732-555-0101", "+17325550101"],
    [northAmerica, "sip:17325550101@sbc", "+17325550101"],
    [northAmerica, "sip:0114940555666@sbc", "+4940555666"],
    [spain, "sip:915550101@sbc", "+34915550101"],
    [spain, "915550101", "+34915550101"],
  ])("makes E.164 of a number by its prefixes (%#: %o %s)", (rules, written, expected) => {
    expect(of(rules, written)).toBe(expected);
  });

  test("CAP-75 extensions and services are left alone, and so are names and what is no number", () => {
    for (const written of ["sip:4711@pbx.example", "sip:123@pbx.example", "sip:0815@pbx.example", "sip:112@pbx.example"]) {
      for (const rules of [germany, spain, northAmerica]) expect(of(rules, written), written).toBe(written);
    }
    expect(of(germany, "sip:adelev@contoso.example")).toBe("sip:adelev@contoso.example");
    expect(of(germany, "sip:0301234567890123@sbc"), "too long for any country").toBe("sip:0301234567890123@sbc");
    expect(of(northAmerica, "sip:7325550101@sbc"), "with a national prefix set, a number without it says nothing of its country").toBe("sip:7325550101@sbc");
  });

  test("rewrites go over the user part in order, each once, before the prefixes; what was done is told", () => {
    const rules: NumberRules = { ...germany, rewrites: [{ match: "^9(\\d+)$", replace: "$1" }, { match: "^(7\\d{2})$", replace: "+4930123$1" }, { match: "1", replace: "[$$1]" }] };
    expect(readAddress({ ...rules, rewrites: rules.rewrites.slice(0, 1) }, "sip:90301234567@sbc")).toEqual({ address: "+49301234567", steps: ["“^9(\\d+)$” made “0301234567” of “90301234567”", "national prefix 0 became +49"] });
    expect(of({ ...rules, rewrites: rules.rewrites.slice(0, 2) }, "tel:9723")).toBe("+4930123723");
    expect(of({ ...none, rewrites: [{ match: "-.*", replace: "" }] }, "sip:Adele-desk@pbx.example:5060")).toBe("sip:adele@pbx.example");
    expect(of({ ...none, rewrites: [{ match: "^u(.*)$", replace: "$1@contoso.example" }] }, "sip:uadele@10.0.0.1")).toBe("sip:adele@contoso.example");
    expect(of({ ...none, rewrites: [{ match: "$", replace: ":@;?<>" }] }, "sip:adele@10.0.0.1").length, "whatever it makes").toBeGreaterThan(0);
    expect(of({ ...none, rewrites: [{ match: "x", replace: "y" }] }, "sip:bill@[2001:db8::1]")).toBe(normalizeAddress("sip:bill@[2001:db8::1]"));
  });

  test("nothing that stands in a call's metadata takes long or throws", () => {
    const rules: NumberRules = { ...germany, rewrites: Array.from({ length: 4 }, () => ({ match: "((a?){60}.*)*$", replace: "$1$1" })) };
    const hostile = ["a".repeat(1_000_000), "a".repeat(160), "b".repeat(160), "<".repeat(100_000), "sip:" + "%00".repeat(50_000), "0".repeat(1_000), "\u0000", "\ud800", "tel:" + "(".repeat(400)];
    for (const written of hostile) {
      const began = performance.now();
      expect(of(rules, written).length).toBeLessThanOrEqual(1_500);
      expect(performance.now() - began).toBeLessThan(100);
    }
  });
});
