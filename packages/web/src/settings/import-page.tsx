import { Button, MessageBar, MessageBarBody, Textarea } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons/svg/arrow-download";
import { ArrowUploadRegular } from "@fluentui/react-icons/svg/arrow-upload";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { DismissRegular } from "@fluentui/react-icons/svg/dismiss";
import { DocumentTextRegular } from "@fluentui/react-icons/svg/document-text";
import type { ImportResult } from "@earwitness/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { api, problemOf } from "../api.ts";
import { Back } from "../frame/back.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { useText } from "../text.ts";
import { Page } from "./page.tsx";
import { Section } from "./section.tsx";
import s from "./import-page.module.css";

const sample = [
  "upn,displayName,givenName,familyName,role,recorded,addresses,extensions,groups,managedGroups",
  "adele@example.com,Adele Vance,Adele,Vance,User Self View,true,tel:+49301234567 sip:adele@example.com,4711,Sales|Berlin",
  "alex@example.com,Alex Wilber,Alex,Wilber,,false,tel:+49301234568,4712,Sales",
  "",
].join("\r\n");
const columns = ["upn", "displayName", "givenName", "familyName", "role", "recorded", "addresses", "extensions", "groups", "managedGroups"];

/** First a look at what would happen, then all of it or nothing. A file goes to the server as its bytes: only so is another encoding found out. */
export function ImportPage() {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const chooser = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | null>(null);
  const [typed, setTyped] = useState("");
  const [result, setResult] = useState<ImportResult | null>(null);
  const csv: Blob | string = file ?? typed;
  const run = useMutation({
    mutationFn: ({ given, apply }: { given: Blob | string; apply: boolean }) => api.importPeople(given, apply),
    onSuccess: (told) => {
      setResult(told);
      if (told.applied) void Promise.all([queryClient.invalidateQueries({ queryKey: ["people"] }), queryClient.invalidateQueries({ queryKey: ["groups"] })]);
    },
  });
  const begin = (next: { file: File | null; typed: string }) => {
    setFile(next.file);
    setTyped(next.typed);
    setResult(null);
    run.reset();
    // A chosen file says all there is to say: look at once.
    if (next.file !== null) run.mutate({ given: next.file, apply: false });
  };
  const changes = result === null ? 0 : result.created + result.changed;
  const hasMistakes = (result?.mistakes.length ?? 0) > 0;
  const isNothing = result !== null && !hasMistakes && changes + result.newGroups.length === 0;
  return (
    <Page title={text("import.page")} lead={text("import.lead")} back={<Back to={pages.people()} label={text("people.page")} />}>
      <Section title={text("import.file")}>
        <div
          className={s.drop}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            const [dropped] = event.dataTransfer.files;
            if (dropped) begin({ file: dropped, typed: "" });
          }}
        >
          <input
            ref={chooser}
            type="file"
            accept=".csv,text/csv"
            aria-label={text("import.file")}
            className="unseen"
            tabIndex={-1}
            onChange={(event) => {
              const [chosen] = event.target.files ?? [];
              if (chosen) begin({ file: chosen, typed: "" });
              // The same file, corrected, can be chosen again.
              event.target.value = "";
            }}
          />
          {file === null ? (
            <>
              <Button icon={<ArrowUploadRegular />} onClick={() => chooser.current?.click()}>
                {text("import.choose")}
              </Button>
              <span>{text("import.drop")}</span>
            </>
          ) : (
            <>
              <span className={s.icon}><DocumentTextRegular /></span>
              <strong>{file.name}</strong>
              <span>{text("import.size", { size: Math.max(1, Math.round(file.size / 1024)) })}</span>
              <Button size="small" onClick={() => chooser.current?.click()}>
                {text("import.other")}
              </Button>
              <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={text("import.remove")} onClick={() => begin({ file: null, typed: "" })} />
            </>
          )}
        </div>
        {file === null && (
          <>
            <Textarea className={s.csv} value={typed} rows={6} resize="vertical" spellCheck={false} aria-label={text("import.paste")} placeholder={text("import.paste")} onChange={(_, { value }) => begin({ file: null, typed: value })} />
            <div className={s.actions}>
              <Button appearance={result === null ? "primary" : "secondary"} disabled={typed.trim() === "" || run.isPending} onClick={() => run.mutate({ given: csv, apply: false })}>
                {text("import.look")}
              </Button>
            </div>
          </>
        )}
        <details className={s.columns}>
          <summary>{text("import.columns.title")}</summary>
          <p>{text("import.columns")}</p>
          <dl>
            {columns.map((column) => (
              <div key={column}>
                <dt>
                  <code>{column}</code>
                </dt>
                <dd>{text(`import.column.${column as "upn"}`)}</dd>
              </div>
            ))}
          </dl>
        </details>
        <a className={s.sample} href={`data:text/csv;charset=utf-8,${encodeURIComponent(sample)}`} download="people.csv">
          <ArrowDownloadRegular /> {text("import.sample")}
        </a>
      </Section>

      <div role="status" className={s.outcome}>
        {run.isPending && <p className={s.working}>{text(run.variables.apply ? "import.applying" : "import.working")}</p>}
        {run.isError && (
          <MessageBar intent="error" layout="multiline">
            <MessageBarBody>{words(problemOf(run.error)).detail}</MessageBarBody>
          </MessageBar>
        )}
        {result !== null && !run.isPending && (
          <Section title={text(result.applied ? "import.done" : hasMistakes ? "import.mistakes" : isNothing ? "import.nothing" : "import.would")} lead={hasMistakes ? text("import.mistakes.lead", { count: result.mistakes.length }) : ""}>
            {hasMistakes ? (
              <table className={s.mistakes}>
                <thead>
                  <tr>
                    <th scope="col">{text("import.line")}</th>
                    <th scope="col">{text("import.column")}</th>
                    <th scope="col">{text("import.what")}</th>
                  </tr>
                </thead>
                <tbody>
                  {result.mistakes.map(({ line, column, message }, index) => (
                    <tr key={index}>
                      <td>{line}</td>
                      <td>{column}</td>
                      <td>{message}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            ) : (
              <>
                <dl className={s.counts}>
                  {(["created", "changed", "unchanged"] as const).map((key) => (
                    <div key={key} data-none={result[key] === 0 || undefined}>
                      <dd>{result[key].toLocaleString()}</dd>
                      <dt>{text(`import.${key}`)}</dt>
                    </div>
                  ))}
                </dl>
                {result.newGroups.length > 0 && <p>{text(result.applied ? "import.madeGroups" : "import.newGroups", { groups: result.newGroups.join(", ") })}</p>}
                <div className={s.actions}>
                  {result.applied ? (
                    <>
                      <span className={s.icon}><CheckmarkCircleRegular /></span>
                      <Link {...pages.people()} className={s.sample}>
                        {text("import.show")}
                      </Link>
                    </>
                  ) : (
                    !isNothing && (
                      <Button appearance="primary" onClick={() => run.mutate({ given: csv, apply: true })}>
                        {text("import.apply", { count: changes })}
                      </Button>
                    )
                  )}
                </div>
              </>
            )}
          </Section>
        )}
      </div>
    </Page>
  );
}
