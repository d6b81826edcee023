import { PlugConnectedRegular } from "@fluentui/react-icons/svg/plug-connected";
import { CallInboundRegular } from "@fluentui/react-icons/svg/call-inbound";
import { PeopleRegular } from "@fluentui/react-icons/svg/people";
import { PeopleSyncRegular } from "@fluentui/react-icons/svg/people-sync";
import { PeopleTeamRegular } from "@fluentui/react-icons/svg/people-team";
import { PersonKeyRegular } from "@fluentui/react-icons/svg/person-key";
import { ShieldKeyholeRegular } from "@fluentui/react-icons/svg/shield-keyhole";
import { useSuspenseQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { Notice } from "../frame/notice.tsx";
import { Title } from "../frame/title.tsx";
import { pages } from "../paths.ts";
import { sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";
import s from "./settings-frame.module.css";

/** The settings have a pane of their own beside the page. */
export function SettingsFrame() {
  const text = useText();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const configures = session.permissions.includes("tenant.manage");
  const givesAccess = session.permissions.includes("access.manage");
  if (!configures && !givesAccess) {
    return (
      <>
      <Title page={text("frame.settings")} />
      <Notice alone icon={<ShieldKeyholeRegular />} title={text("fault.forbidden.title")}>
        <p>{text("settings.forbidden")}</p>
        <p>{text("fault.forbidden", { profile: session.profile, tenant: session.tenant.name })}</p>
      </Notice>
      </>
    );
  }
  return (
    <div className={s.frame}>
      <nav className={s.pane} aria-label={text("settings.navigation")}>
        {configures && (
          <>
            <h2 className={s.group}>{text("settings.calls")}</h2>
        <Link {...pages.trunks()} className={s.item} activeProps={{ "data-current": true }}>
          <PlugConnectedRegular fontSize={18} />
          <span>{text("trunks.page")}</span>
        </Link>
        <Link {...pages.invitations({})} className={s.item} activeProps={{ "data-current": true }} activeOptions={{ includeSearch: false }}>
          <CallInboundRegular fontSize={18} />
          <span>{text("invitations.page")}</span>
        </Link>
        <h2 className={s.group}>{text("settings.directory")}</h2>
        <Link {...pages.people()} className={s.item} activeProps={{ "data-current": true }} activeOptions={{ includeSearch: false }}>
          <PeopleRegular fontSize={18} />
          <span>{text("people.page")}</span>
        </Link>
        <Link {...pages.groups()} className={s.item} activeProps={{ "data-current": true }}>
          <PeopleTeamRegular fontSize={18} />
          <span>{text("groups.page")}</span>
        </Link>
        <Link {...pages.directory()} className={s.item} activeProps={{ "data-current": true }}>
          <PeopleSyncRegular fontSize={18} />
          <span>{text("directory.page")}</span>
        </Link>
        <h2 className={s.group}>{text("settings.signIn")}</h2>
        <Link {...pages.sessionLimits()} className={s.item} activeProps={{ "data-current": true }}>
          <PersonKeyRegular fontSize={18} />
          <span>{text("sessionLimits.page")}</span>
        </Link>
          </>
        )}
        {givesAccess && (
          <>
            <h2 className={s.group}>{text("settings.access")}</h2>
            <Link {...pages.accessProfiles()} className={s.item} activeProps={{ "data-current": true }} activeOptions={{ includeSearch: false }}>
              <ShieldKeyholeRegular fontSize={18} />
              <span>{text("access.page")}</span>
            </Link>
            <Link {...pages.roles()} className={s.item} activeProps={{ "data-current": true }}>
              <PersonKeyRegular fontSize={18} />
              <span>{text("roles.page")}</span>
            </Link>
          </>
        )}
      </nav>
      <div className={s.content}>
        <Outlet />
      </div>
    </div>
  );
}
