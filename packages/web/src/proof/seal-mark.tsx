import { CertificateRegular } from "@fluentui/react-icons/svg/certificate";
import { CertificateOffRegular } from "@fluentui/react-icons/svg/certificate-off";
import { ShieldErrorRegular } from "@fluentui/react-icons/svg/shield-error";
import { ShieldQuestionRegular } from "@fluentui/react-icons/svg/shield-question";
import type { Interaction, LastVerified } from "@earwitness/contract";
import type { ReactElement } from "react";
import { useReader, useText, type Text } from "../text.ts";
import { formatClock, formatDate, type Reader } from "../time.ts";
import s from "./seal.module.css";

export type State = LastVerified["result"] | "never";

export const icons: Readonly<Record<State, ReactElement>> = {
  holds: <CertificateRegular />,
  differs: <ShieldErrorRegular />,
  incomplete: <ShieldQuestionRegular />,
  never: <CertificateOffRegular />,
};

/** There is something to verify where there is something to play. */
export const hasProof = ({ mediaStatus }: Pick<Interaction, "mediaStatus">): boolean => mediaStatus === "Available";

/** A bundle can be made of what is over, also where nothing was recorded. */
export const canBundle = ({ mediaStatus }: Pick<Interaction, "mediaStatus">): boolean => mediaStatus !== "Recording" && mediaStatus !== "Pending";

export const stateOf = (last: LastVerified | null): State => last?.result ?? "never";

export function sentenceOf(last: LastVerified | null, text: Text, reader: Reader): string {
  if (last === null) return text("seal.never.why");
  const who = text(`seal.by.${last.means}`, { name: last.by.name });
  return text(`seal.${last.result}.why`, { who, date: formatDate(last.at, reader), time: formatClock(last.at, reader) });
}

/** In a list: a mark, and words under the pointer. */
export function SealMark({ call }: { call: Interaction }) {
  const text = useText();
  const reader = useReader();
  if (!hasProof(call)) return null;
  const state = stateOf(call.lastVerified);
  const sentence = sentenceOf(call.lastVerified, text, reader);
  return (
    <span className={s.mark} data-seal={state} data-tip={sentence}>
      {icons[state]}
      <span className={state === "differs" ? undefined : "unseen"}>{text(`seal.${state}`)}</span>
    </span>
  );
}
