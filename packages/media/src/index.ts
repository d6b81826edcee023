export type { Parsed } from "./parsed.ts";
export type { Params } from "./header-text.ts";

export { SipHeaders } from "./sip-headers.ts";
export type { SipHeaderField } from "./sip-headers.ts";
export { parseSipMessage, serializeSip } from "./sip-message.ts";
export type { SipMessage, SipParseResult, SipRequest, SipResponse } from "./sip-message.ts";
export { createSipStreamFramer } from "./sip-stream.ts";
export type { SipStreamEvent, SipStreamFramer } from "./sip-stream.ts";
export { parseSipUri } from "./sip-uri.ts";
export type { SipUri } from "./sip-uri.ts";
export { parseCSeq, parseNameAddr, parseRAck, parseRSeq, parseSessionExpires, parseTokenList, parseVia } from "./sip-fields.ts";
export type { CSeq, NameAddr, RAck, SessionExpires, Via } from "./sip-fields.ts";
export { digestChallenge, digestHa1, digestResponse, parseDigestAuthorization } from "./sip-digest.ts";
export type { DigestAlgorithm, DigestAuthorization, DigestChallenge } from "./sip-digest.ts";

export { parseMediaType } from "./media-type.ts";
export type { MediaType } from "./media-type.ts";

export { isSending, mediaAddress, parseSdp } from "./sdp.ts";
export type { SdpAttribute, SdpConnection, SdpDirection, SdpMedia, SdpMediaAddress, SdpPayload, SdpSession } from "./sdp.ts";
export { answerSdp } from "./sdp-answer.ts";
export type { SdpDecision, SdpLocal } from "./sdp-answer.ts";

export { srtpSuites } from "./srtp-keys.ts";
export type { SrtpKeys, SrtpMasterKey, SrtpSuite } from "./srtp-keys.ts";
export { mintSrtpMasterKey } from "./srtp-suite.ts";
export { createSrtpReceiver } from "./srtp-receiver.ts";
export type { SrtpReceiver, SrtpRefusal, SrtpVerdict } from "./srtp-receiver.ts";
export { chooseSdes, MASKED_KEY, maskSdesKeys, parseSdesCrypto, sdesAnswer } from "./sdes.ts";
export type { SdesChoice, SdesCrypto } from "./sdes.ts";

export { buildRtp, createRtpFields, parseRtp, readRtp } from "./rtp.ts";
export type { RtpFields, RtpPacket, RtpToSend } from "./rtp.ts";

export { decodeG711, decodeG711Into, encodeG711, encodeG711Into, G711_SILENCE } from "./g711.ts";
export type { G711Codec } from "./g711.ts";

export { createG722Decoder } from "./g722.ts";
export type { G722Decoder } from "./g722.ts";
export { createResampler } from "./resample.ts";
export type { Resampler } from "./resample.ts";

export { parseMultipart, splitBody } from "./multipart.ts";
export type { BodyPart, SplitBody } from "./multipart.ts";

export { parseRecordingMetadata, snapshotRequestXml } from "./rs-metadata.ts";
export type {
  MetadataExtension,
  MetadataGroup,
  MetadataName,
  MetadataParticipant,
  MetadataSession,
  MetadataStream,
  ParticipantSessionAssociation,
  ParticipantStreamAssociation,
  RecordingMetadata,
  SessionRecordingAssociation,
  SnapshotRequest,
} from "./rs-metadata.ts";
export { mergeRecordingMetadata } from "./rs-merge.ts";
export { normalizeAddress } from "./address.ts";

export { buildReceiverReport, isRtcp, parseRtcp } from "./rtcp.ts";
export type { ReceiverReport, ReportBlock, RtcpPacket } from "./rtcp.ts";
export { createReception } from "./reception.ts";
export type { Reception } from "./reception.ts";
export { createReorder } from "./reorder.ts";
export type { Pushed, Reorder, ReorderOptions } from "./reorder.ts";
export { createSourceChoice } from "./source-choice.ts";
export type { SourceChoice } from "./source-choice.ts";
export { createLatePlaces } from "./late-places.ts";
export type { LatePlaces } from "./late-places.ts";
export { createPressFollower, readTelephoneEvent } from "./telephone-event.ts";
export type { Press, PressFollower, TelephoneEvent } from "./telephone-event.ts";
export { createTimeline } from "./timeline.ts";
export type { PacketToPlace, Placement, Timeline, TimelineOptions } from "./timeline.ts";

export { createSpeechDetector } from "./speech.ts";
export type { SpeechDetector, SpeechPart, SpeechSegment } from "./speech.ts";

export { parseWavHeader, wavHeader } from "./wav.ts";
export type { WavDescription, WavFormat, WavHeader } from "./wav.ts";
export { createOggOpusWriter, findOpusPage, parseOggOpus } from "./ogg-opus.ts";
export type { OggOpusFile, OggOpusOptions, OggOpusWriter, OpusPacket, OpusPage } from "./ogg-opus.ts";
export { isOpusPacket, OPUS_RATE_HZ, opusPacketSamples } from "./opus-packet.ts";
export { createRecordedSound } from "./recorded-sound.ts";
export type { MakeOpusDecoder, RecordedPacket, RecordedSecond, RecordedSound, RecordedVoice } from "./recorded-sound.ts";
