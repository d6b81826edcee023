import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { objectStoreContract } from "./store-contract.ts";
import { createLocalStore } from "./store-local.ts";

objectStoreContract("directory", async () => {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-store-"));
  return { store: createLocalStore(join(dir, "store")), close: () => rm(dir, { recursive: true }) };
});
