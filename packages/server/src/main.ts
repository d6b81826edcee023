/** The server's process: configuration, start, stop. */
import { startApp } from "./app.ts";
import { ConfigMistakes, parseConfig } from "./config.ts";

try {
  const app = await startApp(parseConfig(process.env, process.getuid?.() ?? null));
  const stop = () => void app.close().then(() => process.exit(0), () => process.exit(1));
  process.once("SIGTERM", stop).once("SIGINT", stop).once("disconnect", stop);
  // Whoever started us is about to stop us: calls that come now go elsewhere.
  process.on("message", (message: { kind?: string }) => message.kind === "drain" && app.drain());
  process.send?.({ kind: "ready", sipPort: app.sipPort, httpPort: app.httpPort, databaseAway: app.databaseAway });
} catch (error) {
  console.error(error instanceof ConfigMistakes || process.env["EARWITNESS_LOG_LEVEL"] !== "debug" ? inWords(error as NodeJS.ErrnoException & { port?: number }) : error);
  process.exit(1);
}

function inWords(error: NodeJS.ErrnoException & { port?: number }): string {
  if (error.code === "EADDRINUSE") return `Port ${error.port} is in use. Stop what uses it, or set another one (EARWITNESS_HTTP_PORT, EARWITNESS_SIP_PORT).`;
  if (error.code === "EACCES" && error.port !== undefined) return `This user may not listen on port ${error.port}. Set another one (EARWITNESS_HTTP_PORT, EARWITNESS_SIP_PORT).`;
  return error.message;
}
