import { useId, type ReactNode } from "react";
import s from "./section.module.css";

export function Section({ title, lead, tools, children }: { title: string; lead?: string; tools?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section className={s.section} aria-labelledby={id}>
      <header className={s.header}>
        <h2 id={id}>{title}</h2>
        {tools}
      </header>
      {lead && <p className={s.lead}>{lead}</p>}
      <div className={s.body}>{children}</div>
    </section>
  );
}
