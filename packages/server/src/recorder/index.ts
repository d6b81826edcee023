export { partyText, searchable } from "./party-text.ts";
export { checkPieces, isKnownUnreadable, type PieceDifference, type PiecesChecked } from "./check-pieces.ts";
export { objectPrefix } from "./object-prefix.ts";
export { openRecordedSeconds, type RecordedSecond, type RecordedSeconds } from "./recorded-seconds.ts";
export { toldOnce } from "./told-of-interactions.ts";
export { openRecordingReader, type ReadableObject, type RecordingReader } from "./reader.ts";
export type {
  CallFacts,
  CallOffer,
  CallParty,
  Conversation,
  EndCause,
  LocalPorts,
  MediaAddress,
  OpenResult,
  PayloadType,
  RawBody,
  RecordedCall,
  Recorder,
  StreamOffer,
} from "./call.ts";
export type { LiveRecorder, RecordingTenant } from "./recorder.ts";
export { createCompaction } from "./compaction.ts";
export { startRecording, type Recording, type RecordingOptions } from "./start.ts";
