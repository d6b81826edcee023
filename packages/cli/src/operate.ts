import type * as Operate from "@earwitness/server/operate";
import { Failure } from "./control-client.ts";

/** What the server's package does in this process, where it is installed. */
export async function operate(): Promise<typeof Operate> {
  return await import("@earwitness/server/operate").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ERR_MODULE_NOT_FOUND") throw new Failure("the server's package is not installed here. Run this where the server is.");
    throw error;
  });
}
