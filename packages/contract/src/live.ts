import type { Interaction } from "./interaction.ts";

/** What `GET /api/v1/live` (server-sent events) sends. The SSE event name is `kind`; the data is the whole object as JSON. */
export type LiveEvent =
  /** A row appeared or changed; replace the row with this id. */
  | { kind: "interaction"; interaction: Interaction }
  /** Speaking levels of running calls, a few times a second. `level` is 0…1. */
  | { kind: "activity"; recordings: { interactionIds: string[]; tracks: { track: number; level: number; speaking: boolean }[] }[] }
  /** The server lost its place (restart, queue overrun): read the page again. */
  | { kind: "reset" };
