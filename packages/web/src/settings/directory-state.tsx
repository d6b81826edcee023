import { Button } from "@fluentui/react-components";
import { ArrowSyncRegular } from "@fluentui/react-icons/svg/arrow-sync";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import type { DirectoryRun, Replication } from "@earwitness/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { useSecond } from "../second.ts";
import { useReader, useText } from "../text.ts";
import { Ago } from "../frame/ago.tsx";
import s from "./directory-page.module.css";

/** Looked at every few minutes; of what was not looked at for so long nobody takes care. */
const lostMs = 20 * 60_000;
const remindMs = 30 * 86_400_000;

type State = "noTenant" | "none" | "waiting" | "running" | "failed" | "lost" | "fresh" | "fine";

function stateOf({ m365TenantId, settings, last, lookedAt }: Replication, nowMs: number): State {
  if (m365TenantId === null) return "noTenant";
  if (settings === null) return "none";
  if (last?.state === "running") return "running";
  if (last?.state === "waiting") return nowMs - Date.parse(last.askedAt) > lostMs ? "lost" : "waiting";
  if (last?.state === "failed") return "failed";
  if (lookedAt === null) return "fresh";
  return nowMs - Date.parse(lookedAt) > lostMs ? "lost" : "fine";
}

const isBad: ReadonlySet<State> = new Set(["failed", "lost", "noTenant"]);

/** How it is, in one sentence, and below it why; and what to do now. */
export function DirectoryState({ directory }: { directory: Replication }) {
  const text = useText();
  const reader = useReader();
  const now = useSecond();
  const { last, lastWhole, lookedAt, groups, people, settings } = directory;
  const state = stateOf(directory, now);
  const missing = groups.filter(({ missingSince }) => missingSince !== null).length;
  const expiresMs = typeof settings?.secretExpiresOn === "string" ? Date.parse(settings.secretExpiresOn) : null;
  const expires = expiresMs === null || expiresMs - now > remindMs ? null : new Intl.DateTimeFormat(reader.locale, { dateStyle: "long", timeZone: "UTC" }).format(expiresMs);
  const icon: ReactNode = isBad.has(state) ? <WarningRegular /> : state === "none" ? <PlugDisconnectedRegular /> : state === "running" || state === "waiting" ? <ArrowSyncRegular /> : <CheckmarkCircleRegular />;
  return (
    <div className={s.state} data-state={isBad.has(state) ? "bad" : state}>
      <span className={s.stateIcon}>{icon}</span>
      <div className={s.stateText}>
        <p className={s.sentence} role="status">
          {text(`directory.state.${state}`, { kind: last?.kind, times: last?.repeated ?? 1, people, groups: groups.length })}
        </p>
        {state === "failed" && <p>{last?.error}</p>}
        {missing > 0 && <p className={s.notice}>{text("directory.missing", { count: missing })}</p>}
        {expires !== null && <p className={s.notice}>{text(expiresMs! < now ? "directory.expired" : "directory.expires", { day: expires })}</p>}
        {settings !== null && (
          <p className={s.when}>
            {lookedAt !== null && (
              <span>
                {text("directory.looked")} <Ago at={lookedAt} />
              </span>
            )}
            {lastWhole?.endedAt && (
              <span>
                {text("directory.whole")} <Ago at={lastWhole.endedAt} />
              </span>
            )}
          </p>
        )}
      </div>
      {settings !== null && <RunNow last={last} />}
    </div>
  );
}

function RunNow({ last }: { last: DirectoryRun | null }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const run = useMutation({ mutationFn: (everything: boolean) => api.runDirectory(everything), onSettled: () => queryClient.invalidateQueries({ queryKey: ["directory"] }) });
  const isBusy = run.isPending || last?.state === "waiting" || last?.state === "running";
  return (
    <div className={s.runNow}>
      <Button icon={<ArrowSyncRegular />} disabledFocusable={isBusy} onClick={() => run.mutate(false)}>
        {text("directory.run.changes")}
      </Button>
      <Button appearance="subtle" disabledFocusable={isBusy} onClick={() => run.mutate(true)}>
        {text("directory.run.everything")}
      </Button>
      {run.isError && (
        <span role="alert" className={s.failed}>
          {words(problemOf(run.error)).detail}
        </span>
      )}
    </div>
  );
}
