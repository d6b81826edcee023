/** A foreign program's opinion of what we write. Used by tests only. */
import { spawnSync } from "node:child_process";

/** Why tests with ffmpeg cannot run here, or null. Under EARWITNESS_REQUIRE_ALL=1 it has to be there. */
export function ffmpegMissing(): string | null {
  for (const tool of ["ffmpeg", "ffprobe"]) {
    if (spawnSync(tool, ["-version"]).status === 0) continue;
    if (process.env["EARWITNESS_REQUIRE_ALL"] === "1") throw new Error(`${tool} is required`);
    return `${tool} is not installed`;
  }
  return null;
}

/** Runs `tool` with `input` on its standard input; answers its standard output. Anything it complains of is an error, but for the layout that raw audio cannot tell. */
export function runTool(tool: "ffmpeg" | "ffprobe", args: readonly string[], input: Uint8Array): Uint8Array {
  const { status, stdout, stderr } = spawnSync(tool, ["-v", "warning", ...args], { input, maxBuffer: 1 << 28, timeout: 20_000 });
  const complaints = stderr.toString().replaceAll(/^Guessed Channel Layout.*$/gm, "").trim();
  if (status !== 0 || complaints !== "") throw new Error(`${tool}: ${complaints || `status ${status}`}`);
  return stdout;
}
