import type { ReactNode } from "react";
import { Title } from "../frame/title.tsx";
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
    <div className={s.page}>
      <Title page={title} />
      {back}
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
    </div>
  );
}
