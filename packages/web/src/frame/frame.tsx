import { Tooltip } from "@fluentui/react-components";
import { CallFilled, CallRegular } from "@fluentui/react-icons/svg/call";
import { QuestionCircleRegular } from "@fluentui/react-icons/svg/question-circle";
import { ShieldTaskFilled, ShieldTaskRegular } from "@fluentui/react-icons/svg/shield-task";
import { SettingsFilled, SettingsRegular } from "@fluentui/react-icons/svg/settings";
import { SignOutRegular } from "@fluentui/react-icons/svg/sign-out";
import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { api } from "../api.ts";
import { isTyping } from "../keyboard.ts";
import { openLive } from "../live.ts";
import { pages } from "../paths.ts";
import { sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Account } from "./account.tsx";
import { Help } from "./help.tsx";
import { Mark } from "./mark.tsx";
import { RecorderState } from "./recorder-state.tsx";
import s from "./frame.module.css";

/** The toolbar of OVR-11, what there is of it yet, around the page. */
export function Frame() {
  const text = useText();
  const queryClient = useQueryClient();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const [helping, setHelping] = useState(false);
  const inSettings = useRouterState({ select: (state) => state.location.pathname.startsWith("/settings") });
  const inAudit = useRouterState({ select: (state) => state.location.pathname === "/audit" });
  const inList = useRouterState({ select: (state) => state.location.pathname.includes("/interactions") });

  useEffect(() => {
    // Whether the session ended is asked once; if so, the query's own error leads to the sign-in.
    const live = openLive(() => void queryClient.fetchQuery({ ...sessionQuery, staleTime: 0 }).catch(() => undefined));
    return () => live.close();
  }, [queryClient]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "?" || isTyping(event)) return;
      event.preventDefault();
      setHelping(true);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const signOut = async () => {
    await api.signOut().catch(() => undefined);
    // Everything that was read goes with the session, also from memory: hence a real load of the page.
    location.assign("/sign-in?signedOut=1");
  };

  return (
    <div className={s.frame}>
      <a className={s.skip} href="#content">
        {text("app.skip")}
      </a>
      {session.sandbox && (
        <aside className={s.sandbox} aria-label={text("frame.sandbox")}>
          <strong>{text("frame.sandbox")}</strong>
          <span>{text("frame.sandbox.detail")}</span>
        </aside>
      )}
      <RecorderState />
      <nav className={s.pane} aria-label={text("frame.navigation")}>
        <div className={s.brand}>
          <Mark size={26} />
          <span className={s.label}>{text("app.name")}</span>
        </div>
        <Tooltip content={text("frame.interactions")} relationship="label" positioning="after">
          <Link {...pages.interactions()} className={s.item} data-current={inList || undefined} activeOptions={{ exact: false, includeSearch: false }}>
            {inList ? <CallFilled fontSize={20} /> : <CallRegular fontSize={20} />}
            <span className={s.label}>{text("frame.interactions")}</span>
          </Link>
        </Tooltip>
        {session.permissions.includes("audit.read") && (
          <Tooltip content={text("audit.page")} relationship="label" positioning="after">
            <Link {...pages.audit()} className={s.item} data-current={inAudit || undefined} activeOptions={{ exact: false, includeSearch: false }}>
              {inAudit ? <ShieldTaskFilled fontSize={20} /> : <ShieldTaskRegular fontSize={20} />}
              <span className={s.label}>{text("audit.page")}</span>
            </Link>
          </Tooltip>
        )}
        <Tooltip content={text("frame.settings")} relationship="label" positioning="after">
          <Link {...pages.trunks()} className={s.item} data-current={inSettings || undefined}>
            {inSettings ? <SettingsFilled fontSize={20} /> : <SettingsRegular fontSize={20} />}
            <span className={s.label}>{text("frame.settings")}</span>
          </Link>
        </Tooltip>
        <div className={s.space} />
        <Tooltip content={text("frame.help")} relationship="label" positioning="after">
          <button type="button" className={s.item} onClick={() => setHelping(true)}>
            <QuestionCircleRegular fontSize={20} />
            <span className={s.label}>{text("frame.help")}</span>
          </button>
        </Tooltip>
        <Tooltip content={text("frame.signOut")} relationship="label" positioning="after">
          <button type="button" className={s.item} data-wide-only onClick={() => void signOut()}>
            <SignOutRegular fontSize={20} />
            <span className={s.label}>{text("frame.signOut")}</span>
          </button>
        </Tooltip>
        <Account session={session} itemClass={s.item} labelClass={s.label} onSignOut={() => void signOut()} />
      </nav>
      <main id="content" className={s.content} tabIndex={-1}>
        <Outlet />
      </main>
      <Help open={helping} onClose={() => setHelping(false)} />
    </div>
  );
}
