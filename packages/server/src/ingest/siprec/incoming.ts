import { parseCSeq, parseNameAddr, parseVia } from "@earwitness/media";
import type { CSeq, NameAddr, SipHeaders, SipRequest, Via } from "@earwitness/media";
import type { Flow } from "./transport.ts";

/** A request whose headers of routing and identity were read once, here; nobody reads them again. All of it is the sender's word. */
export interface Incoming {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly via: Via;
  readonly from: NameAddr;
  readonly to: NameAddr;
  readonly callId: string;
  readonly cseq: CSeq;
}

/** Null where the request cannot even be answered properly: no usable Via, From, To or CSeq. */
export function readIncoming(request: SipRequest, flow: Flow): Incoming | null {
  const { headers } = request;
  const via = topVia(headers);
  const from = parseNameAddr(headers.get("From") ?? "");
  const to = parseNameAddr(headers.get("To") ?? "");
  const cseq = parseCSeq(headers.get("CSeq") ?? "");
  const callId = headers.get("Call-ID") ?? "";
  if (via === null || !from.ok || !to.ok || !cseq.ok || callId === "") return null;
  return { request, flow, via, from: from.value, to: to.value, cseq: cseq.value, callId };
}

export function topVia(headers: SipHeaders): Via | null {
  const [top] = headers.list("Via");
  const via = parseVia(top ?? "");
  return via.ok ? via.value : null;
}

export const fromTag = (incoming: Incoming): string => incoming.from.params.get("tag") ?? "";
export const toTag = (incoming: Incoming): string => incoming.to.params.get("tag") ?? "";
