import { Button } from "@fluentui/react-components";
import type { OpenSession } from "@earwitness/contract";
import { useMutation } from "@tanstack/react-query";
import { problemOf } from "../api.ts";
import { Ago } from "../frame/ago.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import s from "./session-list.module.css";

/** Sessions in force, each with the way to end it. */
export function SessionList({ sessions, onEnd }: { sessions: readonly OpenSession[]; onEnd: (session: OpenSession) => Promise<unknown> }) {
  const text = useText();
  if (sessions.length === 0) return <p className={s.none}>{text("sessions.none")}</p>;
  return (
    <ul className={s.list}>
      {sessions.map((session) => (
        <Row key={session.id} session={session} onEnd={onEnd} />
      ))}
    </ul>
  );
}

function Row({ session, onEnd }: { session: OpenSession; onEnd: (session: OpenSession) => Promise<unknown> }) {
  const text = useText();
  const words = useProblemWords();
  const end = useMutation({ mutationFn: () => onEnd(session) });
  const browser = session.userAgent ?? text("sessions.unknownBrowser");
  return (
    <li className={s.row}>
      <div className={s.which}>
        <span className={s.browser}>{browser}</span>
        <span className={s.facts}>
          {session.current && <strong>{text("sessions.current")}</strong>}
          <span>{text("sessions.from", { address: session.remoteAddress ?? text("sessions.unknownAddress") })}</span>
          <span>
            {text("sessions.since")} <Ago at={session.since} />
          </span>
          <span>
            {text("sessions.lastSeen")} <Ago at={session.lastSeen} />
          </span>
        </span>
        {end.isError && (
          <span role="alert" className={s.failed}>
            {words(problemOf(end.error)).detail}
          </span>
        )}
      </div>
      <Button disabled={end.isPending} aria-label={text(session.current ? "sessions.end.current" : "sessions.end.which", { browser })} onClick={() => end.mutate()}>
        {text(session.current ? "frame.signOut" : "sessions.end")}
      </Button>
    </li>
  );
}
