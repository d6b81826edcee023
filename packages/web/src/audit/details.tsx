import { Button } from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons/svg/dismiss";
import type { AuditEntry } from "@earwitness/contract";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { pages } from "../paths.ts";
import { useReader, useText } from "../text.ts";
import { formatAuditTime, formatZone } from "../time.ts";
import { ActorMark } from "./actor.tsx";
import { AsItStood } from "./as-it-stood.tsx";
import { Fact, plain, Value } from "./value.tsx";
import s from "./details.module.css";

/** Everything that was written down of one act, beside the list. */
export function Details({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  const text = useText();
  const reader = useReader();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [entry.id]);
  const { actor, change, thing } = entry;
  const { was, ...more } = entry.detail;
  const late = Date.parse(entry.at) - Date.parse(entry.happenedAt) > 1_000;
  return (
    <aside className={s.details} aria-label={text("audit.details")}>
      <header className={s.header}>
        <div>
          <p className={s.kind}>
            {entry.action} · {entry.item}
          </p>
          <h2 ref={heading} tabIndex={-1}>
            {entry.description}
          </h2>
        </div>
        <Button appearance="subtle" icon={<DismissRegular />} aria-label={text("audit.details.close")} onClick={onClose} />
      </header>
      <nav className={s.links}>
        {thing && <Link {...pageOf(thing)}>{text(`audit.details.open.${thing.kind}`)}</Link>}
        {entry.subject !== null && <Link {...pages.audit({ subject: thing?.kind === "interaction" ? thing.id : entry.subject })}>{text("audit.details.history")}</Link>}
        {(actor.kind === "person" || actor.kind === "api_key") && <Link {...pages.audit({ actor: actor.id })}>{text("audit.details.actorHistory")}</Link>}
      </nav>
      <dl className={s.facts}>
        <Fact name={text("audit.column.at")}>
          {formatAuditTime(entry.at, reader)} <span className={s.soft}>{formatZone(reader, new Date(entry.at))}</span>
        </Fact>
        {late && <Fact name={text("audit.details.happened")}>{formatAuditTime(entry.happenedAt, reader)}</Fact>}
        <Fact name={text("audit.details.who")}>
          <span className={s.who}>
            <ActorMark actor={actor} /> {actor.name}
          </span>
        </Fact>
        {actor.upn !== null && <Fact name={text("audit.details.upn")}>{actor.upn}</Fact>}
        {entry.remoteAddress !== null && <Fact name={text("audit.details.where")}>{entry.remoteAddress}</Fact>}
        {entry.reason !== null && <Fact name={text("audit.details.reason")}>{entry.reason}</Fact>}
        {entry.subject !== null && (
          <Fact name={text("audit.details.subject")}>
            <code>{entry.subject}</code>
          </Fact>
        )}
        <Fact name={text("audit.details.node")}>{entry.node}</Fact>
        <Fact name={text("audit.details.place")}>{entry.place === null ? text("audit.details.place.none") : entry.place.toLocaleString(reader.locale)}</Fact>
      </dl>
      {change.length > 0 && (
        <section>
          <h3>{text("audit.details.change")}</h3>
          <table className={s.change}>
            <thead>
              <tr>
                <th scope="col">{text("audit.details.field")}</th>
                <th scope="col">{text("audit.details.from")}</th>
                <th scope="col">{text("audit.details.to")}</th>
              </tr>
            </thead>
            <tbody>
              {change.map(({ field, from, to }) => (
                <tr key={field}>
                  <th scope="row">{plain(field)}</th>
                  <td data-before>
                    <Value value={from} />
                  </td>
                  <td>
                    <Value value={to} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <Values title={text("audit.details.was")} values={was} />
      <AsItStood entry={entry} />
      <Values title={text("audit.details.more")} values={more} />
    </aside>
  );
}

function Values({ title, values }: { title: string; values: unknown }) {
  const entries = values !== null && typeof values === "object" ? Object.entries(values) : [];
  if (entries.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <dl className={s.facts}>
        {entries.map(([name, value]) => (
          <Fact key={name} name={plain(name)}>
            <Value value={value} />
          </Fact>
        ))}
      </dl>
    </section>
  );
}

function pageOf({ kind, id }: NonNullable<AuditEntry["thing"]>) {
  switch (kind) {
    case "interaction":
      return pages.interaction(id);
    case "person":
      return pages.person(id);
    case "trunk":
      return pages.trunk(id);
    case "group":
      return pages.groups();
  }
}
