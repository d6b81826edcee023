import { tortureMessages } from "./rfc4475.ts";
import type { TortureMessage } from "./rfc4475.ts";
import { ipv6Messages } from "./rfc5118.ts";

/** What becomes of one message of RFC 4475 or RFC 5118 here. Tests hold the parser and the server to it; docs/torture.md shows it. */
export interface TortureVerdict {
  readonly name: string;
  /** The parser's sentence; null where it reads the message. */
  readonly refusal: string | null;
  /** The server's final response over UDP, from an address that is a trunk's; null where there is none to give. */
  readonly answer: number | null;
  /** The same over TCP, where the stream makes it another. */
  readonly overTcp?: number | null;
  /** What the RFC asks of an endpoint. */
  readonly asked: string;
  /** Why ours is what it is, where that is not what is asked. */
  readonly because?: string;
}

const noRegistrar = "a recording server registers nobody: 405 with Allow comes before anything else";

export const tortureVerdicts: readonly TortureVerdict[] = [
  { name: "wsinv", refusal: null, answer: 481, asked: "well-formed", because: "its To has a tag, and we have no such dialog" },
  { name: "intmeth", refusal: null, answer: 501, asked: "well-formed; the method is nobody's" },
  { name: "esc01", refusal: null, answer: 200, asked: "well-formed" },
  { name: "escnull", refusal: null, answer: 405, asked: "well-formed", because: noRegistrar },
  { name: "esc02", refusal: null, answer: 501, asked: "well-formed; RE%47IST%45R is not REGISTER" },
  { name: "lwsdisp", refusal: null, answer: 200, asked: "well-formed" },
  { name: "longreq", refusal: null, answer: 200, asked: "well-formed" },
  { name: "dblreq", refusal: null, answer: 405, asked: "the second request in the datagram is ignored", because: noRegistrar },
  { name: "semiuri", refusal: null, answer: 200, asked: "well-formed" },
  { name: "transports", refusal: null, answer: 200, asked: "well-formed; unknown transports below the topmost Via do no harm" },
  { name: "mpart01", refusal: null, answer: 405, asked: "well-formed", because: "a recording server takes no MESSAGE: 405 with Allow" },
  { name: "unreason", refusal: null, answer: null, asked: "well-formed", because: "a response that answers nothing of ours is counted and dropped" },
  { name: "noreason", refusal: null, answer: null, asked: "well-formed", because: "a response that answers nothing of ours is counted and dropped" },
  { name: "badinv01", refusal: "malformed Via", answer: 400, asked: "400" },
  { name: "clerr", refusal: "body is shorter than Content-Length", answer: 400, overTcp: null, asked: "400 over a datagram; more is waited for on a stream" },
  { name: "ncl", refusal: "malformed Content-Length", answer: 400, asked: "an error; a stream is closed, for the next message cannot be found" },
  { name: "scalar02", refusal: "malformed CSeq", answer: 400, asked: "400" },
  { name: "scalarlg", refusal: "malformed CSeq", answer: null, asked: "dropped" },
  { name: "quotbal", refusal: null, answer: 400, asked: "400" },
  { name: "ltgtruri", refusal: "malformed start line", answer: 400, asked: "400" },
  { name: "lwsruri", refusal: "malformed start line", answer: 400, asked: "400" },
  { name: "lwsstart", refusal: null, answer: 200, asked: "400, or the spaces are passed over" },
  { name: "trws", refusal: null, answer: 200, asked: "400, or the spaces are passed over" },
  { name: "escruri", refusal: null, answer: 200, asked: "400, or the escaped header is ignored" },
  { name: "baddate", refusal: null, answer: 200, asked: "400, or the date is ignored" },
  { name: "regbadct", refusal: null, answer: 405, asked: "400, or read all the same", because: noRegistrar },
  { name: "badaspec", refusal: null, answer: 200, asked: "400, or the spaces are passed over" },
  { name: "baddn", refusal: "headers are not ended by an empty line", answer: 400, overTcp: null, asked: "400, or read all the same", because: "in the RFC's archive its headers have no end; with one we read it and answer 200" },
  { name: "badvers", refusal: "SIP version not supported", answer: 505, asked: "505" },
  { name: "mismatch01", refusal: "CSeq names another method", answer: 400, asked: "400" },
  { name: "mismatch02", refusal: "CSeq names another method", answer: 400, asked: "400 or 501" },
  { name: "bigcode", refusal: "malformed start line", answer: null, asked: "dropped" },
  { name: "badbranch", refusal: null, answer: 200, asked: "matched as RFC 2543 does, by the whole request" },
  { name: "insuf", refusal: "no From", answer: null, asked: "nothing breaks; ideally 400", because: "an answer repeats From, To and Call-ID, and there are none" },
  { name: "unkscm", refusal: null, answer: 416, asked: "416" },
  { name: "novelsc", refusal: null, answer: 416, asked: "416" },
  { name: "unksm2", refusal: null, answer: 405, asked: "read; schemes in To and From are nobody's business but a registrar's", because: noRegistrar },
  { name: "bext01", refusal: null, answer: 420, asked: "420 with Unsupported" },
  { name: "invut", refusal: null, answer: 415, asked: "415 with Accept" },
  { name: "regaut01", refusal: null, answer: 405, asked: "the unknown scheme is as good as none", because: noRegistrar },
  { name: "multi01", refusal: "more than one From", answer: 400, asked: "400" },
  { name: "mcl01", refusal: "malformed Content-Length", answer: 400, asked: "400; a stream is closed, for the next message cannot be found" },
  { name: "bcast", refusal: null, answer: null, asked: "dropped: its topmost Via is not ours" },
  { name: "zeromf", refusal: null, answer: 200, asked: "an endpoint goes on as if there were hops left" },
  { name: "cparam01", refusal: null, answer: 405, asked: "the parameter is the header's", because: noRegistrar },
  { name: "cparam02", refusal: null, answer: 405, asked: "the parameter is the URI's", because: noRegistrar },
  { name: "regescrt", refusal: null, answer: 405, asked: "the escaped header stays with the contact", because: noRegistrar },
  { name: "sdp01", refusal: null, answer: 200, asked: "406 is possible, for it accepts no SDP", because: "it offers SDP; a client that is strict about its Accept and not about its offer would lose the recording" },
  { name: "inv2543", refusal: null, answer: 200, overTcp: 400, asked: "the ways of RFC 2543 are understood", because: "on a stream a body without Content-Length has no end" },
];

export const ipv6Verdicts: readonly TortureVerdict[] = [
  { name: "ipv6-good", refusal: null, answer: 405, asked: "well-formed", because: noRegistrar },
  { name: "ipv6-bad", refusal: null, answer: 405, asked: "400", because: noRegistrar },
  { name: "port-ambiguous", refusal: null, answer: 405, asked: "well-formed; 5070 is part of the address", because: noRegistrar },
  { name: "port-unambiguous", refusal: null, answer: 405, asked: "well-formed", because: noRegistrar },
  { name: "via-received-param-with-delim", refusal: null, answer: 481, asked: "read all the same", because: "there is no such dialog" },
  { name: "via-received-param-no-delim", refusal: null, answer: 200, asked: "well-formed" },
  { name: "ipv6-in-sdp", refusal: null, answer: 488, asked: "well-formed", because: "it offers G.726, which is not recorded" },
  { name: "mult-ip-in-header", refusal: null, answer: 481, asked: "well-formed", because: "there is no such dialog" },
  { name: "mult-ip-in-sdp", refusal: null, answer: 200, asked: "well-formed" },
  { name: "ipv4-mapped-ipv6", refusal: null, answer: 488, asked: "well-formed", because: "it offers G.726, which is not recorded" },
  { name: "ipv6-bug-abnf-3-colons", refusal: null, answer: 200, asked: "may be read all the same" },
];

export function verdictOf(name: string): TortureVerdict {
  const found = [...tortureVerdicts, ...ipv6Verdicts].find((one) => one.name === name);
  if (found === undefined) throw new Error(`no verdict on ${name}`);
  return found;
}

/** docs/torture.md. */
export function describeTorture(): string {
  const rows = (messages: readonly TortureMessage[]): string => messages.map(rowOf).join("\n");
  const heads = `| section | message | parser | answer | what the RFC asks | where ours needs a reason |
| --- | --- | --- | --- | --- | --- |`;
  return `# Torture messages, one by one

What becomes of each message of RFC 4475 and RFC 5118 here: at the parser, and as the final response of the server to a trunk. Tests send every one of them, byte for byte, over UDP (with \`;rport\` on the topmost Via, so that the answer finds its way back) and over TCP, and look after another call that runs meanwhile. The tables are generated from \`packages/media/src/testing/torture-verdicts.ts\`, which the tests hold us to; \`npm run generate\` writes them.

## RFC 4475

${heads}
${rows(tortureMessages)}

## RFC 5118 (IPv6)

${heads}
${rows(ipv6Messages)}
`;
}

function rowOf({ section, name }: TortureMessage): string {
  const { refusal, answer, overTcp, asked, because } = verdictOf(name);
  const given = answer === null ? "none" : String(answer);
  const stream = overTcp === undefined ? given : `${given}; on TCP ${overTcp === null ? "none" : overTcp}`;
  return `| ${section} | ${name} | ${refusal === null ? "read" : `refused: ${refusal}`} | ${stream} | ${asked} | ${because ?? ""} |`;
}
