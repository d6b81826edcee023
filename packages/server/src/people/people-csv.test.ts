import { describe, expect, test } from "vitest";
import type { Person, PersonSettings } from "@earwitness/contract";
import { mostRows, readCsv, writeCsv } from "./people-csv.ts";

const read = (text: string | Buffer) => readCsv(Buffer.from(text));
const mistakes = async (text: string | Buffer) => (await read(text)).mistakes;

describe("readCsv", () => {
  test("RFC 4180: commas or semicolons, any line ends, quotes, a byte order mark, columns in any order and case", async () => {
    const rows = [{ line: 2, fields: { upn: "a@x", displayName: 'A "quoted", name' } }, { line: 3, fields: { upn: "b@x", displayName: "line\nbreak" } }, { line: 6, fields: { upn: "c@x", displayName: "" } }];
    for (const end of ["\r\n", "\n"]) {
      for (const [bom, delimiter] of [["\ufeff", ","], ["", ";"]]) {
        const text = `${bom}DisplayName${delimiter} UPN ${end}"A ""quoted"", name"${delimiter} a@x ${end}"line\nbreak"${delimiter}b@x${end}${end}${delimiter}c@x`;
        expect(await read(text)).toEqual({ table: { columns: new Set(["displayName", "upn"]), rows }, mistakes: [] });
      }
    }
  });

  test("says where and what is wrong: columns, fields, quotes, encodings", async () => {
    expect(await mistakes("upn,color,upn,Recorded\na@x,1,2")).toEqual([
      { line: 1, column: "color", message: expect.stringContaining("There is no column “color”; there are upn, displayName") },
      { line: 1, column: "upn", message: "The column is there twice" },
      { line: 2, column: null, message: "The line has 3 fields, the header has 4" },
    ]);
    expect(await mistakes("name\n1")).toEqual([expect.objectContaining({ line: 1, column: "name" }), { line: 1, column: "upn", message: expect.stringContaining("missing") }]);
    expect(await mistakes('upn\n"a')).toEqual([{ line: 2, column: null, message: "A quotation mark is opened and never closed" }]);
    expect(await mistakes('upn\n\na"b')).toEqual([{ line: 3, column: null, message: expect.stringContaining("in the middle of a field") }]);
    expect(await mistakes('upn\n"a"b')).toEqual([{ line: 2, column: null, message: expect.stringContaining("follows a closing quotation mark") }]);
    expect(await mistakes(`upn\n${"x".repeat(70_000)}`)).toEqual([{ line: 2, column: null, message: expect.stringContaining("longer than 64 kB") }]);
    expect(await mistakes("")).toEqual([{ line: 1, column: null, message: "The file is empty" }]);
    expect(await mistakes(Buffer.from("upn\nJörg@x", "latin1"))).toEqual([{ line: 1, column: null, message: expect.stringContaining("not UTF-8") }]);
    expect(await mistakes(Buffer.from("upn\na@x", "utf16le"))).toEqual([{ line: 1, column: null, message: expect.stringContaining("zero bytes") }]);
  });

  test("the most people that there can be take little time and leave time to others; one more is refused", async () => {
    const lines = Array.from({ length: mostRows }, (_, n) => `person${n}@contoso.example,Person ${n},,,,true,sip:person${n}@contoso.example +4930${1_000_000 + n},${100_000 + n},All|Floor ${n % 20}`);
    let longestMs = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - last);
      last = performance.now();
    }, 1);
    const began = performance.now();
    const { table } = await read(["upn,displayName,givenName,familyName,role,recorded,addresses,extensions,groups", ...lines].join("\n"));
    clearInterval(watch);
    expect(table.rows).toHaveLength(mostRows);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(longestMs, "the longest that nothing else could run").toBeLessThan(250);
    expect(await mistakes(["upn", ...Array.from({ length: mostRows + 1 }, (_, n) => `p${n}@x`)].join("\n"))).toEqual([{ line: mostRows + 2, column: null, message: expect.stringContaining("more than 50,000 people") }]);
  });

  test("hostile files end soon, with words", async () => {
    const files = ['"'.repeat(1_000_000), ",".repeat(1_000_000), "\n".repeat(1_000_000), "\r".repeat(100_000), `upn\n${'"a\n'.repeat(100_000)}`, "upn;,\n;,", "\ufeff\ufeffupn\nx"];
    for (const file of files) {
      const began = performance.now();
      const { table, mistakes: told } = await read(file);
      expect(table.rows.length + told.length, JSON.stringify(file.slice(0, 10))).toBeGreaterThan(0);
      expect(performance.now() - began).toBeLessThan(3_000);
    }
  });
});

describe("writeCsv", () => {
  const person = (more: Partial<PersonSettings>): Person => ({ id: "1", settings: { displayName: "Adele", upn: "a@x", givenName: null, familyName: null, role: "User", recorded: true, addresses: [], extensions: [], groupIds: [], managedGroupIds: [], ...more } });

  test("nothing of it is a formula to a spreadsheet, and it reads back as what it was", async () => {
    const names = ["=1+1", "+49", "-x", "@SUM(A1)", "'=x", "''+y", "'quoted", 'a "b", c', "a;b", "Jörg 💥", "=cmd|' /C calc'!A0"];
    const text = writeCsv(names.map((displayName, n) => person({ displayName, upn: `p${n}@x`, addresses: ["+4930123", "sip:a@x"], extensions: ["123", "4711"], groupIds: ["g2", "g1"] })), (id) => (id === "g1" ? "=Traders" : "Desk"));
    for (const cell of text.split(/\r\n/).slice(1).flatMap((line) => line.split(","))) expect(cell.replace(/^"/, "")).not.toMatch(/^[=+\-@\t\r]/);
    const { table, mistakes: told } = await read(text);
    expect(told).toEqual([]);
    expect(table.rows.map(({ fields }) => fields.displayName)).toEqual(names);
    expect(table.rows[0]!.fields).toMatchObject({ addresses: "tel:+4930123 sip:a@x", extensions: "123 4711", groups: "=Traders|Desk".split("|").sort().join("|"), recorded: "true", givenName: "" });
  });
});
