import { Button } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { DismissRegular } from "@fluentui/react-icons/svg/dismiss";
import type { ChosenDirectoryGroup, Replication } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { SearchField } from "../list/filters.tsx";
import { directoryGroupsQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Section } from "./section.tsx";
import s from "./directory-page.module.css";

export function DirectoryGroups({ directory: { groups } }: { directory: Replication }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [q, setQ] = useState("");
  const found = useQuery(directoryGroupsQuery(q.trim()));
  const ids = groups.map(({ objectId }) => objectId);
  const choose = useMutation({
    mutationFn: (objectIds: readonly string[]) => api.chooseDirectoryGroups(objectIds),
    onSuccess: (fresh) => {
      queryClient.setQueryData(["directory"], fresh);
      return Promise.all([queryClient.invalidateQueries({ queryKey: ["groups"] }), queryClient.invalidateQueries({ queryKey: ["directory", "runs"] })]);
    },
  });
  const failed = choose.error ?? (q.trim() === "" ? null : found.error);
  return (
    <Section title={text("directory.groups")} lead={text("directory.groups.lead")}>
      {groups.length === 0 ? (
        <p className={s.empty}>{text("directory.groups.none")}</p>
      ) : (
        <ul className={s.list}>
          {groups.map((group) => (
            <Row key={group.objectId} group={group} isBusy={choose.isPending} onLetGo={() => choose.mutate(ids.filter((id) => id !== group.objectId))} />
          ))}
        </ul>
      )}
      <SearchField value={q} label={text("directory.groups.search")} onChange={setQ} />
      {failed !== null && (
        <p role="alert" className={s.failed}>
          {words(problemOf(failed)).detail}
        </p>
      )}
      {q.trim() !== "" && found.data && found.error === null && (
        <ul className={s.list} aria-busy={found.isFetching}>
          {found.data.groups.length === 0 && <li className={s.row}>{text("directory.groups.nothing")}</li>}
          {found.data.groups.map(({ objectId, name, mail }) => (
            <li key={objectId} className={s.row}>
              <span className={s.name}>{name}</span>
              <span className={s.detail}>{mail}</span>
              {ids.includes(objectId) ? (
                <span className={s.detail}>{text("directory.groups.added")}</span>
              ) : (
                <Button appearance="subtle" icon={<AddRegular />} disabledFocusable={choose.isPending} aria-label={text("directory.groups.add", { name })} data-tip={text("directory.groups.add", { name })} onClick={() => choose.mutate([...ids, objectId])} />
              )}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Row({ group, isBusy, onLetGo }: { group: ChosenDirectoryGroup; isBusy: boolean; onLetGo: () => void }) {
  const text = useText();
  const [isAsked, setAsked] = useState(false);
  const { name, people, missingSince, waits } = group;
  return (
    <li className={s.row}>
      <span className={s.name}>{name}</span>
      <span className={s.detail}>{text("groups.people", { count: people })}</span>
      <Button appearance="subtle" icon={<DismissRegular />} aria-label={text("directory.groups.letGo", { name })} data-tip={text("directory.groups.letGo", { name })} onClick={() => setAsked(true)} />
      {missingSince !== null ? <span className={s.missing}>{text("directory.groups.missing")}</span> : waits && <span className={s.waits}>{text("directory.groups.waits")}</span>}
      {isAsked && (
        <div className={s.sure} role="group" aria-label={text("directory.groups.letGo", { name })}>
          <span>{text("directory.groups.letGo.sure", { people })}</span>
          <Button autoFocus size="small" appearance="primary" disabledFocusable={isBusy} onClick={onLetGo}>
            {text("directory.groups.letGo.yes")}
          </Button>
          <Button size="small" onClick={() => setAsked(false)}>
            {text("settings.cancel")}
          </Button>
        </div>
      )}
    </li>
  );
}
