import { mergeRecordingMetadata, parseRecordingMetadata } from "@earwitness/media";
import type { RecordingMetadata } from "@earwitness/media";
import { demand, demandSameAnywhere, filled, harness, refused, sayAll, taken } from "../harness.ts";
import type { Verdict } from "../harness.ts";

const complete = `<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1" xmlns:v="urn:example:vendor">
<datamode>complete</datamode>
<group group_id="g1"><associate-time>2026-11-20T09:15:00Z</associate-time></group>
<session session_id="s1"><sipSessionID>ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2</sipSessionID><group-ref>g1</group-ref><start-time>2026-11-20T09:15:00.5+01:00</start-time><reason cause="200">ok</reason></session>
<participant participant_id="p1"><nameID aor="sip:ann@example.com"><name xml:lang="en">Ann &amp; Co</name></nameID><v:extensiondata><v:ucid x="1">00010000</v:ucid></v:extensiondata></participant>
<participant participant_id="p2"><nameID aor="tel:+493012345"/></participant>
<stream stream_id="t1" session_id="s1"><label>1</label></stream>
<stream stream_id="t2" session_id="s1"><label>2</label><mode>separate</mode></stream>
<sessionrecordingassoc session_id="s1"><associate-time>2026-11-20T09:15:00Z</associate-time></sessionrecordingassoc>
<participantsessionassoc participant_id="p1" session_id="s1"><associate-time>2026-11-20T09:15:00Z</associate-time><param pname="sip.src" pval="1"/></participantsessionassoc>
<participantstreamassoc participant_id="p1"><send>t1</send><recv>t2</recv></participantstreamassoc>
<participantstreamassoc participant_id="p2"><send>t2</send><recv>t1</recv><disassociate-time>2026-11-20T09:16:00Z</disassociate-time></participantstreamassoc>
</recording>`;
const partial = complete.replace("complete", "partial").replace(/<participant participant_id="p2">.*\n/, "");
const nested = `<recording_metadata id="r"><dataMode>complete</dataMode><session id="s9"><participant id="p9" session="s9"><aor>sip:x@y</aor><name>X;lang=en-US;id=22</name><send><id>t9</id></send></participant><stream id="t9"><label>a</label></stream></session></recording_metadata>`;

const words = ["<recording>", "</recording>", "<session session_id=\"s1\">", "</session>", "<participant participant_id=\"p1\">", "<stream stream_id=\"t1\">", "<label>", "<send>t1</send>", "<participantstreamassoc participant_id=\"p1\">", "<datamode>partial</datamode>", "associate-time", "disassociate-time", "2026-11-20T09:15:00Z", "<!DOCTYPE a [<!ENTITY b \"c\">]>", "<![CDATA[", "]]>", "<!--", "-->", "<?", "?>", "&amp;", "&#0;", "&#x10ffff;", "&#xffffffff;", "&lol;", "/>", "xmlns:a=\"b\"", "a:", "\ufeff", "<a>", "</a>", "<requestsnapshot/>"];

let before: RecordingMetadata | null = null;

function known(): RecordingMetadata {
  if (before === null) {
    const parsed = parseRecordingMetadata(new TextEncoder().encode(complete));
    if (!parsed.ok || parsed.value.kind !== "metadata") throw new Error("the first seed cannot be read");
    before = parsed.value;
  }
  return before;
}

const sizes = (one: RecordingMetadata): number[] => [one.groups, one.sessions, one.participants, one.streams, one.participantSessionAssociations, one.participantStreamAssociations, one.extensions].map((list) => list.length);

function run(input: Uint8Array): Verdict {
  const result = parseRecordingMetadata(input);
  if (input.length < 4_096) demandSameAnywhere(input, parseRecordingMetadata);
  if (!result.ok) {
    demand(result.reason.length < 400, "a refusal gives a short reason");
    return "refused";
  }
  if (result.value.kind === "snapshot-request") return "taken";
  const document = result.value;
  demand(document.problems.length <= 50 && document.extensions.length <= 1_000, "complaints and extensions are bounded");
  for (const { id } of [...document.groups, ...document.sessions, ...document.participants, ...document.streams]) demand(id !== "" && id.length <= 206, "an id is there and bounded");

  const at = new Date("2026-11-20T10:00:00Z");
  const first = mergeRecordingMetadata(null, document, at);
  const onto = mergeRecordingMetadata(known(), document, at);
  const twice = mergeRecordingMetadata(onto, document, at);
  const thrice = mergeRecordingMetadata(twice, document, at);
  demand(first.mode === "complete" && onto.mode === "complete", "what is known is complete");
  for (const [index, size] of sizes(thrice).entries()) demand(size <= Math.max(5_000, sizes(document)[index]!), "what is known is bounded");
  for (const { id } of known().participants) demand(sizes(document)[2]! >= 5_000 || onto.participants.some((one) => one.id === id), "nobody who was there vanishes");
  // A client that repeats a document must not change what is known. Associations of streams are told apart by what they say alone.
  if (document.mode === "complete") demand(sayAll([twice.participants, twice.streams, twice.sessions]) === sayAll([thrice.participants, thrice.streams, thrice.sessions]), "the same document again changes nothing");
  return "taken";
}

const worst = (head: string, unit: (at: number) => string, tail = ""): Uint8Array => filled(256 * 1024, `<recording>${head}`, unit, `${tail}</recording>`);

export const metadata = harness({
  name: "recording-metadata",
  words,
  run,
  alone: parseRecordingMetadata,
  maxBytes: 300 * 1024,
  seeds: [
    taken("complete", complete),
    taken("partial", partial),
    taken("a vendor's older form", nested),
    taken("snapshot request", "<requestsnapshot xmlns='urn:ietf:params:xml:ns:recording:1'><requestreason>recovery</requestreason></requestsnapshot>"),
    taken("windows-1252", Uint8Array.from(Buffer.from(complete.replace("Ann", "J\u00f6rg"), "latin1"))),
    refused("a document type with an entity", `<!DOCTYPE a [<!ENTITY b "c">]>${complete.slice(complete.indexOf("\n") + 1)}`),
    refused("another root", "<html/>"),
    // As long as a message may be, and each as dear as its kind gets.
    taken("a full conference", worst("", (at) => `<participant participant_id="${24_000_000 + at}"><nameID aor="sip:p${at}@x"/></participant><stream stream_id="s${at}"><label>${at}</label></stream><participantstreamassoc participant_id="${24_000_000 + at}"><send>s${at}</send></participantstreamassoc>`)),
    taken("thousands of people", worst("", (at) => `<participant id="${at}" session="s"/>`)),
    taken("thousands of holders of names", worst("<participant id='p'><aor>x</aor>", () => "<nameID>a</nameID>", "</participant>")),
    taken("thousands of sessions with somebody inside", worst("", (at) => `<session id="${at}"><participant id="p${at}"><send>${at}</send></participant></session>`)),
    taken("thousands of streams of one participant", worst("<participant id='p'>", (at) => `<send>${at}</send>`, "</participant>")),
    taken("elements of many attributes", worst("", () => `<a ${Array.from({ length: 200 }, (_, at) => `a${at}=''`).join(" ")}/>`)),
    taken("a bare ampersand in every place", worst("", () => "&")),
    taken("references", worst("", () => "&#9;")),
    refused("more elements than there may be", worst("", () => "<a b='c'/>")),
    refused("longer than a message may be", `<recording>${" ".repeat(256 * 1024)}</recording>`),
    refused("too deep", "<recording>".repeat(40)),
    refused("no XML", "v=0\r\n"),
  ],
});
