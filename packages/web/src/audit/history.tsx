import { changingActions } from "@earwitness/contract";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { TipRegion } from "../frame/tip.tsx";
import { pages } from "../paths.ts";
import { sessionQuery } from "../queries.ts";
import { useReader, useText } from "../text.ts";
import { formatAuditTime } from "../time.ts";
import { AsItStood } from "./as-it-stood.tsx";
import { historyQuery } from "./use-audit.ts";
import s from "./history.module.css";

/** Who looked at a thing and who changed it, on the thing's own page. Opened when asked for: reading the trail is an act too. */
export function History({ subject }: { subject: string }) {
  const text = useText();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const [open, setOpen] = useState(false);
  if (!session.permissions.includes("audit.read")) return null;
  return (
    <section className={s.history}>
      <h2>{text("history.title")}</h2>
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>{text("history.show")}</summary>
        {open && <Entries subject={subject} />}
      </details>
    </section>
  );
}

/** After a look it stood as before it. */
const changing: ReadonlySet<string> = new Set(changingActions);

function Entries({ subject }: { subject: string }) {
  const text = useText();
  const reader = useReader();
  const words = useProblemWords();
  const query = useQuery(historyQuery(subject));
  if (query.isPending) return <p className={s.soft}>{text("settings.loading")}</p>;
  if (query.isError) return <p role="alert">{words(problemOf(query.error)).detail}</p>;
  return (
    <TipRegion>
      <ul className={s.entries}>
        {query.data.items.map((entry) => (
          <li key={entry.id}>
            <time dateTime={entry.at}>{formatAuditTime(entry.at, reader)}</time>
            <div>
              <Link {...pages.audit({ subject, open: entry.id })} data-tip={entry.actor.upn ?? undefined}>
                {entry.description}
              </Link>
              {changing.has(entry.action) && <AsItStood entry={entry} />}
            </div>
          </li>
        ))}
      </ul>
      {query.data.items.length === 0 ? <p className={s.soft}>{text("history.none")}</p> : <Link {...pages.audit({ subject })}>{text("history.all")}</Link>}
    </TipRegion>
  );
}
