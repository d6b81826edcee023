import { describe, expect, test } from "vitest";
import { readCiscoGuid, readGtdGuid, readOpaqueId, readSessionId, readUcid } from "./call-ids.ts";

describe("UCID", () => {
  test.each([
    ["00FA080018803B69810C6D;encoding=hex", "00024328271770065005"],
    ["04FA080018803B69810C6D;encoding=hex", "00024328271770065005"],
    ["FA080018803B69810C6D", "00024328271770065005"],
    ["fa080018803b69810c6d", "00024328271770065005"],
    ["0018803B69810C6D", "00024328271770065005"],
    ["00C8044A6F65FA080018803B69810C6D00", "00024328271770065005"],
    ["00024328271770065005", "00024328271770065005"],
    ["", null],
    ["00FA08;encoding=hex", null],
    ["0FA080018803B69810C6D", null],
    ["hello", null],
    ["ab".repeat(10_000), null],
  ])("%s", (text, expected) => expect(readUcid(text)).toBe(expected));
});

describe("Cisco's GUID", () => {
  test.each([
    ["2086310097-3321369073-2409282858-1105776835", "7c5a90d1c5f811f18f9abd2a41e8d0c3"],
    ["7C5A90D1C5F811F18F9ABD2A41E8D0C3", "7c5a90d1c5f811f18f9abd2a41e8d0c3"],
    ["1-2-3-4", "00000001000000020000000300000004"],
    ["1-2-3", null],
    ["1-2-3-4294967296", null],
    ["a-b-c-d", null],
  ])("%s", (text, expected) => expect(readCiscoGuid(text)).toBe(expected));

  test("in a GTD body, whatever its line ends", () => {
    expect(readGtdGuid("IAM,\r\nPRN,isdn*,,NET5*,\r\nGCI,7c5a90d1c5f811f18f9abd2a41e8d0c3\r\n")).toBe("7c5a90d1c5f811f18f9abd2a41e8d0c3");
    expect(readGtdGuid("IAM,\nCGN,02,y,1,y,4,5550100")).toBeNull();
    expect(readGtdGuid("GCI,not one")).toBeNull();
  });
});

test("RFC 7989: the local half; none for the nil id and for what is no id", () => {
  expect(readSessionId("AB30317F1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2")).toBe("ab30317f1a784dc48ff824d0d3715d86");
  expect([readSessionId(`${"0".repeat(32)};remote=x`), readSessionId("2d8abbf0@host")]).toEqual([null, null]);
});

test("an id that is kept as it is has a length that an id has", () => {
  expect([readOpaqueId(" 1142208:1 "), readOpaqueId("1"), readOpaqueId("x".repeat(201))]).toEqual(["1142208:1", null, null]);
});
