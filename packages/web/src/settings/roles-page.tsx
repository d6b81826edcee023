import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { levels, permissionWords, type GivenPermission } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import { Fault } from "../frame/notice.tsx";
import { rolesQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Page } from "./page.tsx";
import { Section } from "./section.tsx";
import s from "./access-profile.module.css";

/** What each role gives (USR-01). Nothing changes them. */
export function RolesPage() {
  const text = useText();
  const query = useQuery(rolesQuery);
  return (
    <Page title={text("roles.page")} lead={text("roles.lead")}>
      {query.isError && !query.data && <Fault error={query.error} icon={<PlugDisconnectedRegular />} onRetry={() => void query.refetch()} />}
      {query.data?.roles.map(({ name, about, level, permissions, portal }) => (
        <Section key={name} title={name} lead={about}>
          <dl className={s.facts}>
            <div className={s.line}>
              <dt>{text("access.level")}</dt>
              <dd>{level === "groups" ? text("roles.managed") : levels[level]}</dd>
            </div>
            <div className={s.line}>
              <dt>{text("access.step.permissions")}</dt>
              <dd>{permissions.flatMap((one) => (one in permissionWords ? [permissionWords[one as GivenPermission].label] : [])).join(", ") || text("access.none")}</dd>
            </div>
            <div className={s.line}>
              <dt>{text("roles.portal")}</dt>
              <dd>{text(portal ? "roles.portal.yes" : "roles.portal.no")}</dd>
            </div>
          </dl>
        </Section>
      ))}
    </Page>
  );
}
