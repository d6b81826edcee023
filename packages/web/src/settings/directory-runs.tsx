import { Button } from "@fluentui/react-components";
import { ArrowSyncRegular } from "@fluentui/react-icons/svg/arrow-sync";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import type { DirectoryRun, DirectoryRunReport } from "@earwitness/contract";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { directoryRunsQuery } from "../queries.ts";
import { useText, type Text } from "../text.ts";
import { Ago } from "../frame/ago.tsx";
import { Section } from "./section.tsx";
import s from "./directory-page.module.css";

/** What was read, and what became of it; a report that a person can read. `last`: when it changes, the list is read again. */
export function DirectoryRuns({ last }: { last: DirectoryRun }) {
  const text = useText();
  const queryClient = useQueryClient();
  const list = useInfiniteQuery(directoryRunsQuery);
  const version = `${last.id} ${last.state} ${last.repeated}`;
  useEffect(() => void queryClient.invalidateQueries({ queryKey: ["directory", "runs"] }), [queryClient, version]);
  const runs = list.data?.pages.flatMap((page) => page.runs) ?? [];
  return (
    <Section title={text("directory.runs")} lead={text("directory.runs.lead")}>
      <ol className={s.runs} aria-busy={list.isPending}>
        {runs.map((run) => (
          <Run key={run.id} run={run} />
        ))}
      </ol>
      {list.hasNextPage && (
        <div className={s.actions}>
          <Button disabledFocusable={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {text("directory.runs.more")}
          </Button>
        </div>
      )}
    </Section>
  );
}

function Run({ run }: { run: DirectoryRun }) {
  const text = useText();
  const { state, report, error } = run;
  const needsLook = state === "failed" || (report?.noticed.length ?? 0) > 0;
  return (
    <li className={s.run} data-look={needsLook}>
      <span className={s.runIcon}>{needsLook ? <WarningRegular /> : state === "done" ? <CheckmarkCircleRegular /> : <ArrowSyncRegular />}</span>
      <div className={s.runText}>
        <p>
          <strong>{text("directory.runs.what", { kind: run.kind, cause: run.cause, by: run.askedBy })}</strong>
        </p>
        {error !== null && <p>{error}</p>}
        {report !== null && <p>{reportLine(report, took(run), text)}</p>}
        {report !== null && report.noticed.length > 0 && (
          <details className={s.noticed} open={report.noticed.length <= 3}>
            <summary>{text("directory.runs.noticed", { count: report.noticed.length })}</summary>
            <ul>
              {report.noticed.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
          </details>
        )}
      </div>
      <span className={s.runWhen}>
        <span>{text("directory.runs.state", { state })}{run.repeated > 1 && `, ${text("directory.runs.repeated", { count: run.repeated })}`}</span>
        <Ago at={run.endedAt ?? run.begunAt ?? run.askedAt} />
      </span>
    </li>
  );
}

function took({ begunAt, endedAt }: DirectoryRun): string {
  if (begunAt === null || endedAt === null) return "none";
  return String(Math.max(1, Math.round((Date.parse(endedAt) - Date.parse(begunAt)) / 1_000)));
}

function reportLine({ people, groups, requests, waitedMs }: DirectoryRunReport, seconds: string, text: Text): string {
  const ofPeople = (["added", "changed", "restored", "removed"] as const).flatMap((what) => (people[what] === 0 ? [] : [text(`directory.runs.${what}`, { count: people[what] })])).join(", ");
  const ofGroups = (["came", "went"] as const).flatMap((what) => (groups[what] === 0 ? [] : [text(`directory.runs.${what}`, { count: groups[what] })])).join(", ");
  return [
    ofPeople === "" ? text("directory.runs.people.same") : text("directory.runs.people", { parts: ofPeople }),
    ...(groups.read === 0 ? [] : [ofGroups === "" ? text("directory.runs.groups.same", { read: groups.read }) : text("directory.runs.groups", { read: groups.read, parts: ofGroups })]),
    text("directory.runs.cost", { requests, waited: String(Math.round(waitedMs / 1_000)), took: seconds }),
  ].join(" ");
}
