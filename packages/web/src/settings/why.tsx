import { Button, Input } from "@fluentui/react-components";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { SubtractCircleRegular } from "@fluentui/react-icons/svg/subtract-circle";
import { levels } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { accessQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Section } from "./section.tsx";
import s from "./why.module.css";

/** Why can this person (not) do this? Asked on purpose: the answer says whose calls somebody sees. */
export function Why({ personId }: { personId: string }) {
  const text = useText();
  const words = useProblemWords();
  const [shown, setShown] = useState(false);
  const [typed, setTyped] = useState("");
  const [call, setCall] = useState("");
  const query = useQuery({ ...accessQuery(personId, call), enabled: shown });
  if (!shown) {
    return (
      <Section title={text("why.title")} lead={text("why.lead")} tools={<Button onClick={() => setShown(true)}>{text("why.show")}</Button>}>
        {null}
      </Section>
    );
  }
  const told = query.data;
  return (
    <Section title={text("why.title")} lead={text("why.lead")}>
      {query.isError && (
        <p role="alert" className={s.failed}>
          {words(problemOf(query.error)).detail}
        </p>
      )}
      {told && (
        <>
          <p>{text("why.level", { level: levels[told.level], sources: told.sources.map(({ name }) => name).join(", ") })}</p>
          <ul className={s.list}>
            {told.permissions.map(({ permission, allowed, because }) => (
              <li key={permission} data-allowed={allowed || undefined}>
                {allowed ? <CheckmarkCircleRegular /> : <SubtractCircleRegular />}
                <div>
                  <b>{permission}</b> <span className={s.verdict}>{text(allowed ? "why.may" : "why.mayNot")}</span>
                  {because.map((reason) => (
                    <p key={reason}>{reason}</p>
                  ))}
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
      <form
        className={s.call}
        onSubmit={(event) => {
          event.preventDefault();
          setCall(typed.trim().split("/").at(-1) ?? "");
        }}
      >
        <Input className={s.id} value={typed} aria-label={text("why.call")} placeholder={text("why.call")} onChange={(_, { value }) => setTyped(value)} />
        <Button type="submit" disabled={typed.trim() === ""}>
          {text("why.ask")}
        </Button>
      </form>
      {told?.call && (
        <div role="status" className={s.answer} data-allowed={told.call.visible || undefined}>
          {told.call.visible ? <CheckmarkCircleRegular /> : <SubtractCircleRegular />}
          <div>
            <b>{text(told.call.visible ? "why.sees" : "why.seesNot")}</b>
            {told.call.because.map((reason) => (
              <p key={reason}>{reason}</p>
            ))}
          </div>
        </div>
      )}
    </Section>
  );
}
