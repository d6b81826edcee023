/** Cosignatures under every kept checkpoint, and what the witness itself says of the newest. */
import { Malformed, noteTypes, parseNote, verifyNote, type Note } from "@earwitness/verify";
import { isConnectionError, withTenant } from "#db";
import { messageOf } from "#errors";
import { newestCheckpoint, readHashes, signedHead } from "#evidence";
import { cosign, type Cosigning, type WitnessAddress } from "#transparency";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import { sentence, type Finding } from "./finding.ts";

export interface WitnessCursor {
  /** Size of the last checkpoint that was looked at. */
  readonly after: number;
  /** Size of the newest that each witness cosigned, by its name. */
  readonly cosigned: Readonly<Record<string, number>>;
}

const portionCheckpoints = 500;

export async function* checkpointsAgainstWitness(checking: Checking, tenant: CheckedTenant, size: number, from: WitnessCursor): AsyncGenerator<Portion<WitnessCursor>> {
  const { db, witnesses, twice } = checking;
  const finding = finder("witness", tenant);
  let cursor = from;
  if (witnesses.length === 0) {
    yield { cursor, findings: [finding("NO_WITNESS", "log", "No witness is configured.")], done: size, of: size };
    return;
  }
  for (;;) {
    const { after } = cursor;
    const page = await withTenant(db, tenant.tenantId, (tx) => tx.selectFrom("checkpoints").select(["size", "note"]).where("size", ">", after).where("size", "<=", Number.MAX_SAFE_INTEGER).orderBy("size").limit(portionCheckpoints).execute());
    const findings: Finding[] = [];
    const cosigned = { ...cursor.cosigned };
    for (const checkpoint of page) {
      const note = readNote(checkpoint.note);
      if (note === null) continue; // the log's own part names it
      for (const witness of witnesses) {
        const said = await cosignatureOf(note, witness);
        if (said === "forged") findings.push(finding("COSIGNATURE_FORGED", `checkpoint of ${checkpoint.size}`, `A line in the name of ${witness.key.name} was not signed by it.`));
        if (said === "signed") cosigned[witness.key.name] = checkpoint.size;
      }
    }
    cursor = { after: page.at(-1)?.size ?? after, cosigned };
    yield { cursor, findings, done: Math.min(size, cursor.after), of: size };
    if (page.length < portionCheckpoints) break;
  }
  for (const witness of witnesses) {
    const { findings } = await twice(async () => ({ findings: await ask(witness) }));
    yield { cursor, findings, done: size, of: size };
  }

  /** Shown the newest kept checkpoint, a witness cosigns it or says what it saw instead; it learns nothing that it is not shown anyway. */
  async function ask(witness: WitnessAddress): Promise<Finding[]> {
    const { name } = witness.key;
    const where = `witness ${name}`;
    const newest = await withTenant(db, tenant.tenantId, (tx) => newestCheckpoint(tx, Number.MAX_SAFE_INTEGER));
    if (newest === null) return [];
    const answer = await show(newest.note, witness, Math.min(cursor.cosigned[name] ?? 0, newest.size));
    switch (answer.kind) {
      case "cosigned":
        return [];
      case "ahead": {
        // Another checkpoint may have been kept and cosigned since.
        const ours = (await withTenant(db, tenant.tenantId, signedHead))?.size ?? 0;
        return answer.size <= ours ? [] : [finding("WITNESS_AHEAD", where, `It cosigned ${answer.size} rows, and the log has ${ours}.`)];
      }
      case "contradicted":
        return [finding("WITNESS_CONTRADICTS", where, sentence(answer.why))];
      default:
        return [finding("WITNESS_SILENT", where, sentence(answer.why))];
    }
  }

  async function show(note: string, witness: WitnessAddress, oldSize: number): Promise<Cosigning> {
    try {
      return await cosign(note, (subtrees) => withTenant(db, tenant.tenantId, (tx) => readHashes(tx)(subtrees)), witness, { oldSize });
    } catch (error) {
      if (isConnectionError(error)) throw error;
      return { kind: "unreachable", why: `it could not be asked, since the log proves nothing: ${messageOf(error)}` };
    }
  }
}

async function cosignatureOf(note: Note, { key }: WitnessAddress): Promise<"signed" | "forged" | "none"> {
  const lines = note.signatures.filter(({ name, keyId }) => name === key.name && keyId === key.id);
  if (lines.length === 0 || key.type !== noteTypes.cosignature) return "none";
  try {
    await verifyNote({ ...note, signatures: lines }, [key]);
    return "signed";
  } catch (error) {
    if (error instanceof Malformed) return "forged";
    throw error;
  }
}

function readNote(text: string): Note | null {
  try {
    return parseNote(text);
  } catch {
    return null;
  }
}
