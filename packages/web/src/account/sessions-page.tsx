import { Button } from "@fluentui/react-components";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, problemOf } from "../api.ts";
import { Fault, useProblemWords } from "../frame/notice.tsx";
import { ownSessionsQuery } from "../queries.ts";
import { Page } from "../settings/page.tsx";
import { useText } from "../text.ts";
import { SessionList } from "./session-list.tsx";

/** Everything that was read goes with the session, also from memory: hence a real load of the page. */
const leave = () => location.assign("/sign-in?signedOut=1");

/** Where the signed-in person is signed in, and the way out of each. */
export function SessionsPage() {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const list = useQuery(ownSessionsQuery);
  const everywhere = useMutation({ mutationFn: api.signOutEverywhere, onSuccess: leave });
  const sessions = list.data?.sessions ?? [];
  return (
    <Page
      title={text("sessions.page")}
      note={list.data && text("sessions.count", { count: sessions.length })}
      lead={text("sessions.lead")}
      tools={
        <Button disabled={sessions.length === 0 || everywhere.isPending} onClick={() => everywhere.mutate()}>
          {text("sessions.everywhere")}
        </Button>
      }
    >
      {everywhere.isError && <p role="alert">{words(problemOf(everywhere.error)).detail}</p>}
      {list.isPending ? (
        <p role="status">{text("settings.loading")}</p>
      ) : list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : (
        <SessionList
          sessions={sessions}
          onEnd={async ({ id, current }) => {
            await api.endOwnSession(id);
            if (current) leave();
            else await queryClient.invalidateQueries({ queryKey: ownSessionsQuery.queryKey });
          }}
        />
      )}
    </Page>
  );
}
