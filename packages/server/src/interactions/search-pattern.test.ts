import { expect, test } from "vitest";
import { partyText } from "#recorder";
import { searchPattern } from "./search-pattern.ts";

const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/gu, "\\$&");

/** LIKE as PostgreSQL reads it. */
function like(text: string, pattern: string): boolean {
  const source = pattern.replace(/\\(.)|%|_|[^\\%_]/gsu, (token, escaped: string | undefined) =>
    escaped !== undefined ? escape(escaped) : token === "%" ? "[^]*" : token === "_" ? "[^]" : escape(token),
  );
  return new RegExp(`^${source}$`, "u").test(text);
}

const found = (typed: string, ...parties: { name?: string; address: string; upn?: string }[]) => {
  const text = partyText(parties.map((party) => ({ name: party.name ?? null, address: party.address, upn: party.upn ?? null })));
  return like(text, searchPattern(typed));
};

test("INT-18 without a wildcard the text may stand anywhere in the number", () => {
  expect(found("732", { address: "+17326524689" })).toBe(true);
  expect(found("732", { address: "+7321234567" })).toBe(true);
  expect(found("733", { address: "+17326524689" })).toBe(false);
});

test("INT-18 a trailing star means begins with", () => {
  expect(found("732*", { address: "+17326524689" })).toBe(false);
  expect(found("732*", { address: "+7321234567" })).toBe(true);
  expect(found("sip:adele*", { address: "sip:adelev@contoso.com" })).toBe(true);
  expect(found("+732*", { address: "+7321234567" })).toBe(true);
  expect(found("adele*", { address: "sip:adelev@contoso.com" })).toBe(true);
  expect(found("vance*", { name: "Adele Vance", address: "sip:x@contoso.com" })).toBe(false);
});

test("INT-18 a leading star means the name contains the word", () => {
  expect(found("*Bill", { name: "Bill Adams", address: "sip:a@x" })).toBe(true);
  expect(found("*Bill", { name: "Jo Bill", address: "sip:a@x" })).toBe(true);
  expect(found("*Bill", { name: "Jo", address: "sip:a@x" })).toBe(false);
});

test("case, accents and punctuation of numbers do not matter", () => {
  expect(found("muller", { name: "Jürgen MÜLLER", address: "sip:j@x" })).toBe(true);
  expect(found("STRASSE", { name: "Straße", address: "sip:j@x" })).toBe(true);
  expect(found("lodz", { name: "Łódź", address: "sip:j@x" })).toBe(true);
  expect(found("(732) 652-4689", { address: "+17326524689" })).toBe(true);
});

test("what LIKE would read as a wildcard is looked for literally", () => {
  expect(found("100%", { name: "100 people", address: "sip:a@x" })).toBe(false);
  expect(found("a_b", { address: "sip:axb@x" })).toBe(false);
  expect(found("a_b", { address: "sip:a_b@x" })).toBe(true);
  expect(found("a\\b", { name: "a\\b", address: "sip:j@x" })).toBe(true);
});
