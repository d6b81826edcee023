export { playbackRoutes, type PlaybackRoutesOptions } from "./routes.ts";
export type { OpenReader } from "./sound.ts";
