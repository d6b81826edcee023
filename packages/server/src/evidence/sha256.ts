import { hash } from "node:crypto";
import type { Hash } from "@earwitness/verify";

/** What packages/verify hashes with here: the platform's, some thirty times as fast as its own. */
export const sha256: Hash = (bytes) => hash("sha256", bytes, "buffer");
