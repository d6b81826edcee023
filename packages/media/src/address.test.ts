import fc from "fast-check";
import { expect, test } from "vitest";
import { normalizeAddress } from "./address.ts";

test.each([
  ["sip:Trader1@Bank.Example", "sip:trader1@bank.example"],
  ["sips:a@b:5061;transport=tls?x=y", "sip:a@b"],
  ["SIP:a:secret@b", "sip:a@b"],
  ["a@b", "sip:a@b"],
  ["sip:host.example;lr", "sip:host.example"],
  ["sip:a@[2001:DB8::1]:5060", "sip:a@2001:db8::1"],
  ['"Trader" <sip:a@b>;tag=1', "sip:a@b"],
  ["sip:1001@pbx.example", "sip:1001@pbx.example"],
  ["tel:+49-30-123 (45)", "+493012345"],
  ["tel:0049301234567", "+49301234567"],
  ["sip:+12015550100@as.example;user=phone", "+12015550100"],
  ["sip:%2B12015550100@as.example", "+12015550100"],
  ["sip:12015550100;npdi@as.example;user=phone", "+12015550100"],
  ["+1 (201) 555-0100", "+12015550100"],
  ["12015550100", "+12015550100"],
  ["030 1234567", "+0301234567"],
  ["12", "12"],
  ["1234567890123456", "1234567890123456"],
  ["tel:*31#", "tel:*31#"],
  ["sip:%ZZ@b", "sip:%zz@b"],
  ["Anonymous", "anonymous"],
  [" ", ""],
])("CAP-26 %j is known as %j", (aor, expected) => {
  expect(normalizeAddress(aor)).toBe(expected);
});

test("any text gives an address, and an address is its own", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.emailAddress(), fc.emailAddress().map((address) => `sip:${address}`), fc.stringMatching(/^\+?[0-9]{1,17}$/)), (aor) => {
      const once = normalizeAddress(aor);
      expect(typeof once).toBe("string");
      if (/^(\+[0-9]+|sip:[a-z0-9]+@[a-z0-9.]+)$/.test(once)) expect(normalizeAddress(once)).toBe(once);
    }),
  );
});
