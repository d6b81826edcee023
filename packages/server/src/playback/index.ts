export { playbackRoutes, type PlaybackRoutesOptions } from "./routes.ts";
export type { OpenSound } from "./sound.ts";
