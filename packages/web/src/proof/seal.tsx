import { Popover, PopoverSurface, PopoverTrigger } from "@fluentui/react-components";
import { CertificateRegular } from "@fluentui/react-icons/svg/certificate";
import { CertificateOffRegular } from "@fluentui/react-icons/svg/certificate-off";
import { ShieldErrorRegular } from "@fluentui/react-icons/svg/shield-error";
import { ShieldQuestionRegular } from "@fluentui/react-icons/svg/shield-question";
import type { Interaction, LastVerified, Verification } from "@earwitness/contract";
import type { ReactElement } from "react";
import { useReader, useText, type Text } from "../text.ts";
import { formatClock, formatDate, type Reader } from "../time.ts";
import s from "./seal.module.css";

type State = LastVerified["result"] | "never";

const icons: Readonly<Record<State, ReactElement>> = {
  holds: <CertificateRegular />,
  differs: <ShieldErrorRegular />,
  incomplete: <ShieldQuestionRegular />,
  never: <CertificateOffRegular />,
};

/** There is something to verify where there is something to play. */
export const hasProof = ({ mediaStatus }: Pick<Interaction, "mediaStatus">): boolean => mediaStatus === "Available";

const stateOf = (last: LastVerified | null): State => last?.result ?? "never";

function sentenceOf(last: LastVerified | null, text: Text, reader: Reader): string {
  if (last === null) return text("seal.never.why");
  const who = text(`seal.by.${last.means}`, { name: last.by.name });
  return text(`seal.${last.result}.why`, { who, date: formatDate(last.at, reader), time: formatClock(last.at, reader) });
}

export function SealSentence({ last }: { last: LastVerified | null }) {
  return sentenceOf(last, useText(), useReader());
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

/** On the page of an interaction: opens what was checked, by whom, and against what. */
export function Seal({ call }: { call: { readonly mediaStatus: Interaction["mediaStatus"]; readonly verification: Verification | null } }) {
  const text = useText();
  const reader = useReader();
  if (!hasProof(call)) return null;
  const { verification: last } = call;
  const state = stateOf(last);
  const when = last === null ? null : `${formatDate(last.at, reader)}, ${formatClock(last.at, reader)}`;
  return (
    <Popover trapFocus positioning={{ position: "below", align: "start", overflowBoundaryPadding: 8 }}>
      <PopoverTrigger disableButtonEnhancement>
        <button type="button" className={s.seal} data-seal={state}>
          {icons[state]}
          <span>{text(`seal.${state}`)}</span>
          {when !== null && <span className={s.when}>{when}</span>}
        </button>
      </PopoverTrigger>
      <PopoverSurface className={s.surface} aria-label={text("seal.label")}>
        <p className={s.sentence}>{sentenceOf(last, text, reader)}</p>
        {last !== null && (
          <>
            <Sentences title={text("seal.differing")} sentences={last.differing} loud />
            <Sentences title={text("seal.checked")} sentences={last.checked} />
            <p className={s.soft}>{last.checkpoint === null ? text("seal.checkpoint.none") : text("seal.checkpoint", { size: last.checkpoint.size })}</p>
            {last.checkpoint !== null && <code className={s.root}>{last.checkpoint.root}</code>}
            <p className={s.soft}>{text(`seal.worth.${last.means}`, { name: last.by.name })}</p>
          </>
        )}
        {last === null && <p className={s.soft}>{text("seal.never.next")}</p>}
      </PopoverSurface>
    </Popover>
  );
}

function Sentences({ title, sentences, loud = false }: { title: string; sentences: readonly string[]; loud?: boolean }) {
  if (sentences.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul className={s.sentences} data-loud={loud || undefined}>
        {sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </section>
  );
}
