import type { InteractionDetail, Party } from "@earwitness/contract";
import { Fragment, useMemo, type ReactNode } from "react";
import { TipRegion } from "../frame/tip.tsx";
import { answeringName } from "../list/row.tsx";
import { CallDuration, Status } from "../list/status.tsx";
import { partyName, shortAddress } from "../party.ts";
import { missingOf, wallClockOf } from "../player/gap-words.ts";
import { hasProof, sentenceOf } from "../proof/seal-mark.tsx";
import { useReader, useText } from "../text.ts";
import { formatClock, formatDate, formatDuration, formatOffset, formatPosition } from "../time.ts";
import { CopyButton } from "./copy.tsx";
import type { OwnCall } from "./own-time.ts";
import s from "./facts.module.css";

/** Everything known of the call, in groups. What did not happen has no line. */
export function Facts({ call }: { call: OwnCall & { seenAtMs: number } }) {
  const text = useText();
  const reader = useReader();
  const running = call.mediaStatus === "Recording";
  const time = (iso: string) => (
    <span className="numbers" data-tip={iso}>
      {formatDate(iso, reader)}, {formatClock(iso, reader)} <span className={s.offset}>{formatOffset(reader, new Date(iso))}</span>
    </span>
  );
  const holds = call.events.filter((event) => event.kind === "hold" || event.kind === "retrieve");
  const gaps = useMemo(() => missingOf(call, text, wallClockOf(call, reader)), [call, text, reader]);
  const answering = answeringName(call, text);

  return (
    <TipRegion className={s.facts}>
      <aside aria-label={text("facts.label")}>
        <Group title={text("facts.call")}>
          <Fact name={text("facts.status")}>
            <Status status={call.mediaStatus} />
          </Fact>
          <Fact name={text("facts.direction")}>{text(`direction.${call.direction}`)}</Fact>
          <Fact name={text("facts.type")}>{text(`type.${call.type}`)}</Fact>
          <Fact name={text("facts.started")}>{time(call.startedAt)}</Fact>
          <Fact name={text("facts.answered")}>{call.answeredAt && time(call.answeredAt)}</Fact>
          <Fact name={text("facts.released")}>{call.releasedAt && time(call.releasedAt)}</Fact>
          <Fact name={text("facts.wait")} why={text("facts.wait.why")}>
            {call.answeredAt && <span className="numbers">{formatDuration(call.waitMs)}</span>}
          </Fact>
          <Fact name={text("facts.duration")} why={text("facts.duration.why")}>
            {call.answeredAt && (
              <span className="numbers">
                <CallDuration call={call} />
              </span>
            )}
          </Fact>
          <Fact name={text("facts.holds")}>
            {holds.length > 0 && (
              <ul>
                {holds.map((event) => (
                  <li key={`${event.kind} ${event.atMs}`}>
                    <span className="numbers">{formatPosition(event.atMs)}</span>{" "}
                    {text(event.kind === "hold" ? "event.hold" : "event.retrieve", { who: nameOf(call, event.participant) ?? text("event.someone") })}
                  </li>
                ))}
              </ul>
            )}
          </Fact>
          <Fact name={text("facts.release")}>{call.releaseCause && text(`release.${call.releaseCause}`)}</Fact>
          <Fact name={text("facts.recordingType")}>{call.recordingType}</Fact>
          <Fact name={text("facts.trunk")}>{call.trunk}</Fact>
          <Fact name={text("facts.callId")}>
            <Code name={text("facts.callId")}>{call.id}</Code>
          </Fact>
          <Fact name={text("facts.sysCallId")}>{call.sysCallId && <Code name={text("facts.sysCallId")}>{call.sysCallId}</Code>}</Fact>
          <Fact name={text("facts.sipCallId")}>
            <Code name={text("facts.sipCallId")}>{call.sipCallId}</Code>
          </Fact>
        </Group>

        <Group title={text("facts.people")}>
          <Fact name={text("facts.user")}>
            <Person party={call.user} />
          </Fact>
          <Fact name={text("facts.calling")}>{call.calling && <Person party={call.calling} />}</Fact>
          <Fact name={text("facts.called")}>{call.called && <Person party={call.called} />}</Fact>
          <Fact name={text("facts.answering")}>
            {answering && (answering === partyName(call.answering) && call.answering ? <Person party={call.answering} /> : answering)}
          </Fact>
          <Fact name={text("facts.onBehalfOf")}>{call.onBehalfOf && <Person party={call.onBehalfOf} />}</Fact>
          <Fact name={text("facts.transferredBy")}>{call.transferredBy && <Person party={call.transferredBy} />}</Fact>
          <Fact name={text("facts.transferredTo")}>{call.transferredTo && <Person party={call.transferredTo} />}</Fact>
          <Fact name={text("facts.participants")}>
            {call.participants.length > 2 && (
              <ul>
                {call.participants.map((party) => (
                  <li key={party.address}>{partyName(party)}</li>
                ))}
              </ul>
            )}
          </Fact>
        </Group>

        <Group title={text("facts.why")}>
          <div className={s.wide}>
            <dt className="unseen">{text("facts.why")}</dt>
            <dd>
              <ul className={s.reasons}>
                {call.decision.reasons.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
              </ul>
            </dd>
          </div>
          <Fact name={text("facts.rule")}>
            <span className="numbers">{call.decision.ruleVersion}</span>
          </Fact>
        </Group>

        <Group title={text("facts.evidence")}>
          <Fact name={text("facts.verified")}>{hasProof(call) && sentenceOf(call.verification, text, reader)}</Fact>
          {call.recording && (
            <>
              <Fact name={text("facts.gaps")}>
                {gaps.length === 0 ? (
                  text(running ? "facts.gaps.running" : "facts.gaps.none")
                ) : (
                  <ul className={s.gaps}>
                    {gaps.map((words) => (
                      <li key={words}>{words}</li>
                    ))}
                  </ul>
                )}
              </Fact>
              <Fact name={text("facts.recordingBegan")}>{time(call.recording.startedAt)}</Fact>
              <Fact name={text("facts.recordingId")}>
                <Code name={text("facts.recordingId")}>{call.recording.id}</Code>
              </Fact>
              <Fact name={text("facts.manifest")}>
                {call.recording.manifestSha256 ? <Code name={text("facts.manifest")}>{call.recording.manifestSha256}</Code> : text("facts.manifest.running")}
              </Fact>
              <Fact name={text("facts.node")}>
                <Code name={text("facts.node")}>{call.recording.node}</Code>
              </Fact>
            </>
          )}
          <Fact name={text("facts.codecs")}>{[...new Set(call.tracks.map((track) => track.codec))].join(", ")}</Fact>
          <Fact name={text("facts.sandbox")}>{call.sandbox && text("facts.sandbox.yes")}</Fact>
        </Group>
      </aside>
    </TipRegion>
  );
}

const nameOf = (call: InteractionDetail, aor: string | null): string | null => {
  const party = call.participants.find((one) => one.address === aor);
  return party ? partyName(party) : aor && shortAddress(aor);
};

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={s.group}>
      <h2>{title}</h2>
      <dl>{children}</dl>
    </section>
  );
}

/** Nothing known, no line. */
function Fact({ name, why, children }: { name: string; why?: string; children: ReactNode }) {
  if (children === null || children === undefined || children === false || children === "") return null;
  return (
    <div className={s.fact}>
      <dt data-tip={why}>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Person({ party }: { party: Pick<Party, "name" | "address" | "upn"> }) {
  // Many organizations use one spelling for both, but for the capitals.
  const same = (one: string, two: string) => one.toLowerCase() === two.toLowerCase();
  const under = [party.upn, shortAddress(party.address)].filter(
    (one, n, all): one is string => !!one && !same(one, partyName(party)) && !all.slice(0, n).some((before) => before && same(before, one)),
  );
  return (
    <>
      {partyName(party)}
      {under.map((one) => (
        <Fragment key={one}>
          <br />
          <span className={s.under}>{one}</span>
        </Fragment>
      ))}
    </>
  );
}

function Code({ name, children }: { name: string; children: string }) {
  return (
    <span className={s.code}>
      <code>{children}</code>
      <CopyButton what={name} value={children} />
    </span>
  );
}
