import { createEmbeddedPostgres } from "#db";
import { createLog } from "#log";

/*
 * Opens the embedded database of a directory and holds it until it is told to stop, or killed: what a server does to it,
 * for tests that kill one. node hold-embedded.ts <dataDir>
 */
const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error("which data directory?");
const embedded = await createEmbeddedPostgres({ dataDir, log: createLog("silent"), settings: { fsync: "off" } });
process.stdout.write(`${JSON.stringify({ url: embedded.url })}\n`);
const alive = setInterval(() => undefined, 60_000);
process.once("SIGTERM", () => {
  clearInterval(alive);
  void embedded.close();
});
