import { BotRegular } from "@fluentui/react-icons/svg/bot";
import { BuildingRegular } from "@fluentui/react-icons/svg/building";
import { KeyRegular } from "@fluentui/react-icons/svg/key";
import { ServerRegular } from "@fluentui/react-icons/svg/server";
import type { AuditEntry } from "@earwitness/contract";
import type { ReactElement } from "react";
import { useText } from "../text.ts";
import s from "./audit.module.css";

const icons: Readonly<Record<AuditEntry["actor"]["kind"], ReactElement | null>> = { person: null, api_key: <KeyRegular />, machine: <ServerRegular />, job: <BotRegular /> };

/** Who did it. People are names; what is none has a mark, and the provider of the service one that is seen at once (MON-28). */
export function ActorMark({ actor }: Pick<AuditEntry, "actor">) {
  const text = useText();
  const kind = text(actor.provider ? "audit.actor.provider" : `audit.actor.${actor.kind}`);
  const icon = actor.provider ? <BuildingRegular /> : icons[actor.kind];
  if (icon === null) return null;
  return (
    <span className={s.mark} data-provider={actor.provider || undefined} data-tip={kind}>
      {icon}
      <span className="unseen">{kind}</span>
    </span>
  );
}
