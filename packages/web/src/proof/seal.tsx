import type { Interaction, Verification } from "@earwitness/contract";
import { useId, useRef } from "react";
import { placePopover } from "../frame/place-popover.ts";
import { useReader, useText } from "../text.ts";
import { formatClock, formatDate } from "../time.ts";
import { hasProof, icons, sentenceOf, stateOf } from "./seal-mark.tsx";
import s from "./seal.module.css";

/** On the page of an interaction: opens what was checked, by whom, and against what. */
export function Seal({ call }: { call: { readonly mediaStatus: Interaction["mediaStatus"]; readonly verification: Verification | null } }) {
  const text = useText();
  const reader = useReader();
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const surface = useRef<HTMLDivElement>(null);
  if (!hasProof(call)) return null;
  const { verification: last } = call;
  const state = stateOf(last);
  const when = last === null ? null : `${formatDate(last.at, reader)}, ${formatClock(last.at, reader)}`;
  return (
    <>
      <button ref={button} type="button" className={s.seal} data-seal={state} popoverTarget={id}>
        {icons[state]}
        <span>{text(`seal.${state}`)}</span>
        {when !== null && <span className={s.when}>{when}</span>}
      </button>
      {/* It scrolls, so the keyboard has to reach it. */}
      <div ref={surface} id={id} popover="auto" role="dialog" tabIndex={0} className={s.surface} aria-label={text("seal.label")} onToggle={() => placePopover(button.current, surface.current)}>
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
      </div>
    </>
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
