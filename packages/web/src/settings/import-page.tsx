import { Button, MessageBar, MessageBarBody, Textarea } from "@fluentui/react-components";
import { ArrowLeftRegular } from "@fluentui/react-icons/svg/arrow-left";
import type { ImportResult } from "@earwitness/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { useText } from "../text.ts";
import { Page } from "./page.tsx";
import { Section } from "./section.tsx";
import s from "./import-page.module.css";
import t from "./trunk-page.module.css";

const sample = [
  "upn,displayName,givenName,familyName,accessProfile,recorded,addresses,extensions,groups",
  "adele@example.com,Adele Vance,Adele,Vance,Own Calls,true,+49301234567 sip:adele@example.com,4711,Sales|Berlin",
  "",
].join("\r\n");

/** First a look at what would happen, then all of it or nothing. */
export function ImportPage() {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [csv, setCsv] = useState("");
  const [result, setResult] = useState<ImportResult | null>(null);
  const run = useMutation({
    mutationFn: (apply: boolean) => api.importPeople(csv, apply),
    onSuccess: (given) => {
      setResult(given);
      if (given.applied) void Promise.all([queryClient.invalidateQueries({ queryKey: ["people"] }), queryClient.invalidateQueries({ queryKey: ["groups"] })]);
    },
  });
  const type = (next: string) => {
    setCsv(next);
    setResult(null);
    run.reset();
  };
  const canApply = result !== null && !result.applied && result.mistakes.length === 0 && result.created + result.changed > 0;
  return (
    <Page
      title={text("import.page")}
      lead={text("import.lead")}
      back={
        <Link {...pages.people()} className={t.back}>
          <ArrowLeftRegular /> {text("people.page")}
        </Link>
      }
    >
      <Section title={text("import.file")} lead={text("import.columns")}>
        <div className={s.choose}>
          <input type="file" accept=".csv,text/csv" aria-label={text("import.file")} onChange={(event) => void event.target.files?.[0]?.text().then(type)} />
          <a href={`data:text/csv;charset=utf-8,${encodeURIComponent(sample)}`} download="people.csv">
            {text("import.sample")}
          </a>
        </div>
        <Textarea className={s.csv} value={csv} rows={8} resize="vertical" aria-label={text("import.paste")} placeholder={text("import.paste")} onChange={(_, { value }) => type(value)} />
        <div className={t.actions}>
          <Button appearance={canApply ? "secondary" : "primary"} disabled={csv.trim() === "" || run.isPending} onClick={() => run.mutate(false)}>
            {text("import.look")}
          </Button>
          <Button appearance={canApply ? "primary" : "secondary"} disabled={!canApply || run.isPending} onClick={() => run.mutate(true)}>
            {text("import.apply", { count: result === null ? 0 : result.created + result.changed })}
          </Button>
          {run.isPending && <span role="status">{text("import.working")}</span>}
        </div>
      </Section>
      {run.isError && (
        <MessageBar intent="error" role="alert">
          <MessageBarBody>{words(problemOf(run.error)).detail}</MessageBarBody>
        </MessageBar>
      )}
      {result && (
        <Section title={text(result.applied ? "import.done" : result.mistakes.length > 0 ? "import.mistakes" : "import.would")}>
          <p role="status">
            {text("import.counts", { created: result.created, changed: result.changed, unchanged: result.unchanged })}
            {result.newGroups.length > 0 && ` ${text("import.newGroups", { groups: result.newGroups.join(", ") })}`}
          </p>
          {result.mistakes.length > 0 && (
            <ul className={s.mistakes}>
              {result.mistakes.map((mistake, index) => (
                <li key={index}>
                  <b>{mistake.column === null ? text("import.line", { line: mistake.line }) : text("import.place", { line: mistake.line, column: mistake.column })}</b> {mistake.message}
                </li>
              ))}
            </ul>
          )}
        </Section>
      )}
    </Page>
  );
}
