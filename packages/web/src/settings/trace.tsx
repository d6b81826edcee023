import { Button } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons/svg/arrow-download";
import { useQuery } from "@tanstack/react-query";
import { problemOf } from "../api.ts";
import { CopyButton } from "../call/copy.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { apiPaths } from "../paths.ts";
import { traceQuery } from "../queries.ts";
import { useText } from "../text.ts";
import s from "./trace.module.css";

/** The messages of an invitation and of what came of it, as text that can be sent to an engineer; keys and credentials are masked. */
export function Trace({ id }: { id: string }) {
  const text = useText();
  const words = useProblemWords();
  const trace = useQuery(traceQuery(id));
  if (trace.isPending) return <p>{text("settings.loading")}</p>;
  if (trace.isError) return <p role="alert">{words(problemOf(trace.error)).detail}</p>;
  return (
    <div className={s.trace}>
      <div className={s.tools}>
        <span>{text("trace.lead")}</span>
        <CopyButton what={text("invitations.trace")} value={trace.data} />
        <Button as="a" size="small" icon={<ArrowDownloadRegular />} href={apiPaths.trace(id)} download>
          {text("trace.download")}
        </Button>
      </div>
      <pre tabIndex={0} aria-label={text("invitations.trace")}>
        {trace.data}
      </pre>
    </div>
  );
}
