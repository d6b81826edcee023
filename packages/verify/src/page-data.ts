/**
 * How a bundle's page gets its data: scripts, because a page that was opened from a disk may load nothing else. Each call hands on a
 * piece of one file. The text follows from the file alone, so that whoever checks a bundle writes it again and compares.
 */
import { base64Length, writeBase64 } from "./base64.ts";
import type { ByteStream } from "./byte-stream.ts";

/** Base64 of it is a line of 1 MiB; a multiple of three, so that only the last piece is padded. */
const pieceBytes = 786_432;

export const dataScriptPath = (path: string): string => `data/${path}.js`;

/** What the page is to be given of a bundle: all but the audio for other players. */
export const isPageData = (path: string): boolean => !/^[0-9a-f]{24}\/audio\//.test(path);

/** `earwitness("<path>","<base64>");`, a line for each piece, and one at the end that says that there is no more. */
export async function* dataScript(path: string, content: ByteStream): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const name = JSON.stringify(path);
  const [before, after] = [encoder.encode(`earwitness(${name},"`), encoder.encode('");\n')];
  const held = new Uint8Array(pieceBytes);
  let length = 0;
  for await (const bytes of content) {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + pieceBytes - length);
      held.set(part, length);
      length += part.length;
      at += part.length;
      if (length < pieceBytes) continue;
      yield line(before, held, after);
      length = 0;
    }
  }
  if (length > 0) yield line(before, held.subarray(0, length), after);
  yield encoder.encode(`earwitness(${name});\n`);
}

function line(before: Uint8Array, bytes: Uint8Array, after: Uint8Array): Uint8Array {
  const whole = new Uint8Array(before.length + base64Length(bytes.length) + after.length);
  whole.set(before);
  writeBase64(bytes, whole, before.length);
  whole.set(after, whole.length - after.length);
  return whole;
}

/** Where the page's data goes. The page is built with this one line in it. */
export const dataPlace = "<!-- earwitness data -->";

export const beginData = "<script>\n";
export const endData = "</script>";

/** What takes the place's place where the data lies in scripts beside the page. */
export const besideData = (indexPath: string): string => `<script src="${dataScriptPath(indexPath)}"></script>`;
