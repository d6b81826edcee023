import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { meanings } from "./finding.ts";

test("every kind of finding stands in the operator's page, word for word, and nothing else does", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../../docs/operate/fsck.md"), "utf8");
  const lines = page.split("\n").filter((line) => line.startsWith("| `"));
  expect(lines.toSorted()).toEqual(Object.entries(meanings).map(([code, { verdict, means, todo }]) => `| \`${code}\` | ${verdict} | ${means} | ${todo} |`).toSorted());
});
