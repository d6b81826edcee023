import { Button, Input } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import { EditRegular } from "@fluentui/react-icons/svg/edit";
import { PeopleSyncRegular } from "@fluentui/react-icons/svg/people-sync";
import { PeopleTeamRegular } from "@fluentui/react-icons/svg/people-team";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import type { Group } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { api, problemOf } from "../api.ts";
import { Fault, Notice, useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
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
          if (name.trim() !== "") add.mutate();
        }}
      >
        <Input className={s.field} value={name} maxLength={200} onChange={(_, { value }) => setName(value)} placeholder={text("groups.name")} aria-label={text("groups.name")} />
        <Button type="submit" icon={<AddRegular />} disabled={name.trim() === "" || add.isPending}>
          {text("groups.add")}
        </Button>
        {add.isError && <span role="alert" className={s.failed}>{words(problemOf(add.error)).detail}</span>}
      </form>
      {list.isPending ? (
        <ul className={s.list} aria-busy="true" aria-label={text("settings.loading")}>
          {[190, 240, 150, 210].map((width) => (
            <li key={width} className={s.row} aria-hidden="true">
              <span className={s.bone} style={{ width }} />
            </li>
          ))}
        </ul>
      ) : list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : list.data.groups.length === 0 ? (
        <Notice icon={<PeopleTeamRegular />} title={text("groups.empty.title")}>
          <p>{text("groups.empty.detail")}</p>
        </Notice>
      ) : (
        <ul className={s.list}>
          {list.data.groups.map((group) => (
            <Row key={group.id} group={group} />
          ))}
        </ul>
      )}
    </Page>
  );
}

/** A group is read, renamed or about to be removed. */
type Mode = "read" | "rename" | "delete";

function Row({ group }: { group: Group }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [mode, setMode] = useState<Mode>("read");
  const { name } = group.settings;
  const [typed, setTyped] = useState(name);
  const again = () => Promise.all([queryClient.invalidateQueries({ queryKey: ["groups"] }), queryClient.invalidateQueries({ queryKey: ["people"] }), queryClient.invalidateQueries({ queryKey: ["person"] })]);
  const rename = useMutation({ mutationFn: () => api.changeGroup(group.id, { name: typed.trim() }), onSuccess: async () => (await again(), turn("read")) });
  const remove = useMutation({ mutationFn: () => api.deleteGroup(group.id), onSuccess: again });
  const failed = rename.error ?? remove.error;
  const row = useRef<HTMLLIElement>(null);
  const turn = (next: Mode) => {
    // The focus goes back to where it came from; what had it is gone.
    if (next === "read") requestAnimationFrame(() => row.current?.querySelector<HTMLElement>(`[data-turns="${mode}"]`)?.focus());
    setTyped(name);
    setMode(next);
    rename.reset();
    remove.reset();
  };
  return (
    <li ref={row} className={s.row}>
      {mode === "rename" ? (
        <form
          className={s.rename}
          onSubmit={(event) => {
            event.preventDefault();
            if (typed.trim() === name) turn("read");
            else if (typed.trim() !== "") rename.mutate();
          }}
        >
          <Input
            autoFocus
            value={typed}
            maxLength={200}
            aria-label={text("groups.rename.field", { name })}
            onChange={(_, { value }) => setTyped(value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") turn("read");
            }}
          />
          <Button type="submit" appearance="primary" disabled={typed.trim() === "" || rename.isPending}>
            {text("settings.save")}
          </Button>
          <Button onClick={() => turn("read")}>{text("settings.cancel")}</Button>
        </form>
      ) : (
        <>
          <span className={s.name}>{name}</span>
          <span className={s.people}>{text("groups.people", { count: group.people })}</span>
          {group.directory === null ? (
          <span className={s.tools}>
            <Button appearance="subtle" icon={<EditRegular />} data-turns="rename" aria-label={text("groups.rename", { name })} data-tip={text("groups.rename", { name })} onClick={() => turn("rename")} />
            <Button appearance="subtle" icon={<DeleteRegular />} data-turns="delete" aria-label={text("groups.delete", { name })} data-tip={text("groups.delete", { name })} onClick={() => turn("delete")} />
          </span>
          ) : (
            <Link {...pages.directory()} className={s.directory} data-tip={text("groups.directory.detail")}>
              <PeopleSyncRegular /> {text("groups.directory")}
            </Link>
          )}
        </>
      )}
      {mode === "delete" && (
        <div className={s.sure} role="group" aria-label={text("groups.delete", { name })}>
          <span>{text("groups.delete.sure", { count: group.people })}</span>
          <Button autoFocus size="small" appearance="primary" disabled={remove.isPending} onClick={() => remove.mutate()}>
            {text("groups.delete.yes")}
          </Button>
          <Button size="small" onClick={() => turn("read")}>
            {text("settings.cancel")}
          </Button>
        </div>
      )}
      {failed !== null && (
        <span role="alert" className={s.failed}>
          {words(problemOf(failed)).detail}
        </span>
      )}
    </li>
  );
}
