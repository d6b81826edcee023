/**
 * Every parser that meets bytes of strangers. To add one: write its harness beside the others (seeds, words, `run`) and name it here;
 * `npm run fuzz` and the unit tests take it from this list.
 */
import type { Harness } from "./harness.ts";
import { addCheckpoint } from "./parsers/add-checkpoint.ts";
import { g722, oggOpus, opusPacket, wav } from "./parsers/audio-files.ts";
import { handover } from "./parsers/handover.ts";
import { bundleIndex, derivation, evidenceLine, manifest, packetLog, trackFile, zip } from "./parsers/evidence-bundle.ts";
import { multipart } from "./parsers/multipart.ts";
import { metadata } from "./parsers/recording-metadata.ts";
import { rtcp, rtp, rtpArrivals } from "./parsers/rtp.ts";
import { sdp } from "./parsers/sdp.ts";
import { sipDigest } from "./parsers/sip-digest.ts";
import { sipFields, sipMessage, sipStream } from "./parsers/sip.ts";
import { sdes, srtcp, srtp } from "./parsers/srtp.ts";
import { telephoneEvent } from "./parsers/telephone-event.ts";
import { timestamp } from "./parsers/timestamp.ts";

export const parsers: readonly Harness[] = [sipMessage, sipStream, sipFields, sipDigest, sdp, sdes, multipart, metadata, rtp, rtcp, rtpArrivals, telephoneEvent, srtp, srtcp, g722, oggOpus, opusPacket, wav, addCheckpoint, handover, zip, bundleIndex, manifest, derivation, evidenceLine, trackFile, packetLog, timestamp];
