import { Button, Input } from "@fluentui/react-components";
import type { SessionLimits } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf, type Versioned } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { sessionLimitsQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Field } from "./field.tsx";
import { Page, PageWithout } from "./page.tsx";
import s from "./person-sign-in.module.css";

/** As the server has them, in minutes. */
const bounds = { idleMinutes: [5, 1_440], wholeMinutes: [15, 10_080] } as const;

/** How long sessions of the tenant last. */
export function SessionLimitsPage() {
  const text = useText();
  const query = useQuery(sessionLimitsQuery);
  if (!query.data) return <PageWithout title={text("sessionLimits.page")} back={null} query={query} />;
  return (
    <Page title={text("sessionLimits.page")} lead={text("sessionLimits.lead")}>
      <Limits key={query.data.etag} current={query.data} />
    </Page>
  );
}

function Limits({ current: { value, etag } }: { current: Versioned<SessionLimits> }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [typed, setTyped] = useState({ idleMinutes: String(value.idleMinutes), wholeMinutes: String(value.wholeMinutes) });
  const draft = { idleMinutes: Number(typed.idleMinutes), wholeMinutes: Number(typed.wholeMinutes) };
  const again = () => queryClient.invalidateQueries({ queryKey: sessionLimitsQuery.queryKey });
  const save = useMutation({ mutationFn: () => api.changeSessionLimits(draft, etag), onSuccess: again, onError: (error) => (problemOf(error).status === 412 ? again() : undefined) });
  const mistake = (key: keyof typeof bounds): string | undefined => {
    const [least, most] = bounds[key];
    if (!Number.isInteger(draft[key]) || draft[key] < least || draft[key] > most) return text("sessionLimits.bounds", { least, most });
    return key === "idleMinutes" && draft.idleMinutes > draft.wholeMinutes ? text("sessionLimits.idle.tooLong") : undefined;
  };
  const isChanged = draft.idleMinutes !== value.idleMinutes || draft.wholeMinutes !== value.wholeMinutes;
  const isWrong = mistake("idleMinutes") !== undefined || mistake("wholeMinutes") !== undefined;
  return (
    <form
      className={s.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged && !isWrong) save.mutate();
      }}
    >
      <Field label={text("sessionLimits.idle")} hint={text("sessionLimits.idle.hint")} mistake={mistake("idleMinutes")}>
        <Input type="number" value={typed.idleMinutes} onChange={(_, { value: idleMinutes }) => setTyped({ ...typed, idleMinutes })} />
      </Field>
      <Field label={text("sessionLimits.whole")} hint={text("sessionLimits.whole.hint")} mistake={mistake("wholeMinutes")}>
        <Input type="number" value={typed.wholeMinutes} onChange={(_, { value: wholeMinutes }) => setTyped({ ...typed, wholeMinutes })} />
      </Field>
      <div className={s.save}>
        <Button type="submit" appearance="primary" disabled={!isChanged || isWrong || save.isPending}>
          {text("settings.save")}
        </Button>
        {save.isError && <span role="alert">{words(problemOf(save.error)).detail}</span>}
      </div>
    </form>
  );
}
