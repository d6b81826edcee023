import { parseNote } from "@earwitness/verify";
import { withTenant, type Db } from "#db";
import { readHashes, signedHead } from "#evidence";
import { cosign, type WitnessAddress } from "./cosign.ts";
import type { OutsideSigner } from "./outside-signer.ts";

export function createWitnessSigner(db: Db, witness: WitnessAddress): OutsideSigner {
  /** What it cosigned last of each log. It knows better, but then it costs a request more. */
  const seen = new Map<string, number>();
  return {
    name: witness.key.name,
    has: ({ note }) => parseNote(note).signatures.some(({ name, keyId }) => name === witness.key.name && keyId === witness.key.id),
    async sign(tenantId, { note, size }) {
      // No transaction waits for a witness: each reading is one of its own.
      const done = await cosign(note, (subtrees) => withTenant(db, tenantId, (tx) => readHashes(tx)(subtrees)), witness, { oldSize: seen.get(tenantId) ?? 0 });
      if (done.kind === "cosigned") {
        seen.set(tenantId, size);
        return { kind: "signed", added: { lines: [done.line] } };
      }
      if (done.kind !== "ahead") return done;
      seen.set(tenantId, done.size);
      const ours = (await withTenant(db, tenantId, signedHead))?.size ?? 0;
      return done.size <= ours ? { kind: "overtaken" } : { kind: "contradicted", why: `it cosigned ${done.size} entries, and the log has ${ours}: the log was set back` };
    },
  };
}
