/** Where server and command line meet on a machine: apart from what they say there, so that a command loads no more than it needs. */
import { createHash } from "node:crypto";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";

/** Longest path that fits into sockaddr_un everywhere: 104 bytes on macOS, 108 on Linux, one of them the final zero. */
const longestSocketPath = 103;

/**
 * Where the control socket of the server with this data directory is. A path too long for a socket address becomes a short
 * one in the temporary directory, in a directory of the user's own, derived from the long one so that both sides find it.
 */
export function controlSocketPath(dataDir: string, temporaryDir: string = tmpdir()): string {
  const path = join(resolve(dataDir), "run", "control.sock");
  if (Buffer.byteLength(path) <= longestSocketPath) return path;
  const digest = createHash("sha256").update(path).digest("hex").slice(0, 16);
  return join(temporaryDir, `earwitness-${userInfo().uid}`, `${digest}.sock`);
}

/** Where acts done without a running server lie in a data directory, until it takes them into its log. */
export const actsDir = (dataDir: string): string => join(dataDir, "acts");
