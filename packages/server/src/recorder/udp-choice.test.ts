import { describe, expect, test } from "vitest";
import { createLog } from "#log";
import { chooseUdp } from "./udp-choice.ts";

const cannot = (): Promise<never> => Promise.reject(new Error("koffi is not here"));

describe("how UDP is read", () => {
  test("in batches where that works, unless dgram is asked for", async () => {
    expect(await chooseUdp(null, createLog("silent"))).toBe("batch");
    expect(await chooseUdp("batch", createLog("silent"))).toBe("batch");
    expect(await chooseUdp("dgram", createLog("silent"))).toBe("dgram");
  });

  test("where it does not, with dgram and one line that says so; but not if batches were asked for by name", async () => {
    const warned: unknown[] = [];
    const log = createLog("silent");
    log.warn = (facts: unknown) => void warned.push(facts);
    expect(await chooseUdp(null, log, cannot)).toBe("dgram");
    expect(warned).toEqual([{ err: "koffi is not here" }]);
    await expect(chooseUdp("batch", log, cannot)).rejects.toThrow("EARWITNESS_UDP is batch, but UDP cannot be read in batches here: koffi is not here");
  });
});
