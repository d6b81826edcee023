import { parseMediaType, parseRecordingMetadata, parseSdp, splitBody } from "@earwitness/media";
import type { BodyPart, RecordingMetadata, SdpSession, SipRequest } from "@earwitness/media";
import type { RawBody } from "#recorder";
import { maskKeys } from "./mask-keys.ts";
import { acceptHeader, warning } from "./reply.ts";
import type { Answer } from "./reply.ts";

/** What a message of a recording session carries. */
export interface Content {
  readonly sdp: SdpSession | null;
  readonly metadata: RecordingMetadata | null;
  /** Why there is a metadata part and no `metadata`. Never a reason to refuse: the recording matters more. */
  readonly metadataProblem: string | null;
  /** Parts that are a vendor's own. */
  readonly other: readonly BodyPart[];
  /** Every part as received, what we cannot read included, keys of SRTP masked. */
  readonly raw: readonly RawBody[];
}

/** The whole body of a request that could not be split, as it came. */
export function wholeBody({ headers, body }: SipRequest, receivedAt: Date): RawBody[] {
  return body.length === 0 ? [] : [{ receivedAt, contentType: headers.get("Content-Type") ?? "application/octet-stream", body: maskKeys(body) }];
}

/** An answer means that the request cannot be served: its body is of a kind we do not read, or broken where we need it whole. */
export function readContent(request: SipRequest, receivedAt: Date): Content | Answer {
  const { headers, body } = request;
  const encoding = headers.get("Content-Encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") return { status: 415, reason: "MALFORMED", headers: [["Accept-Encoding", "identity"]] };
  const split = splitBody(headers.get("Content-Type"), body);
  if (!split.ok) return { status: 400, reason: "MALFORMED", headers: [warning(399, split.reason)] };
  const { sdp, metadata, other } = split.value;
  const optional = /;\s*handling\s*=\s*optional/i.test(headers.get("Content-Disposition") ?? "");
  const bare = !(parseMediaType(headers.get("Content-Type") ?? "")?.type.startsWith("multipart/") ?? false);
  // Further parts of a multipart are a vendor's own and kept; a whole body that is neither of ours is not a recording session's.
  if (body.length > 0 && bare && sdp === null && metadata === null && !optional) return { status: 415, reason: "NO_OFFER", headers: [acceptHeader] };

  const parsedSdp = sdp === null ? null : parseSdp(sdp.body);
  if (parsedSdp !== null && !parsedSdp.ok) return { status: 400, reason: "MALFORMED", headers: [warning(399, parsedSdp.reason)] };
  const parsedMetadata = metadata === null ? null : parseRecordingMetadata(metadata.body);
  const document = parsedMetadata !== null && parsedMetadata.ok && parsedMetadata.value.kind === "metadata" ? parsedMetadata.value : null;
  const raw = [sdp, metadata, ...other].flatMap((part) =>
    part === null ? [] : [{ receivedAt, contentType: part.contentType, body: maskKeys(part.body) }],
  );
  return {
    sdp: parsedSdp?.value ?? null,
    metadata: document,
    metadataProblem: parsedMetadata === null || document !== null ? null : parsedMetadata.ok ? "a snapshot request came where metadata belongs" : parsedMetadata.reason,
    other,
    raw,
  };
}
