import { MASKED_KEY, maskSdesKeys } from "@earwitness/media";

/**
 * Keys of SRTP stand in SDP in the clear (`a=crypto:… inline:<key>`, `k=`). What is kept with a recording is kept without them, everything
 * else byte for byte; always a copy, because a part of a message is a view of the buffer that holds all of it.
 */
export function maskKeys(body: Uint8Array): Uint8Array {
  // Latin-1 gives each byte one character, whatever the encoding is, and the same bytes back.
  const text = Buffer.from(body).toString("latin1");
  return new Uint8Array(Buffer.from(maskSdesKeys(text).replaceAll(MASKED_KEY, "***"), "latin1"));
}
