import { describe, expect, test } from "vitest";
import { createLog } from "#log";
import { isConnectionError, pingDb } from "./availability.ts";
import { createDb, parseInt8 } from "./pool.ts";
import { withTenant } from "./tenant.ts";

const coded = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

describe("isConnectionError", () => {
  test.each(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "08006", "08P01", "57P01", "57P03", "53100", "53300", "57014", "58030", "28P01", "3D000", "25006"])("%s: the database is away", (code) => {
    expect(isConnectionError(coded(code))).toBe(true);
    expect(isConnectionError(new Error("wrapped", { cause: coded(code) }))).toBe(true);
  });

  test.each(["23505", "42501", "42P01", "22P02", "40001", "40P01", "ENOENT", "EACCES"])("%s: it is the statement", (code) => {
    expect(isConnectionError(coded(code))).toBe(false);
  });

  test("what the driver says without a code, a missing socket, all addresses of a host", () => {
    expect(isConnectionError(new Error("Connection terminated unexpectedly"))).toBe(true);
    expect(isConnectionError(new Error("timeout exceeded when trying to connect"))).toBe(true);
    expect(isConnectionError(coded("ENOENT", { syscall: "connect" }))).toBe(true);
    expect(isConnectionError(new AggregateError([coded("ECONNREFUSED"), coded("ETIMEDOUT")]))).toBe(true);
    expect(isConnectionError(new AggregateError([coded("ECONNREFUSED"), coded("23505")]))).toBe(false);
    expect(isConnectionError(new Error("some bug"))).toBe(false);
    expect(isConnectionError("ECONNREFUSED")).toBe(false);
  });

  test("a real connection that is refused is one, and a ping says so", async () => {
    const db = createDb({ url: "postgres://nobody@127.0.0.1:1/none", log: createLog("silent") });
    try {
      expect(await pingDb(db)).toBe(false);
      const error: unknown = await withTenant(db, "47eaa099-2cb6-416d-86dc-283cf0480ff9", async () => "done").catch((thrown: unknown) => thrown);
      expect(isConnectionError(error)).toBe(true);
    } finally {
      await db.close();
      await db.close();
    }
    const afterwards: unknown = await withTenant(db, "47eaa099-2cb6-416d-86dc-283cf0480ff9", async () => "done").catch((thrown: unknown) => thrown);
    expect(isConnectionError(afterwards)).toBe(true);
  });
});

describe("parseInt8", () => {
  test("a number, or an error, never another number", () => {
    expect(parseInt8("-9007199254740991")).toBe(-9_007_199_254_740_991);
    expect(() => parseInt8("9007199254740993")).toThrow(RangeError);
  });
});
