import { Textarea } from "@fluentui/react-components";
import { PersonRegular } from "@fluentui/react-icons/svg/person";
import { PersonProhibitedRegular } from "@fluentui/react-icons/svg/person-prohibited";
import { QuestionCircleRegular } from "@fluentui/react-icons/svg/question-circle";
import { useId } from "react";
import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import type { Trial } from "./use-trial.ts";
import s from "./trial.module.css";

interface TrialPanelProps {
  readonly typed: string;
  readonly onType: (typed: string) => void;
  readonly trial: Trial;
  /** Whether rules are wrong, so that nothing can be tried. */
  readonly isBlocked: boolean;
}

/** What the rules beside it would make of addresses as the border controller writes them. */
export function TrialPanel({ typed, onType, trial, isBlocked }: TrialPanelProps) {
  const text = useText();
  const words = useProblemWords();
  const id = useId();
  return (
    <section className={s.panel} aria-labelledby={id}>
      <h2 id={id}>{text("trunk.trial")}</h2>
      <p className={s.lead}>{text("trunk.trial.lead")}</p>
      <Textarea
        className={s.samples}
        value={typed}
        rows={3}
        resize="vertical"
        spellCheck={false}
        aria-label={text("trunk.trial.samples")}
        placeholder={"sip:+49301234567@sbc.example;user=phone\n00441632960001\n4711"}
        onChange={(_, { value }) => onType(value)}
      />
      <div className={s.results} aria-live="polite" data-stale={(trial.isStale && typed.trim() !== "") || undefined}>
        {typed.trim() === "" ? (
          <p className={s.none}>{text("trunk.trial.none")}</p>
        ) : isBlocked ? (
          <p className={s.none}>{text("trunk.trial.blocked")}</p>
        ) : trial.failure !== null ? (
          <p role="alert">{words(problemOf(trial.failure)).detail}</p>
        ) : (
          <ol>
            {trial.results?.map(({ sample, address, person, explanation }, index) => (
              <li key={index}>
                <code>{sample}</code>
                <span className={s.address}>
                  <span aria-hidden="true">→ </span>
                  {address}
                </span>
                <span className={s.person} data-recorded={person?.recorded || undefined}>
                  {person === null ? <QuestionCircleRegular /> : person.recorded ? <PersonRegular /> : <PersonProhibitedRegular />}
                  <span>{person === null ? text("trunk.trial.nobody") : text(person.recorded ? "trunk.trial.person" : "trunk.trial.unrecorded", { name: person.name })}</span>
                </span>
                <span className={s.why}>{explanation}</span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}
