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

export { parseMediaType } from "./media-type.ts";
export type { MediaType } from "./media-type.ts";

export { isSending, mediaAddress, parseSdp } from "./sdp.ts";
export type { SdpAttribute, SdpConnection, SdpDirection, SdpMedia, SdpMediaAddress, SdpPayload, SdpSession } from "./sdp.ts";
export { answerSdp } from "./sdp-answer.ts";
export type { SdpDecision, SdpLocal } from "./sdp-answer.ts";

export { buildRtp, createRtpFields, parseRtp, readRtp } from "./rtp.ts";
export type { RtpFields, RtpPacket, RtpToSend } from "./rtp.ts";

export { decodeG711, decodeG711Into, encodeG711, encodeG711Into, G711_SILENCE } from "./g711.ts";
export type { G711Codec } from "./g711.ts";
