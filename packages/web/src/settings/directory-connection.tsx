import { Button, Input, Switch } from "@fluentui/react-components";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { EditRegular } from "@fluentui/react-icons/svg/edit";
import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import type { DirectoryTrial, NewDirectorySettings, Replication } from "@earwitness/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import { Ago } from "../frame/ago.tsx";
import { Field } from "./field.tsx";
import { fromProblem, mistakesAt, type Mistake } from "./mistakes.ts";
import { Section } from "./section.tsx";
import s from "./directory-page.module.css";

export function DirectoryConnection({ directory }: { directory: Replication }) {
  const text = useText();
  const [isEdited, setEdited] = useState(false);
  const { settings } = directory;
  return (
    <Section title={text("directory.connection")} lead={settings === null ? text("directory.connection.lead") : ""}>
      {settings === null || isEdited ? <Form directory={directory} onDone={settings === null ? null : () => setEdited(false)} /> : <Settled directory={directory} onEdit={() => setEdited(true)} />}
    </Section>
  );
}

function Settled({ directory: { settings, secretSetAt, m365TenantId, graph }, onEdit }: { directory: Replication; onEdit: () => void }) {
  const text = useText();
  const trial = useMutation({ mutationFn: () => api.tryDirectory(null) });
  return (
    <>
      <dl className={s.facts}>
        <dt>{text("directory.m365")}</dt>
        <dd><code>{m365TenantId}</code></dd>
        <dt>{text("directory.clientId")}</dt>
        <dd><code>{settings?.clientId}</code></dd>
        <dt>{text("directory.secret")}</dt>
        <dd>
          {text("directory.secret.given")} {secretSetAt !== null && <Ago at={secretSetAt} />}
        </dd>
        <dt>{text("directory.secretExpires")}</dt>
        <dd>{settings?.secretExpiresOn ?? text("directory.secretExpires.none")}</dd>
        <dt>{text("directory.recordsNew")}</dt>
        <dd>{text(settings?.recordsNew === true ? "directory.recordsNew.yes" : "directory.recordsNew.no")}</dd>
        <dt>{text("directory.graph")}</dt>
        <dd>{graph}</dd>
      </dl>
      <div className={s.actions}>
        <Button icon={<EditRegular />} onClick={onEdit}>
          {text("directory.change")}
        </Button>
        <Button disabledFocusable={trial.isPending} onClick={() => trial.mutate()}>
          {text(trial.isPending ? "directory.trying" : "directory.try")}
        </Button>
      </div>
      <Trial trial={trial.data} error={trial.error} />
    </>
  );
}

/** A secret is typed here and sent; it is kept in no draft of the browser. */
function Form({ directory: { settings, m365TenantId }, onDone }: { directory: Replication; onDone: (() => void) | null }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [clientId, setClientId] = useState(settings?.clientId ?? "");
  const [clientSecret, setClientSecret] = useState("");
  const [secretExpiresOn, setExpires] = useState(settings?.secretExpiresOn ?? "");
  const [recordsNew, setRecordsNew] = useState(settings?.recordsNew ?? false);
  const [wasTried, setWasTried] = useState(false);
  const isSameApp = settings !== null && settings.clientId === clientId.trim().toLowerCase();
  const wrong: Mistake[] = [
    ...(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(clientId.trim()) ? [] : [{ where: "clientId", message: text("directory.clientId.wrong") }]),
    ...(clientSecret === "" && !isSameApp ? [{ where: "clientSecret", message: text("directory.secret.missing") }] : []),
  ];
  const credentials = { clientId: clientId.trim(), ...(clientSecret === "" ? {} : { clientSecret }) };
  const save = useMutation({
    mutationFn: (sent: NewDirectorySettings) => api.connectDirectory(sent),
    onSuccess: async (fresh) => {
      queryClient.setQueryData(["directory"], fresh);
      await queryClient.invalidateQueries({ queryKey: ["directory", "runs"] });
      onDone?.();
    },
  });
  const trial = useMutation({ mutationFn: () => api.tryDirectory(credentials) });
  const problem = save.isError ? problemOf(save.error) : null;
  const said = [...(wasTried ? wrong : []), ...fromProblem(problem?.errors)];
  const ifRight = (act: () => void) => {
    setWasTried(true);
    if (wrong.length === 0) act();
  };
  return (
    <form
      className={s.form}
      noValidate
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        ifRight(() => save.mutate({ ...credentials, recordsNew, secretExpiresOn: secretExpiresOn === "" ? null : secretExpiresOn }));
      }}
    >
      <dl className={s.facts}>
        <dt>{text("directory.m365")}</dt>
        <dd><code>{m365TenantId}</code></dd>
      </dl>
      <Field label={text("directory.clientId")} hint={text("directory.clientId.hint")} required mistake={mistakesAt(said, "clientId")}>
        <Input value={clientId} spellCheck={false} autoComplete="off" onChange={(_, { value }) => setClientId(value)} />
      </Field>
      <Field label={text("directory.secret")} hint={`${text("directory.secret.hint")}${isSameApp ? ` ${text("directory.secret.keep")}` : ""}`} required={!isSameApp} mistake={mistakesAt(said, "clientSecret")}>
        <Input type="password" value={clientSecret} maxLength={500} autoComplete="new-password" onChange={(_, { value }) => setClientSecret(value.trim())} />
      </Field>
      <Field label={text("directory.secretExpires")} hint={text("directory.secretExpires.hint")} mistake={mistakesAt(said, "secretExpiresOn")}>
        <Input type="date" value={secretExpiresOn} onChange={(_, { value }) => setExpires(value)} />
      </Field>
      <Field label={text("directory.recordsNew")} hint={text("directory.recordsNew.hint")}>
        <Switch checked={recordsNew} onChange={(_, { checked }) => setRecordsNew(checked)} label={text(recordsNew ? "directory.recordsNew.yes" : "directory.recordsNew.no")} />
      </Field>
      <div className={s.actions}>
        <Button type="submit" appearance="primary" disabledFocusable={save.isPending}>
          {text(save.isPending ? "directory.saving" : settings === null ? "directory.connect" : "settings.save")}
        </Button>
        <Button disabledFocusable={trial.isPending} onClick={() => ifRight(() => trial.mutate())}>
          {text(trial.isPending ? "directory.trying" : "directory.try")}
        </Button>
        {onDone !== null && (
          <Button appearance="subtle" onClick={onDone}>
            {text("settings.cancel")}
          </Button>
        )}
      </div>
      {problem !== null && (problem.errors?.length ?? 0) === 0 && (
        <p role="alert" className={s.failed}>
          {words(problem).detail}
        </p>
      )}
      <Trial trial={trial.data} error={trial.error} />
    </form>
  );
}

/** What Microsoft answered, question by question. */
function Trial({ trial, error }: { trial: DirectoryTrial | undefined; error: unknown }) {
  const text = useText();
  const words = useProblemWords();
  return (
    <div role="status">
      {error !== null && <p className={s.failed}>{words(problemOf(error)).detail}</p>}
      {trial && error === null && (
        <ul className={s.trial}>
          {trial.steps.map(({ what, ok, message }) => (
            <li key={what} data-ok={ok}>
              <span className={s.trialIcon}>{ok ? <CheckmarkCircleRegular /> : <WarningRegular />}</span>
              <div>
                <strong>
                  {what}: {text(ok ? "directory.try.ok" : "directory.try.failed")}
                </strong>
                <p>{message}</p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
