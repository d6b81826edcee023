import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { problemOf } from "../api.ts";
import { Fault } from "../frame/notice.tsx";
import { TipRegion } from "../frame/tip.tsx";
import { Title } from "../frame/title.tsx";
import { useText } from "../text.ts";
import s from "./page.module.css";

interface PageProps {
  readonly title: string;
  /** The page's one number, or its state in words. */
  readonly note?: string | undefined;
  readonly lead?: string;
  readonly back?: ReactNode;
  readonly tools?: ReactNode;
  readonly children: ReactNode;
}

/** Title, its one number, tools at the right, and below it the page. */
export function Page({ title, note, lead, back, tools, children }: PageProps) {
  return (
    <TipRegion className={s.page}>
      <Title page={title} />
      {back && <div className={s.back}>{back}</div>}
      <header className={s.header}>
        <div className={s.heading}>
          <h1>{title}</h1>
          <span className={s.note} role="status">
            {note ?? "\u00a0"}
          </span>
        </div>
        {tools && <div className={s.tools}>{tools}</div>}
      </header>
      {lead && <p className={s.lead}>{lead}</p>}
      {children}
    </TipRegion>
  );
}

/** In place of a page whose subject is still on its way, is gone, or cannot be had. */
export function PageWithout({ title, back, query }: { title: string; back: ReactNode; query: Pick<UseQueryResult, "isPending" | "error" | "refetch"> }) {
  if (query.isPending) return <PageSkeleton title={title} back={back} />;
  return (
    <Page title={title} back={back}>
      <Fault error={query.error} icon={problemOf(query.error).status === 404 ? <SearchRegular /> : <PlugDisconnectedRegular />} onRetry={() => void query.refetch()} />
    </Page>
  );
}

/** The shape of a form that comes. */
function PageSkeleton({ title, back }: { title: string; back: ReactNode }) {
  const text = useText();
  return (
    <div className={s.page} role="status" aria-label={text("settings.loading")}>
      <Title page={title} />
      <div className={s.back}>{back}</div>
      <span className={s.bone} style={{ width: 280, height: 22, margin: "4px 0" }} />
      {[1, 2, 3].map((section) => (
        <div key={section} className={s.bones} aria-hidden="true">
          <span className={s.bone} style={{ width: 190, height: 16 }} />
          <span className={s.bone} style={{ width: 420 }} />
          <span className={s.bone} style={{ width: 560, height: 32 }} />
          <span className={s.bone} style={{ width: 560, height: 32 }} />
        </div>
      ))}
    </div>
  );
}
