import { Button } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { CircleRegular } from "@fluentui/react-icons/svg/circle";
import { PlugConnectedRegular } from "@fluentui/react-icons/svg/plug-connected";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { PowerRegular } from "@fluentui/react-icons/svg/power";
import { ShieldErrorRegular } from "@fluentui/react-icons/svg/shield-error";
import { SubtractCircleRegular } from "@fluentui/react-icons/svg/subtract-circle";
import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import type { Trunk } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { Fault, Notice } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { trunksQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Ago } from "../frame/ago.tsx";
import { shortNetwork } from "./network.ts";
import { Page } from "./page.tsx";
import s from "./trunk-list.module.css";

export function TrunksPage() {
  const text = useText();
  const navigate = useNavigate();
  const list = useQuery(trunksQuery);
  const add = (
    <Button appearance="primary" icon={<AddRegular />} onClick={() => void navigate(pages.newTrunk())}>
      {text("trunks.new")}
    </Button>
  );
  const isEmpty = list.data?.trunks.length === 0;
  return (
    <Page title={text("trunks.page")} note={list.data && text("trunks.count", { count: list.data.trunks.length })} {...(isEmpty ? {} : { lead: text("trunks.lead"), tools: add })}>
      {list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : isEmpty ? (
        <Notice icon={<PlugConnectedRegular />} title={text("trunks.empty.title")} actions={add}>
          <p>{text("trunks.lead")}</p>
          <p>{text("trunks.empty.detail")}</p>
        </Notice>
      ) : (
        <table className={s.table} aria-busy={list.isPending}>
          <thead>
            <tr>
              <th scope="col">{text("trunk.name")}</th>
              <th scope="col">{text("trunks.state")}</th>
              <th scope="col">{text("trunks.networks")}</th>
              <th scope="col">{text("trunk.security")}</th>
            </tr>
          </thead>
          <tbody>{list.data ? list.data.trunks.map((trunk) => <Row key={trunk.id} trunk={trunk} />) : [1, 2, 3].map((row) => <Bones key={row} />)}</tbody>
        </table>
      )}
    </Page>
  );
}

/** More would say less. */
const mostNetworks = 3;

function Row({ trunk }: { trunk: Trunk }) {
  const text = useText();
  const { sourceNetworks, ...settings } = trunk.settings;
  const marks = [
    ...(settings.transport === "tls" ? [text("trunks.mark.tls")] : []),
    ...(settings.media === "srtp" ? [text("trunks.mark.srtp")] : []),
    ...(settings.certificates.length > 0 ? [text("trunks.mark.certificate")] : []),
    ...(trunk.digest === null ? [] : [text("trunks.mark.password")]),
  ];
  return (
    <tr className={s.row}>
      <th scope="row" className={s.name}>
        <Link {...pages.trunk(trunk.id)}>{settings.name}</Link>
      </th>
      <td>
        <State trunk={trunk} />
      </td>
      <td className={s.networks} data-label={text("trunks.networks")} data-tip={sourceNetworks.length > mostNetworks ? sourceNetworks.map(shortNetwork).join(", ") : undefined}>
        {sourceNetworks.length === 0 ? text("trunks.noNetworks") : sourceNetworks.slice(0, mostNetworks).map((network) => <span key={network}>{shortNetwork(network)}</span>)}
        {sourceNetworks.length > mostNetworks && <span className={s.rest}>{text("trunks.moreNetworks", { count: sourceNetworks.length - mostNetworks })}</span>}
      </td>
      <td className={s.marks} data-label={text("trunk.security")}>
        {marks.length === 0 ? <span className={s.unmarked}>{text("trunks.mark.none")}</span> : marks.map((mark) => <span key={mark}>{mark}</span>)}
        {trunk.certificateProblems.length > 0 && (
          <span className={s.problem}>
            <WarningRegular /> {trunk.certificateProblems[0]}
          </span>
        )}
      </td>
    </tr>
  );
}

const icons: Readonly<Record<string, ReactElement>> = { off: <PowerRegular />, never: <CircleRegular />, recorded: <CheckmarkCircleRegular />, ignored: <SubtractCircleRegular />, refused: <ShieldErrorRegular /> };

/** "Recorded 40 seconds ago", "Never called", "Refused 2 minutes ago" and why. */
function State({ trunk }: { trunk: Trunk }) {
  const text = useText();
  const last = trunk.lastInvitation;
  const state = !trunk.settings.enabled ? "off" : last === null ? "never" : last.outcome;
  return (
    <div className={s.state} data-state={state}>
      {icons[state]}
      <div>
        {state === "off" || state === "never" || last === null ? (
          <b>{text(`trunks.state.${state === "off" ? "off" : "never"}`)}</b>
        ) : (
          <>
            <b>{text(`invitations.outcome.${last.outcome}`)}</b> <Ago at={last.at} />
          </>
        )}
        {(state === "refused" || state === "ignored") && last !== null && <p className={s.why}>{last.explanation}</p>}
      </div>
    </div>
  );
}

function Bones() {
  return (
    <tr className={s.row} aria-hidden="true">
      {[180, 150, 120, 90].map((width) => (
        <td key={width}>
          <span className={s.bone} style={{ width }} />
        </td>
      ))}
    </tr>
  );
}
