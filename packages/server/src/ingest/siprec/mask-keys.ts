/**
 * Keys of SRTP stand in SDP in the clear (`a=crypto:… inline:<key>`, `k=`). What is kept with a recording is kept without them, everything
 * else byte for byte; always a copy, because a part of a message is a view of the buffer that holds all of it.
 */
export function maskKeys(body: Uint8Array): Uint8Array {
  const bytes = Buffer.from(body);
  // Latin-1 gives each byte one character, whatever the encoding is, and the same bytes back.
  const text = bytes.toString("latin1");
  if (!/inline:|^k=/im.test(text)) return new Uint8Array(bytes);
  const masked = text.replace(/inline:[^|;\s]*/gi, "inline:***").replace(/^k=[^\r\n]*/gim, "k=***");
  return new Uint8Array(Buffer.from(masked, "latin1"));
}
