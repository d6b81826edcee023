import { expect, test } from "vitest";
import { formatBytes } from "./size.ts";

test.for([
  [0, "0 KB"],
  [640_400, "640 KB"],
  [1_000_000, "1.0 MB"],
  [12_540_000, "12.5 MB"],
  [1_310_000_000, "1.3 GB"],
] as const)("%i bytes read as %s", ([bytes, words]) => expect(formatBytes(bytes)).toBe(words));
