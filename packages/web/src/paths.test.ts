import { expect, test } from "vitest";
import { apiPaths, safeReturnTo } from "./paths.ts";

test("sign-in returns only to this portal", () => {
  expect(safeReturnTo("/ui/interactions/0123456789abcdef01234567?t=4")).toBe("/ui/interactions/0123456789abcdef01234567?t=4");
  for (const bad of [undefined, "", "https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)", "/sign-in?returnTo=/sign-in"]) {
    expect(safeReturnTo(bad), bad).toBe("/interactions");
  }
});

test("a list's address carries every filter, repeated where it has several values", () => {
  expect(apiPaths.interactions({ q: "a&b", status: ["Failed", "Recording"], after: "x=", limit: 100 })).toBe("/api/v1/interactions?limit=100&q=a%26b&status=Failed&status=Recording&after=x%3D");
});
