import { Button } from "@fluentui/react-components";
import type { Problem } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { problemOf } from "../api.ts";
import { sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";
import s from "./notice.module.css";

interface NoticeProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
  /** True where it is all there is on the page. */
  readonly alone?: boolean;
}

/** A page or a part of one that has nothing to show, and says why and what next. */
export function Notice({ icon, title, children, actions, alone = false }: NoticeProps) {
  const Heading = alone ? "h1" : "h2";
  return (
    <div className={s.notice}>
      <div className={s.icon}>{icon}</div>
      <Heading className={s.title}>{title}</Heading>
      <div className={s.body}>{children}</div>
      {actions && <div className={s.actions}>{actions}</div>}
    </div>
  );
}

/** An error answer in words: what failed, whether anything was lost, which right is missing and who can give it. */
export function useProblemWords(): (problem: Problem) => { title: string; detail: string; reference: string | null } {
  const text = useText();
  const { data: session } = useQuery({ ...sessionQuery, enabled: false });
  return (problem) => {
    const reference = problem.instance ? text("fault.reference", { reference: problem.instance }) : null;
    const said = problem.detail ?? problem.title;
    if (problem.status === 403) {
      const who = session ? text("fault.forbidden", { profile: session.profile, tenant: session.tenant.name }) : "";
      return { title: text("fault.forbidden.title"), detail: [said, who].filter(Boolean).join(" "), reference };
    }
    // An interaction may also be one that this person must not know of; everything else says itself what is gone.
    if (problem.status === 404 && problem.code !== "NOT_FOUND" && problem.detail) return { title: text("fault.gone.title"), detail: problem.detail, reference: null };
    if (problem.status === 404) return { title: text("fault.missing.title"), detail: text("fault.missing"), reference: null };
    if (problem.status === 0 && problem.code === "UNREACHABLE") return { title: text("fault.title"), detail: text("fault.unreachable"), reference };
    if (problem.status === 0) return { title: text("fault.page"), detail: said, reference };
    return { title: text("fault.title"), detail: said || text("fault.server"), reference };
  };
}

export function Fault({ error, onRetry, icon, alone = false }: { error: unknown; onRetry?: () => void; icon: ReactNode; alone?: boolean }) {
  const text = useText();
  const problem = problemOf(error);
  const words = useProblemWords()(problem);
  const worthRetrying = problem.status !== 403 && problem.status !== 404;
  return (
    <div role="alert">
      <Notice
        alone={alone}
        icon={icon}
        title={words.title}
        actions={
          onRetry &&
          worthRetrying && (
            <Button appearance="primary" onClick={onRetry}>
              {text("app.retry")}
            </Button>
          )
        }
      >
        <p>{words.detail}</p>
        {words.reference && <p className={s.reference}>{words.reference}</p>}
      </Notice>
    </div>
  );
}
