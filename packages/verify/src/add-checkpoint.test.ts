import { describe, expect, test } from "vitest";
import { formatAddCheckpoint, parseAddCheckpoint } from "./add-checkpoint.ts";
import { toBase64 } from "./base64.ts";
import { Malformed } from "./note.ts";

/** The form of the example in C2SP tlog-witness. */
const example = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`;

describe("add-checkpoint", () => {
  test("reads what C2SP shows, and writes it again", () => {
    const read = parseAddCheckpoint(example);
    expect(read).toMatchObject({ oldSize: 20_852_014, checkpoint: { origin: "example.com/behind-the-sofa", size: 20_852_163 }, signed: { signatures: [{ name: "example.com/behind-the-sofa" }] } });
    expect(read.proof).toHaveLength(4);
    expect(formatAddCheckpoint(read)).toBe(example);
    const first = example.replace(/^old[^]*?\n\n/, "old 0\n\n");
    expect(formatAddCheckpoint(parseAddCheckpoint(first))).toBe(first);
  });

  const line = `${toBase64(new Uint8Array(32))}\n`;
  test.each([
    ["no proof line is shorter or longer than a hash", example.replace("5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=", "5+pK")],
    ["64 lines of proof", example.replace(/^old[^]*?\n\n/, `old 1\n${line.repeat(64)}\n`)],
    ["a size with a zero before it", example.replace("old 2", "old 02")],
    ["a size with a sign", example.replace("old 2", "old +2")],
    ["a size that is no safe number", example.replace("20852014", "9999999999999999")],
    ["no old line", example.slice(13)],
    ["two spaces", example.replace("old ", "old  ")],
    ["no empty line", example.replaceAll("\n\n", "\n")],
    ["lines that end as on Windows", example.replaceAll("\n", "\r\n")],
    ["no last newline", example.slice(0, -1)],
  ])("refuses %s", (_what, body) => {
    expect(() => parseAddCheckpoint(body)).toThrow(Malformed);
  });
});
