import { Button } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { ArrowDownloadRegular } from "@fluentui/react-icons/svg/arrow-download";
import { ArrowUploadRegular } from "@fluentui/react-icons/svg/arrow-upload";
import { PeopleRegular } from "@fluentui/react-icons/svg/people";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import type { Person } from "@earwitness/contract";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Fault, Notice } from "../frame/notice.tsx";
import { SearchField } from "../list/filters.tsx";
import { apiPaths, pages } from "../paths.ts";
import { groupsQuery, peopleQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Page } from "./page.tsx";
import s from "./people-page.module.css";

export function PeoplePage() {
  const text = useText();
  const navigate = useNavigate();
  const { q } = useSearch({ from: "/signed-in/settings/people" });
  const list = useInfiniteQuery(peopleQuery(q));
  const groups = useQuery(groupsQuery);
  const groupNames = new Map(groups.data?.groups.map(({ id, settings }) => [id, settings.name]));
  const people = list.data?.pages.flatMap((page) => page.people) ?? [];
  const total = list.data?.pages[0]?.total;
  const add = (
    <Button appearance="primary" icon={<AddRegular />} onClick={() => void navigate(pages.newPerson())}>
      {text("people.new")}
    </Button>
  );
  return (
    <Page
      title={text("people.page")}
      note={total === undefined ? undefined : text(q ? "people.matching" : "people.count", { count: total })}
      lead={text("people.lead")}
      tools={
        <>
          <Button icon={<ArrowUploadRegular />} onClick={() => void navigate(pages.importPeople())}>
            {text("people.import")}
          </Button>
          <Button as="a" icon={<ArrowDownloadRegular />} href={apiPaths.exportPeople} download>
            {text("people.export")}
          </Button>
          {add}
        </>
      }
    >
      <SearchField value={q ?? ""} label={text("people.search")} onChange={(typed) => void navigate({ ...pages.people(typed === "" ? {} : { q: typed }), replace: true })} />
      {list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : list.data && people.length === 0 ? (
        <Notice icon={q ? <SearchRegular /> : <PeopleRegular />} title={text(q ? "people.none.title" : "people.empty.title")} actions={q ? undefined : add}>
          <p>{text(q ? "people.none.detail" : "people.empty.detail")}</p>
        </Notice>
      ) : (
        <>
          <table className={s.table} aria-busy={list.isPending}>
            <thead>
              <tr>
                <th scope="col">{text("person.displayName")}</th>
                <th scope="col">{text("person.upn")}</th>
                <th scope="col">{text("person.numbers")}</th>
                <th scope="col">{text("groups.page")}</th>
                <th scope="col">{text("person.recorded")}</th>
                <th scope="col">{text("person.role")}</th>
              </tr>
            </thead>
            <tbody>{list.isPending ? Array.from({ length: 14 }, (_, row) => <Bones key={row} row={row} />) : people.map((person) => <Row key={person.id} person={person} groupNames={groupNames} />)}</tbody>
          </table>
          {list.hasNextPage && (
            <Button className={s.more} disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
              {text("people.more", { count: (total ?? 0) - people.length })}
            </Button>
          )}
        </>
      )}
    </Page>
  );
}

function Row({ person: { id, settings }, groupNames }: { person: Person; groupNames: ReadonlyMap<string, string> }) {
  const text = useText();
  const known = [...settings.addresses.map((address) => address.replace(/^sip:/, "")).filter((address) => address.toLowerCase() !== settings.upn.toLowerCase()), ...settings.extensions];
  const groups = settings.groupIds.flatMap((group) => groupNames.get(group) ?? []).join(", ");
  return (
    <tr className={s.row}>
      <th scope="row">
        <Link {...pages.person(id)}>{settings.displayName}</Link>
      </th>
      <td className={s.upn} data-tip={settings.upn}>
        {settings.upn}
      </td>
      <td className={s.known} data-tip={known.length > 1 ? known.join(", ") : undefined}>
        {known.join(", ")}
      </td>
      <td className={s.groups} data-tip={groups || undefined}>
        {groups}
      </td>
      <td className={s.recorded} data-recorded={settings.recorded || undefined}>
        {text(settings.recorded ? "person.recorded.yes" : "person.recorded.no")}
      </td>
      <td className={s.access}>{settings.role}</td>
    </tr>
  );
}

function Bones({ row }: { row: number }) {
  return (
    <tr className={s.row} aria-hidden="true">
      {[60, 70, 45, 55, 40, 40].map((width, column) => (
        <td key={column}>
          <span className={s.bone} style={{ width: `${width + ((row * 13 + column * 7) % 30)}%` }} />
        </td>
      ))}
    </tr>
  );
}
