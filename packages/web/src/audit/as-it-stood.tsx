import { useQuery } from "@tanstack/react-query";
import { recordKinds, type AsOfQuery, type AuditEntry, type RecordKind } from "@earwitness/contract";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { useText } from "../text.ts";
import { asOfQuery } from "./use-audit.ts";
import { Fact, plain, Value } from "./value.tsx";
import s from "./details.module.css";

/** What the entry's thing was, once the entry was written: opened when asked for, since looking at it is an act of its own. */
export function AsItStood({ entry: { item, subject, at, erased } }: { entry: AuditEntry }) {
  const text = useText();
  const [open, setOpen] = useState(false);
  if (subject === null || erased || !isKind(item)) return null;
  return (
    <details className={s.stood} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{text("audit.asOf")}</summary>
      {open && <Content query={{ item, subject, at }} />}
    </details>
  );
}

const isKind = (item: string): item is RecordKind => recordKinds.some((kind) => kind === item);

function Content({ query: asked }: { query: AsOfQuery }) {
  const text = useText();
  const words = useProblemWords();
  const query = useQuery(asOfQuery(asked));
  if (query.isPending) return <p className={s.soft}>{text("settings.loading")}</p>;
  if (query.isError) return <p role="alert">{words(problemOf(query.error)).detail}</p>;
  const { state, fields, next, subject } = query.data;
  return (
    <>
      {state !== "there" && <p className={s.soft}>{text(`audit.asOf.state.${state}`)}</p>}
      <dl className={s.facts}>
        {fields.map(({ field, value, doubt }) => (
          <Fact key={field} name={plain(field)}>
            {doubt !== "secret" && doubt !== "unwritten" && <Value value={value} />}
            {doubt !== null && <span className={s.doubt}>{text(`audit.asOf.doubt.${doubt}`)}</span>}
          </Fact>
        ))}
      </dl>
      {next !== null && <Link {...pages.audit({ subject, open: next })}>{text("audit.asOf.next")}</Link>}
    </>
  );
}
