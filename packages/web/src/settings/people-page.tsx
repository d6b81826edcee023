import { Button, SearchBox } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { ArrowDownloadRegular } from "@fluentui/react-icons/svg/arrow-download";
import { ArrowUploadRegular } from "@fluentui/react-icons/svg/arrow-upload";
import { PeopleRegular } from "@fluentui/react-icons/svg/people";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Fault, Notice } from "../frame/notice.tsx";
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
  const groupName = new Map(groups.data?.groups.map(({ id, settings }) => [id, settings.name]));
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
      note={total === undefined ? undefined : text("people.count", { count: total })}
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
      <SearchBox className={s.search} value={q ?? ""} placeholder={text("people.search")} aria-label={text("people.search")} onChange={(_, { value }) => void navigate({ ...pages.people(value === "" ? {} : { q: value }), replace: true })} />
      {list.isPending ? (
        <p>{text("settings.loading")}</p>
      ) : list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : people.length === 0 ? (
        <Notice icon={<PeopleRegular />} title={text(q ? "people.none.title" : "people.empty.title")} actions={q ? undefined : add}>
          <p>{text(q ? "people.none.detail" : "people.empty.detail")}</p>
        </Notice>
      ) : (
        <>
          <table className={s.table}>
            <thead>
              <tr>
                <th scope="col">{text("person.displayName")}</th>
                <th scope="col">{text("person.addresses")}</th>
                <th scope="col">{text("groups.page")}</th>
                <th scope="col">{text("person.recorded")}</th>
              </tr>
            </thead>
            <tbody>
              {people.map(({ id, settings }) => (
                <tr key={id}>
                  <th scope="row">
                    <Link {...pages.person(id)}>{settings.displayName}</Link>
                    <span className={s.under}>{settings.upn}</span>
                  </th>
                  <td data-label={text("person.addresses")}>{[...settings.addresses, ...settings.extensions].join(", ") || "–"}</td>
                  <td data-label={text("groups.page")}>{settings.groupIds.flatMap((group) => groupName.get(group) ?? []).join(", ") || "–"}</td>
                  <td data-label={text("person.recorded")}>{text(settings.recorded ? "person.recorded.yes" : "person.recorded.no")}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {list.hasNextPage && (
            <Button className={s.more} disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
              {text("people.more")}
            </Button>
          )}
        </>
      )}
    </Page>
  );
}
