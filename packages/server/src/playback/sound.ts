import type { Sound } from "./render.ts";

/** Opens the decoded sound of a finished recording. */
export type OpenSound = (recording: { readonly tenantId: string; readonly recordingId: string; readonly sampleRate: number }) => Promise<Sound & { close(): Promise<void> }>;
