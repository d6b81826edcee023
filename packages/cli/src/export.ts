/** `earwitness export`: fetches an evidence bundle from a server, this machine's or another. */
import { createWriteStream } from "node:fs";
import { link, unlink } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { EvidenceBundleRequest, Problem } from "@earwitness/contract";
import { Failure } from "./control-client.ts";

interface ExportOptions {
  readonly reason: string;
  readonly out: string;
  readonly server: string;
  readonly vcon?: true;
  readonly from?: string;
  readonly to?: string;
  readonly search?: string;
}

export function addExport(program: Command, print: (line: string) => void): void {
  program
    .command("export")
    .description("Fetch an evidence bundle: recordings, metadata and their proofs in one file that anyone can check offline.")
    .argument("[ids...]", "interactions; without any, those that --from, --to and --search find")
    .requiredOption("--reason <text>", "why; it stands in the log for good")
    .requiredOption("--out <file>", "where the bundle is to lie; it must not be there yet")
    .option("--server <url>", "the portal's address", process.env["EARWITNESS_URL"] ?? "http://localhost:8080")
    .option("--from <time>", "begun at this time or later (RFC 3339)")
    .option("--to <time>", "begun at this time or earlier")
    .option("--search <text>", "as in the list of interactions")
    .option("--vcon", "with a vCon of each interaction")
    .addHelpText("after", "\nThe key of the API is taken from EARWITNESS_API_KEY; its access profile needs the right to export evidence.")
    .action(async (ids: string[], options: ExportOptions) => {
      const { from, to, search: q } = options;
      const filter = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), ...(q === undefined ? {} : { q }) };
      const hasFilter = Object.keys(filter).length > 0;
      if ((ids.length > 0) === hasFilter) throw new Failure("name interactions, or say with --from, --to or --search which they are; not both", 2);
      const wanted: EvidenceBundleRequest = { reason: options.reason, ...(hasFilter ? { filter } : { interactions: ids }), ...(options.vcon === true ? { vcon: true } : {}) };
      const sizeBytes = await download(options, wanted);
      print(`${options.out}: ${sizeBytes} bytes`);
    });
}

async function download({ server, out }: ExportOptions, wanted: EvidenceBundleRequest): Promise<number> {
  const key = process.env["EARWITNESS_API_KEY"];
  if (key === undefined || key === "") throw new Failure("set EARWITNESS_API_KEY to a key of the API (earwitness api-key create makes one)", 2);
  const answer = await fetch(new URL("/api/v1/evidence-bundles", server), { method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: JSON.stringify(wanted) }).catch((error: unknown) => {
    throw new Failure(`${server} does not answer: ${causeOf(error)}`);
  });
  if (!answer.ok || answer.body === null) {
    const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
    throw new Failure(problem.detail ?? problem.title ?? `the server answered ${answer.status}`);
  }
  // Beside its place until it is whole: what lies under the name was fetched to its end.
  const partial = `${out}.part`;
  let sizeBytes = 0;
  try {
    const counted = Readable.fromWeb(answer.body).on("data", (bytes: Uint8Array) => void (sizeBytes += bytes.length));
    await pipeline(counted, createWriteStream(partial, { flags: "wx", mode: 0o600 }));
    await link(partial, out);
  } catch (error) {
    throw new Failure(`${out} could not be fetched whole: ${causeOf(error)}`);
  } finally {
    await unlink(partial).catch(() => undefined);
  }
  return sizeBytes;
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
