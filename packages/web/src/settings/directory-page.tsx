import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { api } from "../api.ts";
import { Fault } from "../frame/notice.tsx";
import { directoryQuery, sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { DangerZone, DeleteRow } from "./danger-zone.tsx";
import { DirectoryConnection } from "./directory-connection.tsx";
import { DirectoryGroups } from "./directory-groups.tsx";
import { DirectoryRuns } from "./directory-runs.tsx";
import { DirectoryState } from "./directory-state.tsx";
import { Page, PageWithout } from "./page.tsx";

/** The tenant's Microsoft 365 directory: how it is, how it is reached, which groups are chosen, what was read. */
export function DirectoryPage() {
  const text = useText();
  const queryClient = useQueryClient();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const query = useQuery(directoryQuery);
  if (!query.data) {
    if (query.isPending) return <PageWithout title={text("directory.page")} back={null} query={query} />;
    return (
      <Page title={text("directory.page")}>
        <Fault error={query.error} icon={<PlugDisconnectedRegular />} onRetry={() => void query.refetch()} />
      </Page>
    );
  }
  const directory = query.data;
  return (
    <Page title={text("directory.page")} lead={text("directory.lead")}>
      <DirectoryState directory={directory} />
      {directory.m365TenantId !== null && <DirectoryConnection directory={directory} />}
      {directory.settings !== null && <DirectoryGroups directory={directory} />}
      {directory.last !== null && <DirectoryRuns last={directory.last} />}
      {directory.settings !== null && (
        <DangerZone>
          <DeleteRow
            title={text("directory.disconnect.title")}
            detail={text("directory.disconnect.detail")}
            name={session.tenant.name}
            action={text("directory.disconnect")}
            onConfirm={async () => {
              await api.disconnectDirectory();
              await queryClient.invalidateQueries({ queryKey: ["directory"] });
            }}
          />
        </DangerZone>
      )}
    </Page>
  );
}
