import { Button } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { ShieldKeyholeRegular } from "@fluentui/react-icons/svg/shield-keyhole";
import { levels, type AccessProfile, type AccessProfilePage } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Fault, Notice } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { accessChoicesQuery, accessProfilesQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { AccessGrants } from "./access-grants.tsx";
import { Page } from "./page.tsx";
import { Section } from "./section.tsx";
import s from "./access-profiles.module.css";

/** Who may see and do what: profiles that are mapped to groups, what was granted to one person for a time, and who has full access anyway. */
export function AccessProfilesPage() {
  const text = useText();
  const navigate = useNavigate();
  const list = useQuery(accessProfilesQuery);
  const add = (
    <Button appearance="primary" icon={<AddRegular />} onClick={() => void navigate(pages.newAccessProfile())}>
      {text("access.new")}
    </Button>
  );
  const isEmpty = list.data?.profiles.length === 0;
  return (
    <Page title={text("access.page")} note={list.data && text("access.count", { count: list.data.profiles.length })} lead={text("access.lead")} {...(isEmpty ? {} : { tools: add })}>
      {list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : isEmpty ? (
        <Notice icon={<ShieldKeyholeRegular />} title={text("access.empty.title")} actions={add}>
          <p>{text("access.empty.detail")}</p>
        </Notice>
      ) : (
        <table className={s.table} aria-busy={list.isPending}>
          <thead>
            <tr>
              <th scope="col">{text("access.name")}</th>
              <th scope="col">{text("access.description")}</th>
              <th scope="col">{text("access.level")}</th>
              <th scope="col">{text("access.mapping")}</th>
              <th scope="col" className={s.number}>{text("access.people")}</th>
            </tr>
          </thead>
          <tbody>{list.data ? list.data.profiles.map((profile) => <Row key={profile.id} profile={profile} />) : [1, 2, 3].map((row) => <Bones key={row} />)}</tbody>
        </table>
      )}
      {list.data && (
        <>
          <AccessGrants profiles={list.data.profiles} />
          <Administrators of={list.data.administrators} />
        </>
      )}
    </Page>
  );
}

function Row({ profile: { id, settings, people } }: { profile: AccessProfile }) {
  const text = useText();
  const names = useGroupNames();
  return (
    <tr className={s.row}>
      <th scope="row" className={s.name}>
        <Link {...pages.accessProfile(id)}>{settings.name}</Link>
      </th>
      <td className={s.quiet} data-tip={settings.description || undefined}>
        {settings.description}
      </td>
      <td data-label={text("access.level")}>{levels[settings.level]}</td>
      <td data-label={text("access.mapping")}>{settings.groupIds.map(names).join(", ") || <span className={s.quiet}>{text("access.mapping.none")}</span>}</td>
      <td className={s.number} data-label={text("access.people")}>
        {people}
      </td>
    </tr>
  );
}

/** Names of groups by their ids; a group that is not known yet is nothing. */
export function useGroupNames(): (id: string) => string {
  const { data } = useQuery(accessChoicesQuery(""));
  const names = new Map(data?.groups.map(({ id, name }) => [id, name]));
  return (id) => names.get(id) ?? "…";
}

function Administrators({ of }: { of: AccessProfilePage["administrators"] }) {
  const text = useText();
  return (
    <Section title={text("access.administrators")} lead={text("access.administrators.lead")}>
      {of.length === 0 ? (
        <p className={s.quiet}>{text("access.administrators.none")}</p>
      ) : (
        <ul className={s.people}>
          {of.map(({ id, name, upn }) => (
            <li key={id}>
              <Link {...pages.person(id)}>{name}</Link> <span className={s.quiet}>{upn}</span>
            </li>
          ))}
        </ul>
      )}
      <p className={s.more}>
        <Link {...pages.roles()}>{text("access.roles")}</Link>
      </p>
    </Section>
  );
}

function Bones() {
  return (
    <tr className={s.row} aria-hidden="true">
      {[150, 210, 160, 120, 30].map((width) => (
        <td key={width}>
          <span className={s.bone} style={{ width }} />
        </td>
      ))}
    </tr>
  );
}
