import { Button, Input } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { PeopleTeamRegular } from "@fluentui/react-icons/svg/people-team";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import type { Group } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { Fault, Notice, useProblemWords } from "../frame/notice.tsx";
import { groupsQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Page } from "./page.tsx";
import s from "./groups-page.module.css";

export function GroupsPage() {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const list = useQuery(groupsQuery);
  const [name, setName] = useState("");
  const add = useMutation({ mutationFn: () => api.createGroup({ name: name.trim() }), onSuccess: () => (setName(""), queryClient.invalidateQueries({ queryKey: ["groups"] })) });
  return (
    <Page title={text("groups.page")} note={list.data && text("groups.count", { count: list.data.groups.length })} lead={text("groups.lead")}>
      <form
        className={s.add}
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Input value={name} onChange={(_, { value }) => setName(value)} placeholder={text("groups.name")} aria-label={text("groups.name")} />
        <Button type="submit" icon={<AddRegular />} disabled={name.trim() === "" || add.isPending}>
          {text("groups.add")}
        </Button>
        {add.isError && <span role="alert">{words(problemOf(add.error)).detail}</span>}
      </form>
      {list.isPending ? (
        <p>{text("settings.loading")}</p>
      ) : list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : list.data.groups.length === 0 ? (
        <Notice icon={<PeopleTeamRegular />} title={text("groups.empty.title")}>
          <p>{text("groups.empty.detail")}</p>
        </Notice>
      ) : (
        <ul className={s.list}>
          {list.data.groups.map((group) => (
            <Row key={`${group.id} ${group.settings.name}`} group={group} />
          ))}
        </ul>
      )}
    </Page>
  );
}

function Row({ group }: { group: Group }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [name, setName] = useState(group.settings.name);
  const [asked, setAsked] = useState(false);
  const again = () => queryClient.invalidateQueries({ queryKey: ["groups"] });
  const rename = useMutation({ mutationFn: () => api.changeGroup(group.id, { name: name.trim() }), onSuccess: again });
  const remove = useMutation({ mutationFn: () => api.deleteGroup(group.id), onSuccess: again });
  const failed = rename.error ?? remove.error;
  const changed = name.trim() !== group.settings.name && name.trim() !== "";
  return (
    <li className={s.row}>
      <Input value={name} appearance="underline" aria-label={text("groups.rename", { name: group.settings.name })} onChange={(_, { value }) => setName(value)} />
      <span className={s.people}>{text("groups.people", { count: group.people })}</span>
      <span className={s.tools}>
        {changed && (
          <Button size="small" disabled={rename.isPending} onClick={() => rename.mutate()}>
            {text("settings.save")}
          </Button>
        )}
        {asked ? (
          <>
            <Button size="small" appearance="primary" disabled={remove.isPending} onClick={() => remove.mutate()}>
              {text("groups.delete.sure", { name: group.settings.name })}
            </Button>
            <Button size="small" onClick={() => setAsked(false)}>
              {text("settings.cancel")}
            </Button>
          </>
        ) : (
          <Button size="small" onClick={() => setAsked(true)}>
            {text("groups.delete")}
          </Button>
        )}
      </span>
      {failed !== null && (
        <span role="alert" className={s.failed}>
          {words(problemOf(failed)).detail}
        </span>
      )}
    </li>
  );
}
