import { Button } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons/svg/arrow-download";
import { DocumentCopyRegular } from "@fluentui/react-icons/svg/document-copy";
import type { Invitation } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { apiPaths } from "../paths.ts";
import { traceQuery } from "../queries.ts";
import { useReader, useText } from "../text.ts";
import { formatClock, formatOffset } from "../time.ts";
import { readTrace, sinceFirst, type TracedMessage } from "./read-trace.ts";
import s from "./trace.module.css";

/** The messages of an invitation and of what came of it, as a ladder, and as text that can be sent to an engineer; keys and credentials are masked. */
export function Trace({ invitation }: { invitation: Invitation }) {
  const text = useText();
  const words = useProblemWords();
  const trace = useQuery(traceQuery(invitation.id));
  const reader = useReader();
  const [copied, setCopied] = useState(false);
  if (trace.isPending) return <p className={s.lead}>{text("settings.loading")}</p>;
  if (trace.isError) return <p role="alert">{words(problemOf(trace.error)).detail}</p>;
  const messages = readTrace(trace.data);
  const startMs = messages?.[0]?.at.getTime() ?? 0;
  return (
    <section className={s.trace} aria-label={text("invitations.trace")}>
      <header className={s.tools}>
        <p className={s.lead}>{text("trace.lead")}</p>
        {"clipboard" in navigator && (
          <Button size="small" icon={<DocumentCopyRegular />} onClick={() => void navigator.clipboard.writeText(trace.data).then(() => setCopied(true))} onBlur={() => setCopied(false)}>
            {text(copied ? "app.copied" : "trace.copy")}
          </Button>
        )}
        <Button as="a" size="small" icon={<ArrowDownloadRegular />} href={apiPaths.trace(invitation.id)} download>
          {text("trace.download")}
        </Button>
      </header>
      {messages === null ? (
        <pre className={s.whole} tabIndex={0} aria-label={text("invitations.trace")}>
          {trace.data}
        </pre>
      ) : (
        <div className={s.ladder}>
          <div className={s.ends} aria-hidden="true">
            <span className={s.zone}>{formatOffset(reader, new Date(startMs))}</span>
            <span>
              <b>{text("trace.client")}</b> {invitation.remoteAddress}
            </span>
            <b>{text("app.name")}</b>
          </div>
          <ol>
            {messages.map((message, index) => (
              <Message key={index} message={message} sinceMs={message.at.getTime() - startMs} isFirst={index === 0} />
            ))}
          </ol>
        </div>
      )}
    </section>
  );
}

/** Bodies of this many lines are shown without a fold. */
const shortBody = 6;

function Message({ message, sinceMs, isFirst }: { message: TracedMessage; sinceMs: number; isFirst: boolean }) {
  const text = useText();
  const reader = useReader();
  const { direction, title, isRequest, method, head, body } = message;
  const iso = message.at.toISOString();
  const lines = body === "" ? 0 : body.split("\n").length;
  const fate = isRequest ? "request" : /^[12]/.test(title) ? "good" : "bad";
  return (
    <li>
      <details className={s.message}>
        <summary className={s.rung} data-direction={direction} data-fate={fate}>
          <span className={s.time} data-tip={iso}>
            {isFirst ? `${formatClock(iso, reader)}.${iso.slice(20, 23)}` : sinceFirst(sinceMs)}
          </span>
          <span className={s.lane}>
            <span className={s.title}>
              <span className="unseen">{text(direction === "in" ? "trace.in" : "trace.out")}</span> {title}
              {!isRequest && method !== null && <span className={s.method}> {method}</span>}
            </span>
            <span className={s.arrow} aria-hidden="true" />
          </span>
        </summary>
        <div className={s.text}>
          <pre tabIndex={0} aria-label={title}>
            {head}
          </pre>
          {lines > 0 &&
            (lines <= shortBody ? (
              <pre tabIndex={0} aria-label={text("trace.body", { lines })}>
                {body}
              </pre>
            ) : (
              <details className={s.body}>
                <summary>{text("trace.body", { lines })}</summary>
                <pre tabIndex={0} aria-label={text("trace.body", { lines })}>
                  {body}
                </pre>
              </details>
            ))}
        </div>
      </details>
    </li>
  );
}
