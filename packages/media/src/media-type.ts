import { isToken, parseParams } from "./header-text.ts";
import type { Params } from "./header-text.ts";

export interface MediaType {
  /** Lower case, without parameters: `application/sdp`. */
  readonly type: string;
  readonly params: Params;
}

/** A Content-Type value; null where it is none. */
export function parseMediaType(value: string): MediaType | null {
  const semicolon = value.indexOf(";");
  const type = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
  const slash = type.indexOf("/");
  if (slash < 0 || !isToken(type.slice(0, slash)) || !isToken(type.slice(slash + 1))) return null;
  return { type, params: parseParams(semicolon < 0 ? "" : value.slice(semicolon + 1)) };
}
