/** The server's process: configuration, start, stop. */
import { startApp } from "./app.ts";
import { ConfigMistakes, parseConfig } from "./config.ts";

try {
  const app = await startApp(parseConfig(process.env, process.getuid?.() ?? null));
  const stop = () => void app.close().then(() => process.exit(0), () => process.exit(1));
  process.once("SIGTERM", stop).once("SIGINT", stop).once("disconnect", stop);
  process.send?.({ kind: "ready", sipPort: app.sipPort, httpPort: app.httpPort });
} catch (error) {
  console.error(error instanceof ConfigMistakes || process.env["EARWITNESS_LOG_LEVEL"] !== "debug" ? (error as Error).message : error);
  process.exit(1);
}
