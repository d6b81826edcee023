export { noSuchInteraction } from "./detail.ts";
export type { RecordingActivity } from "./activity.ts";
export { callName, viewOf } from "./looks.ts";
export { createLive, type Live, type LiveSources } from "./live.ts";
export { findPart, type RecordingPart } from "./part.ts";
export { interactionRoutes, type InteractionRoutesOptions } from "./routes.ts";
export type { InteractionRow } from "./row.ts";
export { findRow } from "./rows.ts";
export { readTrackRows, type TrackRow } from "./track-rows.ts";
